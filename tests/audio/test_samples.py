"""Bytes become frames without loss, in every layout a sound card may use."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.audio.samples import (
    check_format,
    frames_from_s16,
    frames_from_s24,
    frames_from_s24_3,
    frames_from_s32,
    frames_from_shares,
)
from recorder.audio.source import AudioFormat
from recorder.errors import MicrophoneFormatError

SAMPLES_24 = st.lists(st.integers(-(2**23), 2**23 - 1)).map(lambda half: half * 2)


@given(st.lists(st.integers(-(2**15), 2**15 - 1)).map(lambda half: half * 2))
def test_16_bit_samples_keep_their_value_and_place(samples: list[int]) -> None:
    data = b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)
    frames = frames_from_s16(data, 2)
    assert frames.dtype == np.int16
    assert frames.ravel().tolist() == samples
    assert frames.shape == (len(samples) // 2, 2)


@given(SAMPLES_24)
def test_packed_24_bit_samples_end_in_the_upper_24_bits(samples: list[int]) -> None:
    data = b"".join(sample.to_bytes(3, "little", signed=True) for sample in samples)
    frames = frames_from_s24_3(data, 2)
    assert frames.dtype == np.int32
    assert (frames >> 8).ravel().tolist() == samples
    assert not np.any(frames & 0xFF)


@given(SAMPLES_24, st.binary(min_size=1, max_size=1))
def test_the_fourth_byte_of_unpacked_24_bit_samples_is_ignored(
    samples: list[int], rubbish: bytes
) -> None:
    data = b"".join(s.to_bytes(3, "little", signed=True) + rubbish for s in samples)
    assert (frames_from_s24(data, 2) >> 8).ravel().tolist() == samples


@given(SAMPLES_24, st.binary(min_size=1, max_size=1))
def test_32_bit_samples_are_cut_to_24(samples: list[int], rubbish: bytes) -> None:
    data = b"".join(rubbish + s.to_bytes(3, "little", signed=True) for s in samples)
    frames = frames_from_s32(data, 1)
    assert (frames >> 8).ravel().tolist() == samples
    assert not np.any(frames & 0xFF)


def test_full_scale_becomes_the_largest_sample_of_each_width() -> None:
    shares = np.array([1.0, 0.0, -1.0])
    assert frames_from_shares(shares, 16).tolist() == [32767, 0, -32767]
    assert (frames_from_shares(shares, 24) >> 8).tolist() == [8388607, 0, -8388607]


@pytest.mark.parametrize("bits", [16, 24])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_every_format_we_write_is_allowed(bits: int, n_channels: int) -> None:
    check_format(AudioFormat(bits=bits, n_channels=n_channels))


@pytest.mark.parametrize(
    ("fmt", "value"),
    [
        (AudioFormat(rate_hz=44_100), "44100"),
        (AudioFormat(bits=20), "20"),
        (AudioFormat(bits=0), "0"),
        (AudioFormat(n_channels=0), "0"),
        (AudioFormat(n_channels=3), "3"),
    ],
)
def test_any_other_format_is_refused_with_its_value(fmt: AudioFormat, value: str) -> None:
    with pytest.raises(MicrophoneFormatError, match=f": {value}, allowed is"):
        check_format(fmt)
