"""Find whole FLAC frames in bytes that may be torn or have holes (RFC 9639, section 9).

A frame counts only if its header's CRC-8 and its CRC-16 hold and it fits the stream's
rate, width and channels. The CRC-16 of all frames is worked out side by side in numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np

from recorder.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_CRC8_POLYNOMIAL: Final = 0x07  # RFC 9639, 9.1.8
_CRC16_POLYNOMIAL: Final = 0x8005  # RFC 9639, 9.3
_SYNC: Final = b"\xff\xf8"  # fixed block size, as every stream of ours has it
_HEADER_MIN_BYTES, _HEADER_MAX_BYTES = 6, 16
_FOOTER_BYTES: Final = 2
_BLOCK_CODE_8_BIT, _BLOCK_CODE_16_BIT = 6, 7  # RFC 9639, 9.1.1
_RATE_CODE_INVALID: Final = 15  # RFC 9639, 9.1.2
_RATE_CODE_BYTES: Final = {12: 1, 13: 2, 14: 2}
_BITS_OF_CODE: Final = {1: 8, 2: 12, 4: 16, 5: 20, 6: 24, 7: 32}  # RFC 9639, 9.1.4
_LAST_STEREO_CODE: Final = 10  # RFC 9639, 9.1.3
_FIRST_STEREO_CODE: Final = 8
# A wrong end may pass a CRC-16 by chance: look only this many headers ahead.
_LOOK_AHEAD: Final = 8
# A part holds at most 60 s; twice that many frames leave room, and keep a file of a few
# bytes from becoming hours of sound.
MAX_FRAMES: Final = 120 * 48_000
_MAX_HEADERS: Final = 4096  # thrice the headers of so many frames: chance gives few more
# Chance hides a header in some tens of a part's frames; each look ahead costs 15 ms.
_MAX_TRIES: Final = 256
_TABLE_BYTES: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """What all frames of a stream share."""

    rate_hz: int
    n_channels: int
    bits: int
    block_frames: int  # of every FLAC frame but the last

    @property
    def longest_bytes(self) -> int:
        """No FLAC frame of this stream can be longer: stored verbatim, with room."""
        width = (self.bits + 8) // 8  # a side channel has one bit more
        return self.block_frames * self.n_channels * width + 256


@dataclass(frozen=True, slots=True)
class FrameSpan:
    """Whole FLAC frames that follow one another without a gap.

    They hold audio frames ``first`` to ``first + n_frames``, counted in this stream.
    ``starts`` are the offsets of the FLAC frames in ``content``.
    """

    first: int
    n_frames: int
    content: bytes
    starts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Header:
    at: int
    first: int
    n_frames: int


def find_frames(content: bytes, stream: StreamFormat) -> tuple[FrameSpan, ...]:
    """Return the whole FLAC frames in ``content``, which may begin and end anywhere.

    Raises FormatError for more headers of frames than a part can have.
    """
    found = (_header_at(content, at, stream) for at in _sync_positions(content))
    true = (header for header in found if header is not None)
    headers = list(islice(true, _MAX_HEADERS + 1))
    if len(headers) > _MAX_HEADERS:
        raise FormatError(f"FLAC with more than {_MAX_HEADERS} frames: no part has so many")
    return tuple(_spans(content, _whole_frames(content, headers, stream)))


def _sync_positions(content: bytes) -> Iterator[int]:
    at = content.find(_SYNC)
    while at >= 0:
        yield at
        at = content.find(_SYNC, at + 1)


def _header_at(content: bytes, at: int, stream: StreamFormat) -> _Header | None:
    """Parse a frame header (RFC 9639, 9.1); None unless it is one of this stream's."""
    head = content[at : at + _HEADER_MAX_BYTES]
    if len(head) < _HEADER_MIN_BYTES or not _has_format(head, stream):
        return None
    number, end = _coded_number(head, 4)
    n_frames, end = _block_size(head, end)
    end += _RATE_CODE_BYTES.get(head[2] & 15, 0)
    is_sane = number >= 0 and 0 < n_frames <= stream.block_frames and end < len(head)
    if not is_sane or _crc8(head[:end]) != head[end]:
        return None
    return _Header(at, number * stream.block_frames, n_frames)


