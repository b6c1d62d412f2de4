"""FLAC grows by whole frames only, carries our tag, and stock tools decode every cut."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.errors import FormatError
from recorder.format.flac import FlacEncoder, _GrowingFile, _header

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

TAG = "device=BOX-0007Y session=12345678-1234-4234-8234-123456789abc part=7 first_frame=9"
EDGES = [0, 1, 15, 4095, 4096, 4097, 8191, 8192, 8193, 20_000]
FORMATS = [(16, 1), (16, 2), (24, 1), (24, 2)]

needs_flac = pytest.mark.skipif(
    shutil.which("flac") is None or shutil.which("metaflac") is None, reason="needs flac"
)


def noise(n: int, bits: int, n_channels: int) -> NDArray[Any]:
    full = np.random.default_rng(n).integers(-(2**31), 2**31, (n, n_channels), np.int64)
    if bits == 16:
        return (full >> 16).astype(np.int16)
    return (full >> 8 << 8).astype(np.int32)


def encoder(bits: int = 16, n_channels: int = 1) -> FlacEncoder:
    return FlacEncoder(rate_hz=48_000, bits=bits, n_channels=n_channels, tag=TAG)


def decoded(content: bytes, frames: NDArray[Any]) -> NDArray[Any]:
    audio, _ = soundfile.read(io.BytesIO(content), dtype=str(frames.dtype), always_2d=True)
    return np.asarray(audio)


def salvaged(content: bytes, folder: Path, bits: int, n_channels: int) -> NDArray[Any]:
    """Decode what stock flac gets out of a torn file, as integers of ``bits``."""
    torn, raw = folder / "torn.flac", folder / "torn.raw"
    torn.write_bytes(content)
    options = ["--force-raw-format", "--endian=little", "--sign=signed", "-f", "-s"]
    subprocess.run(["flac", "-d", "-F", *options, "-o", raw, torn], check=False)
    octets = np.frombuffer(raw.read_bytes(), np.uint8).reshape(-1, n_channels, bits // 8)
    shifted = np.zeros((*octets.shape[:2], 4), np.uint8)
    shifted[..., 4 - bits // 8 :] = octets
    wide = shifted.view("<i4")[..., 0]
    return (wide >> 16).astype(np.int16) if bits == 16 else wide


@pytest.mark.parametrize("n", EDGES[1:])  # libsndfile reads no FLAC without a frame
@pytest.mark.parametrize(("bits", "n_channels"), FORMATS)
def test_a_closed_file_decodes_to_what_went_in(bits: int, n_channels: int, n: int) -> None:
    frames = noise(n, bits, n_channels)
    flac = encoder(bits, n_channels)
    for start in range(0, n, 480):
        flac.write(frames[start : start + 480])
    assert np.array_equal(decoded(flac.close(), frames), frames)
    assert flac.frames_written == flac.frames_in_bytes == n


@needs_flac
@pytest.mark.parametrize("n", EDGES)
@pytest.mark.parametrize(("bits", "n_channels"), FORMATS)
def test_stock_flac_tests_and_lists_a_closed_file(
    bits: int, n_channels: int, n: int, tmp_path: Path
) -> None:
    flac = encoder(bits, n_channels)
    flac.write(noise(n, bits, n_channels))
    path = tmp_path / "a.flac"
    path.write_bytes(flac.close())
    subprocess.run(["flac", "-t", "-s", path], check=True)
    listed = subprocess.run(
        ["metaflac", "--list", path], check=True, capture_output=True, text=True
    ).stdout
    facts = [line.strip() for line in listed.splitlines()]
    assert f"total samples: {n}" in facts
    assert f"bits-per-sample: {bits}" in facts
    assert f"channels: {n_channels}" in facts
    assert f"comment[0]: FIELDREC={TAG}" in facts


def test_rfc_9639_8_1_the_tag_is_the_second_and_last_metadata_block() -> None:
    content = encoder().take()
    assert content[:8] == b"fLaC\x00\x00\x00\x22"
    assert content[42] == 0x84
    length = int.from_bytes(content[43:46], "big")
    assert len(content) == 46 + length
    assert content.endswith(b"\x01\x00\x00\x00" + bytes([len(TAG) + 9, 0, 0, 0])
                            + b"FIELDREC=" + TAG.encode())  # fmt: skip


@pytest.mark.parametrize(("bits", "n_channels"), FORMATS)
def test_rfc_9639_8_2_streaminfo_has_total_and_md5_once_closed(
    bits: int, n_channels: int
) -> None:
    frames = noise(10_000, bits, n_channels)
    flac = encoder(bits, n_channels)
    flac.write(frames)
    content = flac.close()
    packed = int.from_bytes(content[18:26], "big")
    assert packed >> 44 == 48_000
    assert (packed >> 41 & 7) + 1 == n_channels
    assert (packed >> 36 & 31) + 1 == bits
    assert packed & (2**36 - 1) == 10_000
    octets = frames.astype("<i4").view(np.uint8).reshape(10_000, n_channels, 4)
    samples = frames.astype("<i2") if bits == 16 else octets[..., 1:]
    assert content[26:42] == hashlib.md5(samples.tobytes()).digest()  # noqa: S324 - FLAC's


def test_the_header_is_there_before_the_first_frame() -> None:
    flac = encoder()
    assert flac.take().startswith(b"fLaC")
    assert flac.frames_in_bytes == 0
    assert flac.take() == b""


@given(
    st.lists(st.integers(0, 9000), max_size=12),
    st.sampled_from(FORMATS),
    st.integers(0, 3),
)
@settings(deadline=None, max_examples=30)
def test_until_closed_bytes_are_only_ever_appended(
    sizes: list[int], audio_format: tuple[int, int], every: int
) -> None:
    bits, n_channels = audio_format
    flac = encoder(bits, n_channels)
    taken = flac.take()
    for index, size in enumerate(sizes):
        flac.write(noise(size, bits, n_channels))
        if index % 4 >= every:
            taken += flac.take()
        assert flac.frames_written - 4096 <= flac.frames_in_bytes <= flac.frames_written
    taken += flac.take()
    whole = flac.close()
    assert whole[42:].startswith(taken[42:])
    assert whole[:8] == taken[:8]
    assert flac.frames_in_bytes == flac.frames_written == sum(sizes)


@needs_flac
@pytest.mark.parametrize(("bits", "n_channels"), FORMATS)
def test_bytes_that_were_never_closed_decode_to_the_frames_counted(
    bits: int, n_channels: int, tmp_path: Path
) -> None:
    frames = noise(30_000, bits, n_channels)
    flac = encoder(bits, n_channels)
    flac.write(frames)
    audio = salvaged(flac.take(), tmp_path, bits, n_channels)
    assert len(audio) == flac.frames_in_bytes == 7 * 4096
    assert np.array_equal(audio, frames[: len(audio)])


@needs_flac
@pytest.mark.parametrize("seed", range(6))
def test_a_cut_anywhere_decodes_to_an_exact_beginning(seed: int, tmp_path: Path) -> None:
    frames = noise(60_000, 24, 2)
    flac = encoder(24, 2)
    flac.write(frames)
    content = flac.take()
    cut = int(np.random.default_rng(seed).integers(len(content) // 4, len(content)))
    audio = salvaged(content[:cut], tmp_path, 24, 2)
    assert len(audio) >= 4096
    assert np.array_equal(audio, frames[: len(audio)])


def test_minutes_of_audio_keep_no_more_than_their_bytes() -> None:
    flac = encoder()
    silence = np.zeros((48_000, 1), np.int16)
    for _ in range(300):
        flac.write(silence)
    assert len(flac.close()) < 100_000


def test_closing_twice_gives_the_same_file() -> None:
    flac = encoder()
    flac.write(noise(5000, 16, 1))
    assert flac.close() == flac.close()


def test_nothing_is_written_after_closing() -> None:
    flac = encoder()
    flac.close()
    with pytest.raises(FormatError, match="encoder"):
        flac.write(noise(10, 16, 1))


@pytest.mark.parametrize("frames", [noise(5, 24, 1), noise(5, 16, 2), noise(5, 16, 1)[0]])
def test_frames_of_another_width_or_shape_are_refused(frames: NDArray[Any]) -> None:
    with pytest.raises(FormatError, match="audio frames"):
        encoder(16, 1).write(frames)


@pytest.mark.parametrize(
    ("rate_hz", "bits", "n_channels", "tag"),
    [
        (48_000, 20, 1, TAG),
        (48_000, 32, 1, TAG),
        (48_000, 16, 0, TAG),
        (48_000, 16, 3, TAG),
        (0, 16, 1, TAG),
        (1_000_000, 16, 1, TAG),
        (48_000, 16, 1, "a\nb"),
        (48_000, 16, 1, "Ж"),
        (48_000, 16, 1, "x" * 1001),
    ],
)
def test_formats_and_tags_beyond_ours_are_refused(
    rate_hz: int, bits: int, n_channels: int, tag: str
) -> None:
    with pytest.raises(FormatError):
        FlacEncoder(rate_hz=rate_hz, bits=bits, n_channels=n_channels, tag=tag)


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 44_100, 48_000, 96_000, 192_000])
def test_every_usual_rate_has_the_same_block_size(rate_hz: int) -> None:
    flac = FlacEncoder(rate_hz=rate_hz, bits=16, n_channels=1, tag=TAG)
    flac.write(noise(4097, 16, 1))
    assert flac.frames_in_bytes == 4096
    assert soundfile.info(io.BytesIO(flac.close())).samplerate == rate_hz


def growing_file() -> _GrowingFile:
    return _GrowingFile(_header(48_000, bits=16, n_channels=1, tag=TAG))


def test_a_library_that_reads_back_is_noticed() -> None:
    stream = growing_file()
    assert stream.read(5) == b""
    with pytest.raises(FormatError, match="read 5 bytes back"):
        stream.raise_fault()


def test_a_library_that_goes_back_too_far_is_noticed() -> None:
    stream = growing_file()
    for piece in (b"fLaC", b"\x80\0\0\x22" + stream.tail(8)[:34], b"\xff\xf8" + bytes(9)):
        stream.write(piece)
    stream.raise_fault()
    before = stream.tail(0)
    stream.seek(50)
    stream.write(b"x")
    assert stream.tail(0) == before
    with pytest.raises(FormatError, match="went back to offset 50"):
        stream.raise_fault()


def test_a_library_with_another_block_size_is_noticed() -> None:
    stream = growing_file()
    stream.write(b"fLaC" + b"\x80\0\0\x22" + b"\x12\x00" + stream.tail(10)[:32])
    with pytest.raises(FormatError, match="STREAMINFO"):
        stream.raise_fault()


def test_a_library_that_splits_its_frames_is_noticed() -> None:
    stream = growing_file()
    for piece in (b"fLaC", b"\x80\0\0\x22" + stream.tail(8)[:34], b"half a frame"):
        stream.write(piece)
    with pytest.raises(FormatError, match="whole frames"):
        stream.raise_fault()


def test_seeking_and_telling_agree() -> None:
    stream = growing_file()
    stream.write(b"fLaC")
    assert stream.seek(0, io.SEEK_END) == stream.tell() == 4
    assert stream.seek(-3, io.SEEK_CUR) == stream.tell() == 1
