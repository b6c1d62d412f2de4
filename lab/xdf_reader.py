"""Read XDF 1.0 strictly: whole chunks only, and nothing taken on trust.

A file that was cut is trimmed to its last whole chunk; behind a hole reading goes on at
the next boundary chunk. Numeric rows never pass through Python one by one.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from lab.plain_xml import parse_xml
from recorder.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from lab.pieces import Piece

MAGIC: Final = b"XDF:"
FILE_HEADER, STREAM_HEADER, SAMPLES, CLOCK_OFFSET, BOUNDARY, STREAM_FOOTER = range(1, 7)
# XDF 1.0, Boundary chunk.
_BOUNDARY_UUID: Final = bytes.fromhex("43A546DCCBF5410FB30ED5467383CBE4")
_NUMERIC: Final = {
    "float32": "<f4",
    "double64": "<f8",
    "int8": "<i1",
    "int16": "<i2",
    "int32": "<i4",
    "int64": "<i8",
}
_LENGTH_WIDTHS: Final = (1, 4, 8)
_TAG_BYTES: Final = 2
_STREAM_ID_BYTES: Final = 4
_STAMP_BYTES: Final = 8
_MAX_CHANNELS: Final = 1024
_MAX_STAMP_S: Final = 2**63 / 1e9  # host clocks count nanoseconds in 64 bits


@dataclass(frozen=True, slots=True)
class Chunk:
    """A whole chunk: its tag and where its content lies."""

    tag: int
    start: int
    content_start: int
    end: int


@dataclass(frozen=True, slots=True)
class StreamHeader:
    """A StreamHeader chunk: the XML as it was written and what reading needs of it."""

    xml: bytes
    name: str
    channel_format: str
    n_channels: int
    rate_hz: float

    @property
    def shape(self) -> str:
        """What all rows of the stream share."""
        return f"{self.n_channels} channels of {self.channel_format}"


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one stream.

    ``stamps_s`` has shape ``(n_rows,)``; ``values`` shape ``(n_rows, n_channels)`` in the
    stream's own type, or dtype object for strings.
    """

    stamps_s: NDArray[np.float64]
    values: NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class XdfFile:
    """What was read of one XDF file.

    ``resumed_at`` tells for each hole and stream how many rows come before it.
    """

    file_header: bytes | None
    headers: Mapping[int, StreamHeader]
    rows: Mapping[int, Rows]
    resumed_at: tuple[Mapping[int, int], ...] = ()
    problems: tuple[str, ...] = ()


def chunk_at(content: bytes, start: int) -> Chunk | None:
    """Return the whole chunk at ``start``; None where there is none."""
    width = content[start] if start < len(content) else 0
    if width not in _LENGTH_WIDTHS:
        return None
    tag_at = start + 1 + width
    length = int.from_bytes(content[start + 1 : tag_at], "little")
    end = tag_at + length
    if length < _TAG_BYTES or end > len(content):
        return None
    tag = int.from_bytes(content[tag_at : tag_at + _TAG_BYTES], "little")
    if not FILE_HEADER <= tag <= STREAM_FOOTER:
        return None
    return Chunk(tag, start, tag_at + _TAG_BYTES, end)


def chunks(content: bytes, start: int = len(MAGIC)) -> Iterator[Chunk]:
    """Yield whole chunks from ``start`` up to the first that is not one."""
    while (chunk := chunk_at(content, start)) is not None:
        yield chunk
        start = chunk.end


def trim(content: bytes) -> bytes:
    """Return the longest beginning of an XDF file that ends with a whole chunk."""
    if not content.startswith(MAGIC):
        return b""
    end = len(MAGIC)
    for chunk in chunks(content):
        end = chunk.end
    return content[:end]


def after_boundary(content: bytes, start: int) -> int:
    """Return where chunks begin again behind the next boundary chunk; -1 for nowhere."""
    at = content.find(_BOUNDARY_UUID, start)
    return -1 if at < 0 else at + len(_BOUNDARY_UUID)


def parse_stream_header(xml: bytes) -> StreamHeader:
    """Parse the XML of a StreamHeader chunk (XDF 1.0, required elements)."""
    try:
        info = parse_xml(xml)
        header = StreamHeader(
            xml=xml,
            name=info.findtext("name", ""),
            channel_format=info.findtext("channel_format", ""),
            n_channels=int(info.findtext("channel_count", "")),
            rate_hz=float(info.findtext("nominal_srate", "")),
        )
    except FormatError as error:
        raise FormatError(f"XDF stream header: {error.message}") from None
    except ValueError:
        raise FormatError("XDF stream header: not the XML that XDF 1.0 asks for") from None
    if header.channel_format not in {*_NUMERIC, "string"}:
        raise FormatError(f"XDF stream header: channel format {header.channel_format!r}")
    if not 1 <= header.n_channels <= _MAX_CHANNELS:
        raise FormatError(
            f"XDF stream header: not 1 to {_MAX_CHANNELS} channels, as boxes write"
        )
    return header


def parse_samples(content: bytes, header: StreamHeader) -> Rows:
    """Parse a Samples chunk's content behind the stream id; every row has a stamp."""
    n_rows, at = _varlen(content, 0)
    if n_rows == 0:
        raise FormatError("XDF samples: a chunk of 0 rows")
    if header.channel_format == "string":
        return _string_rows(content, at, n_rows, header.n_channels)
    row = np.dtype(
        [
            ("width", "u1"),
            ("stamp", "<f8"),
            ("values", _NUMERIC[header.channel_format], (header.n_channels,)),
        ]
    )
    if len(content) - at != n_rows * row.itemsize:
        raise FormatError(
            f"XDF samples: {len(content) - at} bytes for {n_rows} rows of {row.itemsize}"
        )
    table = np.frombuffer(content, row, n_rows, at)
    if (table["width"] != _STAMP_BYTES).any():
        raise FormatError("XDF samples: a row without its own stamp")
    return Rows(_stamps(table["stamp"]), table["values"].copy())