def _has_format(head: bytes, stream: StreamFormat) -> bool:
    """Tell whether the coded channels, width and rate can be this stream's."""
    channels, bits = head[3] >> 4, (head[3] >> 1) & 7
    n_channels = channels + 1 if channels < _FIRST_STEREO_CODE else 2
    return (
        head[3] & 1 == 0
        and channels <= _LAST_STEREO_CODE
        and n_channels == stream.n_channels
        and (bits == 0 or _BITS_OF_CODE.get(bits) == stream.bits)
        and head[2] & 15 != _RATE_CODE_INVALID
    )


def _coded_number(head: bytes, at: int) -> tuple[int, int]:
    """Read the coded number (RFC 9639, 9.1.5) and where it ends; -1 where it is none."""
    first = head[at]
    n_more = 8 - (first ^ 0xFF).bit_length() - 1  # leading ones, less the first byte
    if n_more < 0:
        return first, at + 1
    more = head[at + 1 : at + 1 + n_more]
    if n_more not in range(1, 7) or len(more) < n_more:
        return -1, at
    value = first & (0x3F >> n_more)
    for octet in more:
        if octet >> 6 != 2:  # noqa: PLR2004 - 0b10 marks a continuation
            return -1, at
        value = value << 6 | octet & 0x3F
    return value, at + 1 + n_more


def _block_size(head: bytes, at: int) -> tuple[int, int]:
    """Read the block size (RFC 9639, 9.1.1) and where the header goes on; 0 if reserved."""
    code = head[2] >> 4
    if code in (_BLOCK_CODE_8_BIT, _BLOCK_CODE_16_BIT):
        width = code - _BLOCK_CODE_8_BIT + 1
        return int.from_bytes(head[at : at + width], "big") + 1, at + width
    if code == 0:
        return 0, at
    if code == 1:
        return 192, at
    return (576 << code - 2 if code < _BLOCK_CODE_8_BIT else 256 << code - 8), at


def _whole_frames(
    content: bytes, headers: Sequence[_Header], stream: StreamFormat
) -> list[tuple[_Header, int]]:
    """Return each whole frame's header and end."""
    starts = [header.at for header in headers]
    ends = [*starts[1:], len(content)][: len(starts)]
    sound = _crc16_holds(content, starts, ends, stream.longest_bytes)
    frames: list[tuple[_Header, int]] = []
    at = n_tries = 0
    for index, header in enumerate(headers):
        if header.at < at:  # a false header inside a whole frame
            continue
        end = ends[index]
        if not sound[index]:
            n_tries += 1
            later = starts[index + 2 : index + 2 + _LOOK_AHEAD]
            is_worth = n_tries <= _MAX_TRIES
            end = _other_end(content, header.at, later, stream) if is_worth else 0
        if end:
            frames.append((header, end))
            at = end
    return frames


def _other_end(
    content: bytes, start: int, later: Sequence[int], stream: StreamFormat
) -> int:
    """Return the end of a frame that does not end at the next header; 0 if it is torn."""
    ends = list(later[:_LOOK_AHEAD])
    if len(later) < _LOOK_AHEAD:
        # The stream may end with the first bytes of one more header.
        ends += range(len(content), len(content) - _HEADER_MAX_BYTES, -1)
    ends = [end for end in ends if end - start > _FOOTER_BYTES]
    holds = _crc16_holds(content, [start] * len(ends), ends, stream.longest_bytes)
    return next((end for end, sound in zip(ends, holds, strict=True) if sound), 0)


def _spans(content: bytes, frames: list[tuple[_Header, int]]) -> list[FrameSpan]:
    groups: list[list[tuple[_Header, int]]] = []
    for header, end in frames:
        if groups and _follows(groups[-1][-1], header):
            groups[-1].append((header, end))
        else:
            groups.append([(header, end)])
    return [
        FrameSpan(
            first=group[0][0].first,
            n_frames=sum(header.n_frames for header, _ in group),
            content=content[group[0][0].at : group[-1][1]],
            starts=tuple(header.at - group[0][0].at for header, _ in group),
        )
        for group in groups
    ]


def _follows(before: tuple[_Header, int], header: _Header) -> bool:
    last, end = before
    return end == header.at and last.first + last.n_frames == header.first


