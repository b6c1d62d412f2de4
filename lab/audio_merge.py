"""Merge the parts' sound into one FLAC file: delivered frames only, nothing made up."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import soundfile

from lab.audio_timeline import Delivered
from lab.flac_reader import decode
from recorder.errors import FormatError, OpenError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from lab.flac_frames import StreamFormat
    from lab.flac_reader import FlacFile

_PRIVATE = 0o600


class AudioMerger:
    """Writes ``audio.flac``; the file appears with the first frame."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: soundfile.SoundFile | None = None
        self.stream: StreamFormat | None = None
        self.delivered: list[Delivered] = []
        self.n_frames = 0

    def add(self, file: FlacFile, first_frame: int) -> list[str]:
        """Append what ``file`` holds and return what was wrong with it.

        ``first_frame`` is the session's number of the file's first frame.
        """
        problems: list[str] = []
        for span in file.spans:
            try:
                self._check_format(file.head.stream)
                frames = decode(file.head, span)
            except FormatError as error:
                problems.append(error.message)
                continue
            self._write(file.head.stream, frames)
            piece = Delivered(first_frame + span.first, span.n_frames, self.n_frames)
            self.delivered.append(piece)
            self.n_frames += span.n_frames
        return problems

    def close(self) -> None:
        """Finish the file: STREAMINFO gets its total and MD5."""
        if self._file is None:
            return
        try:
            self._file.close()
            n_written = soundfile.info(str(self._path)).frames
        except soundfile.SoundFileError:
            n_written = 0
        if n_written != self.n_frames:
            raise OpenError(
                f"{self._path.name} was not written whole: {self.n_frames} frames expected",
                hint="look whether the disk is full",
            )

    def _write(
        self, stream: StreamFormat, frames: NDArray[np.int16] | NDArray[np.int32]
    ) -> None:
        try:
            self._open(stream).write(frames)
        except soundfile.SoundFileError as error:
            raise OpenError(
                f"{self._path.name} can't be written: {error}",
                hint="look whether the disk is full",
            ) from error

    def _check_format(self, stream: StreamFormat) -> None:
        if self.stream and _format(stream) != _format(self.stream):
            raise FormatError(
                f"sound of {_format(stream)}; the session's is {_format(self.stream)}"
            )

    def _open(self, stream: StreamFormat) -> soundfile.SoundFile:
        if self._file is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._file = soundfile.SoundFile(
                os.open(self._path, flags, _PRIVATE),
                mode="w",
                samplerate=stream.rate_hz,
                channels=stream.n_channels,
                subtype=f"PCM_{stream.bits}",
                format="FLAC",
                closefd=True,
            )
            self.stream = stream
        return self._file


def _format(stream: StreamFormat) -> str:
    return f"{stream.rate_hz} Hz, {stream.bits} bit, {stream.n_channels} channels"
