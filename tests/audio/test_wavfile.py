"""A WAV file is heard exactly as it is, at its own pace, and refused where it can't be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from recorder.audio.source import AudioBlock, AudioConnected, AudioFormat, AudioLost
from recorder.audio.wavfile import WavCapture, WavMicrophone
from recorder.clock import NS_PER_S
from recorder.errors import MicrophoneError, MicrophoneFormatError, NoSuchMicrophoneError
from tests.heard import Heard

if TYPE_CHECKING:
    from pathlib import Path

START_NS = 5_000_000_000
MONO = AudioFormat()


def write_wav(
    folder: Path, n_frames: int, fmt: AudioFormat = MONO, **changes: str | int
) -> Path:
    """Write noise; return the path."""
    path = folder / "talk.wav"
    kind = {"subtype": f"PCM_{fmt.bits}", "samplerate": fmt.rate_hz, **changes}
    noise = np.random.default_rng(n_frames).uniform(-0.9, 0.9, (n_frames, fmt.n_channels))
    soundfile.write(path, noise, format="WAV", **kind)
    return path


def listen(capture: WavCapture, seconds: float) -> Heard:
    heard = Heard()
    for ms in range(0, round(seconds * 1000) + 7, 7):
        for event in capture.advance(START_NS + ms * 1_000_000):
            heard(event)
    return heard


@pytest.mark.parametrize("bits", [16, 24])
@pytest.mark.parametrize("n_channels", [1, 2])
@pytest.mark.parametrize("n_frames", [0, 1, 959, 960, 961, 4800])
def test_every_frame_is_heard_once_then_the_end(
    tmp_path: Path, bits: int, n_channels: int, n_frames: int
) -> None:
    fmt = AudioFormat(bits=bits, n_channels=n_channels)
    path = write_wav(tmp_path, n_frames, fmt)
    heard = listen(WavCapture(path, fmt), 0.2)
    assert isinstance(heard.events[0], AudioConnected)
    assert isinstance(heard.events[-1], AudioLost)
    assert heard.of(AudioLost)[0].reason == "end of file"
    assert heard.n_frames == n_frames
    if n_frames:
        kind = "int16" if bits == 16 else "int32"
        written, _ = soundfile.read(path, dtype=kind, always_2d=True)
        assert np.array_equal(heard.frames, written)
        assert heard.frames.dtype == kind


def test_after_the_end_nothing_comes_any_more(tmp_path: Path) -> None:
    capture = WavCapture(write_wav(tmp_path, 960), MONO)
    listen(capture, 1)
    assert capture.next_read_ns is None
    assert capture.advance(START_NS + 9 * NS_PER_S) == []


def test_the_file_sets_the_pace(tmp_path: Path) -> None:
    capture = WavCapture(write_wav(tmp_path, 48_000), MONO)
    assert len(capture.advance(START_NS)) == 1
    assert capture.next_read_ns == START_NS + 20_000_000
    assert capture.advance(START_NS + 19_999_999) == []
    (block,) = capture.advance(START_NS + 20_000_000)
    assert isinstance(block, AudioBlock)
    assert (block.stamp_ns, block.avail_frames) == (START_NS + 20_000_000, 0)


def test_on_the_host_clock_it_ends_by_itself_and_can_begin_anew(tmp_path: Path) -> None:
    microphone = WavMicrophone(write_wav(tmp_path, 9600), MONO)
    assert microphone.simulated
    for _ in range(2):
        heard = Heard()
        microphone.start(heard)
        heard.wait_for_count(AudioLost, 1)
        assert heard.n_frames == 9600
    microphone.stop()


@pytest.mark.parametrize(
    ("changes", "fmt", "found"),
    [
        ({"samplerate": 16_000}, MONO, "16000 Hz"),
        ({"subtype": "PCM_24"}, MONO, "PCM_24"),
        ({"subtype": "FLOAT"}, MONO, "FLOAT"),
        ({"subtype": "PCM_U8"}, MONO, "PCM_U8"),
        ({}, AudioFormat(n_channels=2), "1 channels"),
    ],
)
def test_another_format_is_refused_with_the_command_that_converts(
    tmp_path: Path, changes: dict[str, str | int], fmt: AudioFormat, found: str
) -> None:
    path = write_wav(tmp_path, 960, MONO, **changes)
    with pytest.raises(MicrophoneFormatError, match=found) as caught:
        WavMicrophone(path, fmt)
    channels = fmt.n_channels
    assert caught.value.hint == (
        f"convert it: sox talk.wav -r 48000 -b 16 -c {channels} new.wav"
    )


def test_a_missing_file_and_a_file_of_another_kind_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(NoSuchMicrophoneError, match="no such file"):
        WavMicrophone(tmp_path / "none.wav", MONO)
    (tmp_path / "letter.txt").write_text("Dear Sir")
    with pytest.raises(MicrophoneError, match="not a WAV file"):
        WavMicrophone(tmp_path / "letter.txt", MONO)
    soundfile.write(tmp_path / "talk.flac", np.zeros(960), 48_000)
    with pytest.raises(MicrophoneFormatError, match="FLAC"):
        WavMicrophone(tmp_path / "talk.flac", MONO)