def renumbered(span: FrameSpan) -> bytes:
    """Return the span's FLAC frames numbered from 0: decoders seek to the first frame."""
    if span.first == 0:
        return span.content
    bodies: list[bytes] = []
    ends = [*span.starts[1:], len(span.content)]
    for number, (start, end) in enumerate(zip(span.starts, ends, strict=True)):
        frame = span.content[start : end - _FOOTER_BYTES]
        _, number_end = _coded_number(frame, 4)
        _, header_end = _block_size(frame, number_end)
        header_end += _RATE_CODE_BYTES.get(frame[2] & 15, 0)
        head = frame[:4] + _code_number(number) + frame[number_end:header_end]
        bodies.append(head + bytes([_crc8(head)]) + frame[header_end + 1 :])
    footers = _crc16_each(bodies)
    return b"".join(
        body + int(crc).to_bytes(_FOOTER_BYTES, "big")
        for body, crc in zip(bodies, footers, strict=True)
    )


def _code_number(number: int) -> bytes:
    """Code a frame number (RFC 9639, 9.1.5): UTF-8's scheme; a part stays below 2^16."""
    return chr(number).encode("utf-8", "surrogatepass")


def _crc16_holds(
    content: bytes, starts: Sequence[int], ends: Sequence[int], longest_bytes: int
) -> list[bool]:
    """Tell for each span whether its CRC-16 (RFC 9639, 9.3), footer included, is zero."""
    sane = [
        _FOOTER_BYTES < end - start <= longest_bytes
        for start, end in zip(starts, ends, strict=True)
    ]
    view = memoryview(content)
    crc = _crc16_each(
        [
            view[start:end] if is_sane else b""
            for start, end, is_sane in zip(starts, ends, sane, strict=True)
        ]
    )
    return [is_sane and value == 0 for is_sane, value in zip(sane, crc, strict=True)]


def _crc16_each(frames: Sequence[bytes | memoryview]) -> NDArray[np.uint16]:
    """Return the CRC-16 of each of ``frames``."""
    groups: list[NDArray[np.uint16]] = [np.zeros(0, np.uint16)]
    start, widest = 0, 0
    for index, frame in enumerate(frames):
        widest = max(widest, len(frame))
        if (index + 1 - start) * widest > _TABLE_BYTES and index > start:
            groups.append(_crc16_beside(frames[start:index]))
            start, widest = index, len(frame)
    groups.append(_crc16_beside(frames[start:]))
    return np.concatenate(groups)


def _crc16_beside(frames: Sequence[bytes | memoryview]) -> NDArray[np.uint16]:
    """Return the CRC-16 of each of ``frames``, all worked out side by side.

    It takes a table as wide as the longest of them for each.
    """
    width = max((len(frame) for frame in frames), default=0)
    width += width % 2
    # Zeros in front do not change a CRC that starts from zero.
    padded = np.zeros((len(frames), width), np.uint8)
    for row, frame in zip(padded, frames, strict=True):
        row[width - len(frame) :] = np.frombuffer(frame, np.uint8)
    words = np.ascontiguousarray(padded.view(">u2").T.astype(np.uint16))
    crc = np.zeros(len(frames), np.uint16)
    for column in words:
        crc = _CRC16_OF_WORD[crc ^ column]
    return crc


def _crc16_table() -> NDArray[np.uint16]:
    """Return what each 16-bit word becomes in the CRC-16's register."""
    register = np.arange(1 << 16, dtype=np.int64)
    for _ in range(16):
        feedback = (register >> 15) * _CRC16_POLYNOMIAL
        register = ((register << 1) & 0xFFFF) ^ feedback
    return register.astype(np.uint16)


def _crc8_table() -> bytes:
    table = bytearray()
    for octet in range(256):
        register = octet
        for _ in range(8):
            register = (register << 1) ^ (_CRC8_POLYNOMIAL if register & 0x80 else 0)
            register &= 0xFF
        table.append(register)
    return bytes(table)


_CRC16_OF_WORD: Final = _crc16_table()
_CRC8_OF_BYTE: Final = _crc8_table()


def _crc8(head: bytes) -> int:
    crc = 0
    for octet in head:
        crc = _CRC8_OF_BYTE[crc ^ octet]
    return crc
