"""A WAV file as a microphone: its frames, at the pace at which they were recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import soundfile

from recorder.audio.paced import PacedMicrophone
from recorder.audio.samples import check_format
from recorder.audio.source import AudioBlock, AudioConnected, AudioLost
from recorder.clock import NS_PER_S
from recorder.errors import MicrophoneError, MicrophoneFormatError, NoSuchMicrophoneError

if TYPE_CHECKING:
    from pathlib import Path

    from recorder.audio.source import AudioEvent, AudioFormat

PERIOD_S = 0.020
_BITS = {"PCM_16": 16, "PCM_24": 24}
_WAV_KINDS = ("WAV", "WAVEX", "RF64", "W64")


class WavCapture:
    """The file on any clock: frame ``k`` is captured at start + k / rate."""

    def __init__(self, path: Path, fmt: AudioFormat) -> None:
        self._format = fmt
        self._file = _open(path, fmt)
        self._period = round(PERIOD_S * fmt.rate_hz)
        self._start_ns: int | None = None
        self._read_frames = 0
        self._left_frames = int(self._file.frames)

    @property
    def next_read_ns(self) -> int | None:
        """Host time at which the next period is complete; None after the end."""
        if self._file.closed or self._start_ns is None:
            return None
        return self._due_ns(self._start_ns, min(self._period, self._left_frames))

    def advance(self, now_ns: int) -> list[AudioEvent]:
        """Return the periods that are over by ``now_ns``; at the end, the loss."""
        if self._start_ns is None:
            self._start_ns = now_ns
            return [AudioConnected(now_ns)]
        events: list[AudioEvent] = []
        while not self._file.closed:
            n_frames = min(self._period, self._left_frames)
            due_ns = self._due_ns(self._start_ns, n_frames)
            if due_ns > now_ns:
                break
            if n_frames == 0:
                self._file.close()
                events.append(AudioLost(now_ns, "end of file"))
                break
            events.append(self._block(n_frames, due_ns, now_ns))
        return events

    def _due_ns(self, start_ns: int, n_frames: int) -> int:
        """Return when ``n_frames`` more than those read so far have been captured."""
        frame = self._read_frames + n_frames
        return start_ns + frame * NS_PER_S // self._format.rate_hz

    def _block(self, n_frames: int, due_ns: int, now_ns: int) -> AudioBlock:
        kind = "int16" if self._format.bits == 16 else "int32"  # noqa: PLR2004 - or 24
        frames = self._file.read(n_frames, dtype=kind, always_2d=True)
        self._read_frames += n_frames
        self._left_frames -= n_frames
        return AudioBlock(frames, 0, due_ns, now_ns, 0)


class WavMicrophone(PacedMicrophone):
    """A WAV file on the host clock: an AudioSource that ends in AudioLost."""

    def __init__(self, path: Path, fmt: AudioFormat) -> None:
        check_format(fmt)
        _open(path, fmt).close()  # refuse now what would be refused at the start
        description = {"kind": "file", "file": path.name}
        super().__init__(fmt, description, lambda: WavCapture(path, fmt))


def _open(path: Path, fmt: AudioFormat) -> soundfile.SoundFile:
    """Open ``path`` where it holds exactly ``fmt``; raises MicrophoneError."""
    if not path.is_file():
        raise NoSuchMicrophoneError(f"microphone file {path}: there is no such file")
    try:
        file = soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        raise MicrophoneError(
            f"microphone file {path}: not a WAV file ({error.error_string})"
        ) from None
    bits = _BITS.get(file.subtype, 0)
    held = (file.format in _WAV_KINDS, file.samplerate, bits, file.channels)
    if held != (True, fmt.rate_hz, fmt.bits, fmt.n_channels):
        file.close()
        raise MicrophoneFormatError(
            f"microphone file {path}: {file.format} {file.subtype}, {file.samplerate} Hz, "
            f"{file.channels} channels; needed is WAV PCM_{fmt.bits}, {fmt.rate_hz} Hz, "
            f"{fmt.n_channels} channels",
            hint=f"convert it: sox {path.name} -r {fmt.rate_hz} -b {fmt.bits} "
            f"-c {fmt.n_channels} new.wav",
        )
    return file
