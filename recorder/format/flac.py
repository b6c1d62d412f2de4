"""FLAC, growing in memory: whole frames come out while the part is being recorded.

libFLAC is reached through libsndfile's virtual files, because soundfile ships it for
every platform of ours. libsndfile can't write tags of our own and writes no header
before the first frame, so the header is written here, STREAMINFO and a VORBIS_COMMENT
with ``FIELDREC``, and takes the place of libsndfile's.
Until `close` bytes are only ever appended; closing finishes the last frame and goes back
to fill in STREAMINFO's sizes, total and MD5.
Standard: RFC 9639; clause numbers below are its.
"""

from __future__ import annotations

import io
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from recorder.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

TAG_NAME = "FIELDREC"
_MAGIC = b"fLaC"  # clause 7
_BLOCK_HEADER_BYTES = 4  # clause 8.1
_STREAMINFO_BYTES = 34  # clause 8.2
_STREAMINFO_START = len(_MAGIC) + _BLOCK_HEADER_BYTES
_STREAMINFO_END = _STREAMINFO_START + _STREAMINFO_BYTES
_TYPE_STREAMINFO = 0
_TYPE_VORBIS_COMMENT = 4  # clause 8.6
_LAST_BLOCK = 0x80
_BLOCK_FRAMES = 4096  # libFLAC's block size at its default level
_FRAME_SYNC = b"\xff\xf8"  # clause 9.1: fixed block size
_DTYPE_OF_BITS: dict[int, np.dtype[np.int16] | np.dtype[np.int32]] = {
    16: np.dtype(np.int16),
    24: np.dtype(np.int32),
}
_MAX_CHANNELS = 2
_MAX_RATE_HZ = 192_000
_MAX_TAG_LENGTH = 1000


class FlacEncoder:
    """One FLAC file of a part, in RAM. One thread owns it.

    ``bits`` is 16 (frames are int16) or 24 (int32, sample in the upper 24 bits). ``tag``
    is the value of the Vorbis comment FIELDREC, printable ASCII.
    """

    def __init__(self, *, rate_hz: int, bits: int, n_channels: int, tag: str) -> None:
        if bits not in _DTYPE_OF_BITS:
            raise FormatError(f"{bits} bit audio: allowed are 16 and 24")
        if not 1 <= n_channels <= _MAX_CHANNELS:
            raise FormatError(f"{n_channels} audio channels: allowed are 1 and 2")
        if not 1 <= rate_hz <= _MAX_RATE_HZ:
            raise FormatError(f"{rate_hz} Hz audio: allowed are 1 to {_MAX_RATE_HZ}")
        if len(tag) > _MAX_TAG_LENGTH or not (tag.isascii() and tag.isprintable()):
            raise FormatError(f"a FLAC tag of {len(tag)} characters: must be short ASCII")
        self._dtype = _DTYPE_OF_BITS[bits]
        self._n_channels = n_channels
        header = _header(rate_hz, bits=bits, n_channels=n_channels, tag=tag)
        self._stream = _GrowingFile(header)
        with _translated_errors(f"begin at {rate_hz} Hz, {bits} bit"):
            self._file = soundfile.SoundFile(
                self._stream,
                mode="w",
                samplerate=rate_hz,
                channels=n_channels,
                subtype=f"PCM_{bits}",
                format="FLAC",
            )
        self._n_taken = 0
        self._frames_written = 0

    @property
    def frames_written(self) -> int:
        """Number of audio frames (one sample of each channel) written so far."""
        return self._frames_written

    @property
    def frames_in_bytes(self) -> int:
        """Audio frames whose whole FLAC frame is in the bytes: what a cut now keeps."""
        return min(self._stream.n_audio_frames, self._frames_written)

    def write(self, frames: NDArray[np.int16] | NDArray[np.int32]) -> None:
        """Encode ``frames``, shape ``(n_frames, n_channels)``, interleaved."""
        if frames.dtype != self._dtype or frames.shape[1:] != (self._n_channels,):
            raise FormatError(
                f"audio frames {frames.dtype} of shape {frames.shape}; this file takes"
                f" {self._dtype} with {self._n_channels} channels"
            )
        with _translated_errors("go on"):
            self._file.write(frames)
        self._stream.raise_fault()
        self._frames_written += len(frames)

    def take(self) -> bytes:
        """Return the bytes added since the last call; may be empty."""
        new = self._stream.tail(self._n_taken)
        self._n_taken += len(new)
        return new

    def close(self) -> bytes:
        """Finish the last frame and return the whole file; nothing can follow."""
        with _translated_errors("close"):
            self._file.close()
        self._stream.raise_fault()
        self._stream.n_audio_frames = self._frames_written
        return self._stream.tail(0)


