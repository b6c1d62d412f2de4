"""Every chunk is XDF 1.0 to the byte, and stock pyxdf reads it with default arguments."""

from __future__ import annotations

import io
import math
import struct
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest
import pyxdf
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.errors import FormatError
from recorder.format import xdf

CHANNEL = xdf.Channel(label="Fp1", unit="microvolts", type="EEG")


def load(content: bytes) -> list[dict[str, Any]]:
    """Load with default arguments, as everybody does."""
    streams: list[dict[str, Any]]
    streams, _ = pyxdf.load_xdf(io.BytesIO(content))
    return sorted(streams, key=lambda stream: int(stream["info"]["stream_id"]))


def parsed(file_header: bytes) -> ET.Element:
    xml = file_header[file_header.index(b"<?xml") :]
    return ET.fromstring(xml)  # noqa: S314 - our own bytes


def header(
    stream_id: int = 1, channel_format: xdf.ChannelFormat = "float32", n: int = 1
) -> bytes:
    return xdf.file_header({}) + xdf.stream_header(
        stream_id,
        name="x",
        type="EEG",
        channel_format=channel_format,
        nominal_srate_hz=0 if channel_format == "string" else 250,
        channels=[CHANNEL] * n,
        can_drop_samples=True,
    )


def test_the_file_header_is_the_magic_and_chunk_1_with_version_1_0() -> None:
    content = xdf.file_header({"device": "BOX-0007Y", "more": {"a": "b"}})
    body = b'<?xml version="1.0"?><info><version>1.0</version><device>BOX-0007Y</device>'
    body += b"<more><a>b</a></more></info>"
    assert content == b"XDF:" + bytes([1, len(body) + 2]) + b"\x01\x00" + body


def test_the_boundary_chunk_has_the_uuid_of_the_standard() -> None:
    assert xdf.boundary() == bytes.fromhex("01120500 43A546DCCBF5410FB30ED5467383CBE4")


def test_a_samples_chunk_has_id_count_and_a_stamp_before_each_row() -> None:
    values = np.array([[1, 2], [3, 4]], np.int16)
    content = xdf.numeric_samples(5, np.array([0.5, 1.5]), values)
    rows = (
        b"\x08" + struct.pack("<dhh", 0.5, 1, 3) + b"\x08" + struct.pack("<dhh", 1.5, 2, 4)
    )
    body = b"\x03\x00" + struct.pack("<I", 5) + b"\x01\x02" + rows
    assert content == bytes([1, len(body)]) + body


def test_a_text_sample_has_its_length_before_utf_8() -> None:
    content = xdf.string_samples(2, [2.25], ["Инсайт"])
    text = "Инсайт".encode()
    row = b"\x08" + struct.pack("<d", 2.25) + bytes([1, len(text)]) + text
    body = b"\x03\x00" + struct.pack("<I", 2) + b"\x01\x01" + row
    assert content == bytes([1, len(body)]) + body


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 65535, 65536, 70_000])
def test_lengths_take_1_4_or_8_bytes_at_every_edge(size: int) -> None:
    content = header(channel_format="string") + xdf.string_samples(1, [1.0], ["x" * size])
    assert load(content)[0]["time_series"] == [["x" * size]]


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (0, "01 00"),
        (255, "01 ff"),
        (256, "04 00010000"),
        (2**32 - 1, "04 ffffffff"),
        (2**32, "08 0000000001000000"),
    ],
)
def test_a_length_is_as_short_as_it_can_be(value: int, encoded: str) -> None:
    assert xdf._varlen(value) == bytes.fromhex(encoded)


@pytest.mark.parametrize("n", [1, 2, 254, 255, 256, 257, 1000])
def test_counts_of_samples_survive_every_edge_of_their_length(n: int) -> None:
    stamps = np.arange(n) / 250
    values = np.arange(n, dtype=np.float32)[None]
    stream = load(header() + xdf.numeric_samples(1, stamps, values))[0]
    assert np.array_equal(stream["time_series"], values.T)
    assert np.array_equal(stream["time_stamps"], stamps)


@pytest.mark.parametrize(
    ("dtype", "channel_format"),
    [
        ("i1", "int8"),
        ("<i2", "int16"),
        (">i2", "int16"),
        ("<i4", "int32"),
        ("<i8", "int64"),
        ("<f4", "float32"),
        (">f4", "float32"),
        ("<f8", "double64"),
    ],
)
def test_every_numeric_format_reads_back_from_any_byte_order(
    dtype: str, channel_format: xdf.ChannelFormat
) -> None:
    values = np.array([[1, -2, 3], [4, 5, -6]], dtype)
    content = header(1, channel_format, 2) + xdf.numeric_samples(1, np.arange(3.0), values)
    assert np.array_equal(load(content)[0]["time_series"], values.T)


def test_a_footer_tells_stamps_and_the_exact_count() -> None:
    content = header() + xdf.numeric_samples(
        1, np.array([0.1]), np.ones((1, 1), np.float32)
    )
    content += xdf.stream_footer(1, first_stamp_s=0.1, last_stamp_s=0.1, n_samples=1)
    footer = load(content)[0]["footer"]["info"]
    assert footer["sample_count"] == ["1"]
    assert float(footer["first_timestamp"][0]) == 0.1