def _stamps(stamps_s: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``stamps_s`` if a host clock can have read them all."""
    stamps = np.array(stamps_s, np.float64)
    # NaN compares as False.
    if not (np.abs(stamps) < _MAX_STAMP_S).all():
        raise FormatError("XDF samples: a stamp that no host clock reads")
    return stamps


def _varlen(content: bytes, at: int) -> tuple[int, int]:
    """Read a variable-length count at ``at``; return it and where it ends."""
    width = content[at] if at < len(content) else 0
    end = at + 1 + width
    if width not in _LENGTH_WIDTHS or end > len(content):
        raise FormatError(f"XDF samples: a length of {width} bytes; allowed are 1, 4, 8")
    return int.from_bytes(content[at + 1 : end], "little"), end


def _string_rows(content: bytes, at: int, n_rows: int, n_channels: int) -> Rows:
    stamps: list[float] = []
    texts: list[str] = []
    for _ in range(n_rows):
        if content[at : at + 1] != bytes([_STAMP_BYTES]) or at + 9 > len(content):
            raise FormatError("XDF samples: a row without its own stamp")
        stamps.append(struct.unpack_from("<d", content, at + 1)[0])
        at += 1 + _STAMP_BYTES
        for _ in range(n_channels):
            length, at = _varlen(content, at)
            texts.append(_text(content[at : at + length], length))
            at += length
    if at != len(content):
        raise FormatError(f"XDF samples: {len(content) - at} bytes behind the last row")
    values = np.empty(len(texts), dtype=object)
    values[:] = texts
    return Rows(_stamps(stamps), values.reshape(n_rows, n_channels))


def _text(raw: bytes, length: int) -> str:
    if len(raw) != length:
        raise FormatError(f"XDF samples: {len(raw)} of a text's {length} bytes")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise FormatError("XDF samples: a text that is not UTF-8") from None


@dataclass(slots=True)
class _Reading:
    """What has been read so far; lives only inside `read_xdf`."""

    headers: dict[int, StreamHeader]
    file_header: bytes | None = None
    rows: dict[int, list[Rows]] = field(default_factory=dict)
    resumed_at: list[Mapping[int, int]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def take(self, content: bytes, chunk: Chunk) -> None:
        """Take one whole chunk; what can't be read becomes a problem."""
        body = content[chunk.content_start : chunk.end]
        try:
            self._read(chunk.tag, body)
        except FormatError as error:
            self.problems.append(error.message)

    def resume(self) -> None:
        """Note that bytes are missing between what was taken and what comes."""
        self.resumed_at.append(
            {
                stream: sum(len(rows.stamps_s) for rows in taken)
                for stream, taken in self.rows.items()
            }
        )

    def _read(self, tag: int, body: bytes) -> None:
        if tag == FILE_HEADER:
            self.file_header = body
        elif tag == BOUNDARY and body != _BOUNDARY_UUID:
            raise FormatError("XDF boundary chunk with another mark than the standard's")
        elif tag in (STREAM_HEADER, SAMPLES):
            self._read_of_stream(tag, body)

    def _read_of_stream(self, tag: int, body: bytes) -> None:
        if len(body) < _STREAM_ID_BYTES:
            raise FormatError("XDF chunk too short for its stream id")
        stream = int.from_bytes(body[:_STREAM_ID_BYTES], "little")
        if tag == STREAM_HEADER:
            self._take_header(stream, parse_stream_header(body[_STREAM_ID_BYTES:]))
        elif stream in self.headers:
            rows = parse_samples(body[_STREAM_ID_BYTES:], self.headers[stream])
            self.rows.setdefault(stream, []).append(rows)
        else:
            raise FormatError(f"XDF samples of stream {stream}, which has no header")

    def _take_header(self, stream: int, header: StreamHeader) -> None:
        known = self.headers.setdefault(stream, header)
        if known.shape != header.shape:
            raise FormatError(
                f"stream {stream} changes from {known.shape} to {header.shape}"
            )
        self.headers[stream] = header


def read_xdf(
    runs: tuple[Piece, ...], known: Mapping[int, StreamHeader] | None = None
) -> XdfFile:
    """Read everything whole in ``runs`` of one XDF file.

    ``known`` are the stream headers of the session's other parts, for a file whose own
    were lost.
    """
    reading = _Reading(headers=dict(known or {}))
    for run in runs:
        at = len(MAGIC)
        if run.offset or not run.content.startswith(MAGIC):
            at = after_boundary(run.content, 0)
            reading.resume()
        while at >= 0:
            for chunk in chunks(run.content, at):
                reading.take(run.content, chunk)
                at = chunk.end
            # A torn tail has no further boundary; damage inside has one.
            at = after_boundary(run.content, at)
            if at >= 0:
                reading.resume()
    return XdfFile(
        file_header=reading.file_header,
        headers=reading.headers,
        rows={stream: _concatenate(rows) for stream, rows in reading.rows.items()},
        resumed_at=tuple(reading.resumed_at),
        problems=tuple(reading.problems),
    )


def _concatenate(rows: list[Rows]) -> Rows:
    if len(rows) == 1:
        return rows[0]
    return Rows(
        np.concatenate([part.stamps_s for part in rows]),
        np.concatenate([part.values for part in rows]),
    )
