"""XDF 1.0 chunks: each function returns one whole chunk, ready to append.

A file is ``XDF:`` and chunks; a chunk is ``NumLengthBytes | Length | Tag | Content``, all
little-endian, where Length counts the tag and the content. Every sample carries its own
stamp: readers deduce missing ones from the nominal rate, which no oscillator keeps.
Never write two headers for one stream id: readers then drop what came before.
Standard: XDF 1.0, "Specifications" in the sccn/xdf wiki; clause names are quoted below.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from xml.sax.saxutils import escape

import numpy as np

from recorder.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

MAGIC = b"XDF:"
BOUNDARY_UUID = bytes.fromhex("43a546dccbf5410fb30ed5467383cbe4")

_TAG_FILE_HEADER = 1
_TAG_STREAM_HEADER = 2
_TAG_SAMPLES = 3
_TAG_BOUNDARY = 5
_TAG_STREAM_FOOTER = 6

ChannelFormat = Literal["int8", "int16", "int32", "int64", "float32", "double64", "string"]
_FORMAT_OF_DTYPE = {
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
    "float32": "float32",
    "float64": "double64",
}
_CHANNEL_FORMATS = (*_FORMAT_OF_DTYPE.values(), "string")

# XML 1.0, clause 2.2: what may not occur in a document, not even escaped.
_ILLEGAL_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ELEMENT_NAME = re.compile("[A-Za-z_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel's description: XDF's usual label, unit and type, and more by name."""

    label: str
    unit: str
    type: str
    extra: Mapping[str, str] = field(default_factory=dict)


def file_header(fields: Mapping[str, str | Mapping[str, str]]) -> bytes:
    """Return the magic and the FileHeader chunk; ``fields`` become its elements."""
    xml = _xml_info(_element("version", "1.0") + _elements(fields))
    return MAGIC + _chunk(_TAG_FILE_HEADER, xml)


def stream_header(
    stream_id: int,
    *,
    name: str,
    type: str,  # noqa: A002 - XDF's own word for it
    channel_format: ChannelFormat,
    nominal_srate_hz: float,
    channels: Sequence[Channel],
    desc: Mapping[str, str | Mapping[str, str]] | None = None,
    can_drop_samples: bool = False,
) -> bytes:
    """Return a StreamHeader chunk; a nominal rate of 0 means irregular.

    ``can_drop_samples`` tells readers to keep the stamps as they are, holes included.
    """
    if channel_format not in _CHANNEL_FORMATS:
        raise FormatError(f"channel format {channel_format!r}: XDF has no such format")
    if not channels:
        raise FormatError(f"stream {name!r} has no channels; XDF needs at least 1")
    if not 0 <= nominal_srate_hz < float("inf"):
        raise FormatError(f"nominal rate {nominal_srate_hz} Hz: must be 0 or more")
    described = "".join(_element_of("channel", _channel(channel)) for channel in channels)
    description = _element_of("channels", described) + _elements(desc or {})
    if can_drop_samples:
        description += "<synchronization><can_drop_samples>true</can_drop_samples>"
        description += "</synchronization>"
    xml = _xml_info(
        _element("name", name)
        + _element("type", type)
        + _element("channel_count", str(len(channels)))
        + _element("nominal_srate", _number(nominal_srate_hz))
        + _element("channel_format", channel_format)
        + _element_of("desc", description)
    )
    return _chunk(_TAG_STREAM_HEADER, _id(stream_id) + xml)


def numeric_samples(
    stream_id: int, stamps_s: NDArray[np.float64], values: NDArray[np.generic]
) -> bytes:
    """Return a Samples chunk: ``values`` has shape ``(n_channels, n_samples)``.

    ``stamps_s``, shape ``(n_samples,)``, are seconds that never go back; the dtype of
    ``values`` must be the stream's channel format. NaN values are lost samples.
    """
    if values.dtype.name not in _FORMAT_OF_DTYPE:
        raise FormatError(f"samples of type {values.dtype}: XDF has no such format")
    if values.ndim != 2 or values.shape[0] == 0:  # noqa: PLR2004 - channels, samples
        raise FormatError(f"samples of shape {values.shape}; needs (channels, samples)")
    stamps = _sound_stamps(stamps_s, n_samples=values.shape[1])
    if np.any(stamps[1:] < stamps[:-1]):
        raise FormatError("sample stamps go back in time within one chunk")
    rows = np.empty(
        stamps.size,
        dtype=[
            ("stamp_bytes", "u1"),
            ("stamp_s", "<f8"),
            ("values", values.dtype.newbyteorder("<"), (values.shape[0],)),
        ],
    )
    rows["stamp_bytes"] = 8
    rows["stamp_s"] = stamps
    rows["values"] = values.T
    return _samples(stream_id, stamps.size, rows.tobytes())