def test_text_that_xml_would_bend_reads_back_as_it_was() -> None:
    odd = "a<b>&\"'\r\n\t]]> Ж 🧠"
    content = xdf.file_header({"odd": odd})
    assert parsed(content).findtext("odd") == odd


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_any_text_either_parses_back_equal_or_is_refused(text: str) -> None:
    try:
        content = xdf.file_header({"odd": text})
    except FormatError:
        return
    assert parsed(content).findtext("odd", "") == text


@given(
    st.lists(st.integers(0, 10**18), min_size=1, max_size=40),
    st.integers(1, 5),
    st.data(),
)
@settings(deadline=None, max_examples=50)
def test_any_numbers_at_any_rising_stamps_read_back_equal(
    stamps_ns: list[int], n_channels: int, data: st.DataObject
) -> None:
    stamps = sorted(stamp_ns / 1e9 for stamp_ns in stamps_ns)
    shape = st.lists(st.floats(width=32), min_size=len(stamps), max_size=len(stamps))
    values = np.array([data.draw(shape) for _ in range(n_channels)], np.float32)
    content = header(n=n_channels) + xdf.numeric_samples(1, np.array(stamps), values)
    stream = load(content)[0]
    assert np.array_equal(stream["time_series"], values.T, equal_nan=True)
    assert np.array_equal(stream["time_stamps"], stamps)


@pytest.mark.parametrize("name", ["", "1a", "a b", "<a", "stream_id"])
def test_element_names_that_break_readers_are_refused(name: str) -> None:
    with pytest.raises(FormatError):
        xdf.file_header({name: "x"})


@pytest.mark.parametrize("text", ["\x00", "a\x0bb", "\ufffe", "\ud800"])
def test_characters_that_xml_forbids_are_refused(text: str) -> None:
    with pytest.raises(FormatError, match="not allowed"):
        xdf.file_header({"a": text})


@pytest.mark.parametrize("stamp", [math.nan, math.inf, -math.inf])
def test_stamps_that_are_no_numbers_are_refused(stamp: float) -> None:
    with pytest.raises(FormatError, match="finite"):
        xdf.numeric_samples(1, np.array([stamp]), np.ones((1, 1)))
    with pytest.raises(FormatError, match="finite"):
        xdf.string_samples(1, [stamp], ["x"])


def test_numeric_stamps_may_repeat_but_not_go_back() -> None:
    values = np.ones((1, 2))
    assert xdf.numeric_samples(1, np.array([1.0, 1.0]), values)
    with pytest.raises(FormatError, match="go back"):
        xdf.numeric_samples(1, np.array([1.0, 0.5]), values)


def test_text_stamps_may_go_back_since_events_are_told_late() -> None:
    content = header(channel_format="string")
    content += xdf.string_samples(1, [2.0, 1.0], ["key", "lost"])
    assert list(load(content)[0]["time_stamps"]) == [2.0, 1.0]


@pytest.mark.parametrize(
    ("n_stamps", "values"),
    [
        (0, np.ones((1, 0))),
        (2, np.ones((1, 3))),
        (3, np.ones(3)),
        (3, np.ones((0, 3))),
        (3, np.ones((1, 3), np.complex64)),
        (3, np.ones((1, 3), np.uint8)),
    ],
)
def test_shapes_and_types_that_xdf_lacks_are_refused(
    n_stamps: int, values: np.ndarray[Any, np.dtype[Any]]
) -> None:
    with pytest.raises(FormatError):
        xdf.numeric_samples(1, np.arange(float(n_stamps)), values)


def test_texts_without_stamps_or_encoding_are_refused() -> None:
    with pytest.raises(FormatError):
        xdf.string_samples(1, [], [])
    with pytest.raises(FormatError):
        xdf.string_samples(1, [1.0], ["a", "b"])
    with pytest.raises(FormatError, match="surrogate"):
        xdf.string_samples(1, [1.0], ["\ud800"])


@pytest.mark.parametrize("stream_id", [-1, 2**32])
def test_stream_ids_beyond_32_bits_are_refused(stream_id: int) -> None:
    with pytest.raises(FormatError, match="stream id"):
        xdf.string_samples(stream_id, [1.0], ["a"])


@pytest.mark.parametrize(
    ("channel_format", "rate", "channels"),
    [("float64", 250, [CHANNEL]), ("float32", -1, [CHANNEL]), ("float32", 250, [])]
    + [("float32", rate, [CHANNEL]) for rate in (math.nan, math.inf)],
)
def test_stream_headers_that_no_reader_takes_are_refused(
    channel_format: str, rate: float, channels: list[xdf.Channel]
) -> None:
    with pytest.raises(FormatError):
        xdf.stream_header(
            1,
            name="x",
            type="EEG",
            channel_format=channel_format,  # type: ignore[arg-type]  # wrong on purpose
            nominal_srate_hz=rate,
            channels=channels,
        )


def test_a_footer_without_numbers_is_refused() -> None:
    with pytest.raises(FormatError):
        xdf.stream_footer(1, first_stamp_s=0, last_stamp_s=math.nan, n_samples=1)
    with pytest.raises(FormatError):
        xdf.stream_footer(1, first_stamp_s=0, last_stamp_s=1, n_samples=-1)


def test_stamps_as_far_apart_as_doubles_go_are_written_in_order_only() -> None:
    far = np.array([-1.7e308, 1.7e308])
    assert xdf.numeric_samples(1, far, np.zeros((1, 2), np.float32))
    with pytest.raises(FormatError, match="go back"):
        xdf.numeric_samples(1, far[::-1], np.zeros((1, 2), np.float32))
