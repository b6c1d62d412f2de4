"""Read FLAC (RFC 9639) that may be torn, never closed or full of holes.

What is whole comes out as spans of FLAC frames with their place in the file. A span is
decoded by libsndfile as a file of its own whose STREAMINFO tells the truth: libsndfile
drops the last block of a stream whose total is 0, as one never closed has it.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import soundfile

from lab.flac_frames import (
    MAX_FRAMES,
    FrameSpan,
    StreamFormat,
    find_frames,
    renumbered,
)
from recorder.errors import FormatError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lab.pieces import Piece

_MAGIC: Final = b"fLaC"
_BLOCK_HEADER_BYTES: Final = 4
_STREAMINFO_BYTES: Final = 34  # RFC 9639, 8.2
_STREAMINFO, _VORBIS_COMMENT = 0, 4
_LAST_BLOCK: Final = 0x80
_TAG_NAME: Final = "FIELDREC"
_TOTAL_BITS: Final = 36
# What a box writes; a file that claims more could cost the lab all its memory.
_RATE_HZ: Final = 48_000
_BLOCK_FRAMES: Final = 4096
_BITS: Final = (16, 24)
_MAX_CHANNELS: Final = 2
# So many frames stored verbatim in 24-bit stereo have 35 MB.
_MAX_BYTES: Final = 48 << 20


@dataclass(frozen=True, slots=True)
class FlacHead:
    """A FLAC file's metadata: its format, its total (0 = unknown), the FIELDREC tag."""

    streaminfo: bytes
    stream: StreamFormat
    total_frames: int
    tag: str | None
    length_bytes: int


@dataclass(frozen=True, slots=True)
class FlacFile:
    """What was read of one FLAC file; ``head`` is another part's if its own was lost."""

    head: FlacHead
    own_head: bool
    spans: tuple[FrameSpan, ...]

    @property
    def n_frames(self) -> int:
        """Number of audio frames in all spans."""
        return sum(span.n_frames for span in self.spans)


def read_flac(runs: tuple[Piece, ...], known: FlacHead | None = None) -> FlacFile:
    """Find every whole FLAC frame in ``runs`` of one file.

    ``known`` is the head of another part of the session. Raises FormatError where
    neither that nor the file's own head is there, and for more than a part can hold.
    """
    head = None
    if runs and runs[0].offset == 0:
        head = parse_head(runs[0].content)
    usable = head or known
    if usable is None:
        raise FormatError("FLAC without its first bytes: format unknown")
    n_bytes = sum(len(run.content) for run in runs)
    if n_bytes > _MAX_BYTES:
        raise FormatError(f"FLAC of {n_bytes} bytes, the limit is {_MAX_BYTES}")
    spans: list[FrameSpan] = []
    for run in runs:
        start = head.length_bytes if head and run.offset == 0 else 0
        spans += find_frames(run.content[start:], usable.stream)
    kept = tuple(_in_order(spans))
    end = kept[-1].first + kept[-1].n_frames if kept else 0
    if end > MAX_FRAMES:
        raise FormatError(f"FLAC of {end} frames, a part has at most {MAX_FRAMES}")
    return FlacFile(usable, head is not None, kept)


def _in_order(spans: list[FrameSpan]) -> list[FrameSpan]:
    """Drop what would go back in the file's own numbering: a false frame."""
    kept: list[FrameSpan] = []
    for span in spans:
        if not kept or span.first >= kept[-1].first + kept[-1].n_frames:
            kept.append(span)
    return kept


def parse_head(content: bytes) -> FlacHead:
    """Parse magic, STREAMINFO and tags; raise FormatError where they are not whole."""
    if not content.startswith(_MAGIC):
        raise FormatError("not a FLAC file: it does not begin with 'fLaC'")
    at, is_last = len(_MAGIC), False
    streaminfo, tag = b"", None
    while not is_last:
        start = at + _BLOCK_HEADER_BYTES
        end = start + int.from_bytes(content[at + 1 : start], "big")
        if start > len(content) or end > len(content):
            raise FormatError("FLAC metadata is cut")
        kind, is_last = content[at] & ~_LAST_BLOCK, bool(content[at] & _LAST_BLOCK)
        if kind == _STREAMINFO:
            streaminfo = content[start:end]
        elif kind == _VORBIS_COMMENT:
            tag = _find_tag(content[start:end])
        at = end
    stream, total = _parse_streaminfo(streaminfo)
    return FlacHead(streaminfo, stream, total, tag, at)


def _parse_streaminfo(block: bytes) -> tuple[StreamFormat, int]:
    if len(block) != _STREAMINFO_BYTES:
        raise FormatError(f"FLAC STREAMINFO of {len(block)} bytes; it has 34")
    packed = int.from_bytes(block[10:18], "big")
    stream = StreamFormat(
        rate_hz=packed >> 44,
        n_channels=(packed >> 41 & 7) + 1,
        bits=(packed >> _TOTAL_BITS & 31) + 1,
        block_frames=int.from_bytes(block[2:4], "big"),
    )
    total = packed & ((1 << _TOTAL_BITS) - 1)
    if (
        (stream.rate_hz, stream.block_frames) != (_RATE_HZ, _BLOCK_FRAMES)
        or stream.bits not in _BITS
        or stream.n_channels > _MAX_CHANNELS
        or total > MAX_FRAMES
    ):
        raise FormatError(
            f"FLAC STREAMINFO: {total} frames in blocks of {stream.block_frames} at"
            f" {stream.rate_hz} Hz, {stream.bits} bit, {stream.n_channels} channels; no"
            " box writes that"
        )
    return stream, total


def _find_tag(block: bytes) -> str | None:
    """Return the value of the FIELDREC comment (RFC 9639, 8.6)."""
    try:
        at = 4 + struct.unpack_from("<I", block)[0]
        (count,) = struct.unpack_from("<I", block, at)
        at += 4
        for _ in range(count):
            (length,) = struct.unpack_from("<I", block, at)
            comment = block[at + 4 : at + 4 + length].decode()
            at += 4 + length
            name, _, value = comment.partition("=")
            if name.upper() == _TAG_NAME:
                return value
    except (struct.error, UnicodeDecodeError):
        raise FormatError("FLAC comments are not what RFC 9639 says") from None
    return None


def decode(head: FlacHead, span: FrameSpan) -> NDArray[np.int16] | NDArray[np.int32]:
    """Decode a span: shape ``(n_frames, n_channels)``; over 16 bit left-aligned int32."""
    dtype = "int16" if head.stream.bits == 16 else "int32"  # noqa: PLR2004 - bits
    file = io.BytesIO(_MAGIC + _streaminfo_block(head.streaminfo, span) + renumbered(span))
    try:
        frames, _ = soundfile.read(file, dtype=dtype, always_2d=True)
    except (soundfile.SoundFileError, ValueError) as error:
        raise FormatError(f"FLAC frames that don't decode: {error}") from error
    if len(frames) != span.n_frames:
        raise FormatError(f"FLAC: {len(frames)} of {span.n_frames} frames decode")
    return frames  # type: ignore[no-any-return]  # soundfile is not typed


def _streaminfo_block(streaminfo: bytes, span: FrameSpan) -> bytes:
    """Return STREAMINFO as the only metadata block, with the span's total and no MD5."""
    packed = int.from_bytes(streaminfo[10:18], "big")
    packed = (packed >> _TOTAL_BITS << _TOTAL_BITS) | span.n_frames
    body = streaminfo[:10] + packed.to_bytes(8, "big") + bytes(16)
    return bytes([_LAST_BLOCK]) + len(body).to_bytes(3, "big") + body