def string_samples(stream_id: int, stamps_s: ArrayLike, texts: Sequence[str]) -> bytes:
    """Return a Samples chunk of one text channel, each text with its own stamp.

    Stamps may go back: events are written when they become known, a loss after the key
    that was pressed during it.
    """
    stamps = _sound_stamps(np.asarray(stamps_s, dtype=np.float64), n_samples=len(texts))
    rows = []
    for stamp_s, text in zip(stamps, texts, strict=True):
        try:
            encoded = text.encode()
        except UnicodeEncodeError:
            raise FormatError("a text sample holds half a surrogate pair") from None
        rows.append(struct.pack("<Bd", 8, stamp_s) + _varlen(len(encoded)) + encoded)
    return _samples(stream_id, stamps.size, b"".join(rows))


def boundary() -> bytes:
    """Return a Boundary chunk: where a reader finds its way again after damage."""
    return _chunk(_TAG_BOUNDARY, BOUNDARY_UUID)


def stream_footer(
    stream_id: int, *, first_stamp_s: float, last_stamp_s: float, n_samples: int
) -> bytes:
    """Return a StreamFooter chunk; the count must be exact: readers cut by it."""
    if n_samples < 0 or not np.isfinite([first_stamp_s, last_stamp_s]).all():
        raise FormatError(f"footer of stream {stream_id}: count or stamps are no numbers")
    xml = _xml_info(
        _element("first_timestamp", _number(first_stamp_s))
        + _element("last_timestamp", _number(last_stamp_s))
        + _element("sample_count", str(n_samples))
        + "<clock_offsets></clock_offsets>"
    )
    return _chunk(_TAG_STREAM_FOOTER, _id(stream_id) + xml)


def _sound_stamps(stamps_s: NDArray[np.float64], *, n_samples: int) -> NDArray[np.float64]:
    if stamps_s.shape != (n_samples,):
        raise FormatError(f"{stamps_s.shape} stamps for {n_samples} samples")
    if n_samples == 0:
        raise FormatError("a chunk of 0 samples; write nothing instead")
    if not np.isfinite(stamps_s).all():
        raise FormatError("a sample stamp is not a finite number")
    return stamps_s


def _samples(stream_id: int, n_samples: int, rows: bytes) -> bytes:
    return _chunk(_TAG_SAMPLES, _id(stream_id) + _varlen(n_samples) + rows)


def _id(stream_id: int) -> bytes:
    limit = 2**32
    if not 0 <= stream_id < limit:
        raise FormatError(f"stream id {stream_id}: allowed are 0 to {limit - 1}")
    return struct.pack("<I", stream_id)


def _chunk(tag: int, content: bytes) -> bytes:
    return _varlen(len(content) + 2) + struct.pack("<H", tag) + content


def _varlen(value: int) -> bytes:
    """Encode a variable-length integer: XDF allows 1, 4 or 8 bytes, never 2."""
    if value < 2**8:
        return struct.pack("<BB", 1, value)
    if value < 2**32:
        return struct.pack("<BI", 4, value)
    return struct.pack("<BQ", 8, value)


def _number(value: float) -> str:
    """Write a number so that it reads back exactly; whole ones without a point."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _channel(channel: Channel) -> str:
    usual = {"label": channel.label, "unit": channel.unit, "type": channel.type}
    return _elements({**usual, **channel.extra})


def _elements(fields: Mapping[str, str | Mapping[str, str]]) -> str:
    return "".join(
        _element(name, value)
        if isinstance(value, str)
        else _element_of(name, _elements(value))
        for name, value in fields.items()
    )


def _element(name: str, text: str) -> str:
    illegal = _ILLEGAL_XML.search(text)
    if illegal:
        raise FormatError(f"XML element {name}: character {illegal[0]!r} is not allowed")
    # A parser turns a bare carriage return into a newline (XML 1.0, clause 2.11).
    return _element_of(name, escape(text, {"\r": "&#13;"}))


def _element_of(name: str, inner: str) -> str:
    if not _ELEMENT_NAME.fullmatch(name):
        raise FormatError(f"{name!r} can't name an XML element")
    if name == "stream_id":
        raise FormatError("an XML element stream_id would override the stream's own id")
    return f"<{name}>{inner}</{name}>"


def _xml_info(inner: str) -> bytes:
    return f'<?xml version="1.0"?><info>{inner}</info>'.encode()