@contextmanager
def _translated_errors(doing: str) -> Iterator[None]:
    try:
        yield
    except soundfile.SoundFileError as error:
        raise FormatError(f"the FLAC encoder failed to {doing}: {error}") from error


class _GrowingFile:
    """The file libsndfile thinks it writes; our header stands in the place of its own.

    libsndfile calls these methods from C, where an exception would be swallowed: faults
    are kept for `raise_fault`. Offsets are libsndfile's; ours differ after STREAMINFO by
    the size of the tag.
    """

    def __init__(self, header: bytes) -> None:
        self.n_audio_frames = 0
        self._bytes = bytearray(header)
        self._their_header = bytearray()
        self._in_header = True
        self._position = 0
        self._end = 0
        self._fault = ""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to an offset in libsndfile's idea of the file."""
        starts = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._end}
        self._position = starts.get(whence, 0) + offset
        return self._position

    def tell(self) -> int:
        """Return the offset in libsndfile's idea of the file."""
        return self._position

    def read(self, n_bytes: int) -> bytes:
        """Refuse: an encoder has nothing to read."""
        self._keep_fault(f"asked to read {n_bytes} bytes back")
        return b""

    def write(self, piece: bytes) -> int:
        """Take one metadata block, one whole FLAC frame, or a patch of STREAMINFO."""
        if self._position < self._end:
            self._patch(piece)
        elif self._in_header:
            self._skip_header(piece)
        else:
            self._append_frame(piece)
        self._position += len(piece)
        self._end = max(self._end, self._position)
        return len(piece)

    def tail(self, start: int) -> bytes:
        """Return our file's bytes from ``start``."""
        return bytes(memoryview(self._bytes)[start:])

    def raise_fault(self) -> None:
        """Raise FormatError for what went wrong inside a callback."""
        if self._fault:
            raise FormatError(f"the FLAC encoder {self._fault}")

    def _keep_fault(self, fault: str) -> None:
        self._fault = self._fault or fault

    def _patch(self, piece: bytes) -> None:
        end = self._position + len(piece)
        if self._in_header or end > _STREAMINFO_END:
            self._keep_fault(f"went back to offset {self._position}")
            return
        self._bytes[self._position : end] = piece

    def _skip_header(self, piece: bytes) -> None:
        self._their_header += piece
        if not _is_whole_header(self._their_header):
            return
        self._in_header = False
        streaminfo = slice(_STREAMINFO_START, _STREAMINFO_END)
        if self._their_header[streaminfo] != self._bytes[streaminfo]:
            self._keep_fault("wrote a STREAMINFO other than expected")

    def _append_frame(self, piece: bytes) -> None:
        if not piece.startswith(_FRAME_SYNC):
            self._keep_fault("wrote something other than whole frames")
            return
        self._bytes += piece
        self.n_audio_frames += _BLOCK_FRAMES


def _is_whole_header(header: bytearray) -> bool:
    start = len(_MAGIC)
    while len(header) >= start + _BLOCK_HEADER_BYTES:
        end = start + _BLOCK_HEADER_BYTES + int.from_bytes(header[start + 1 : start + 4])
        if header[start] & _LAST_BLOCK:
            return len(header) >= end
        start = end
    return False


def _header(rate_hz: int, *, bits: int, n_channels: int, tag: str) -> bytes:
    """Return magic and metadata; sizes, total and MD5 are 0 = not known (clause 8.2)."""
    packed = rate_hz << 44 | (n_channels - 1) << 41 | (bits - 1) << 36
    sizes = struct.pack(">HH6x", _BLOCK_FRAMES, _BLOCK_FRAMES)
    streaminfo = sizes + packed.to_bytes(8) + bytes(16)
    vendor = f"libsndfile {soundfile.__libsndfile_version__}".encode()
    comment = f"{TAG_NAME}={tag}".encode()
    tags = struct.pack("<I", len(vendor)) + vendor
    tags += struct.pack("<II", 1, len(comment)) + comment
    return (
        _MAGIC
        + _block(_TYPE_STREAMINFO, streaminfo)
        + _block(_TYPE_VORBIS_COMMENT | _LAST_BLOCK, tags)
    )


def _block(type_and_flag: int, body: bytes) -> bytes:
    return bytes([type_and_flag]) + len(body).to_bytes(3) + body
