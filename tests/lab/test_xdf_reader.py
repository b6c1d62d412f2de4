"""Only whole chunks are read, and a hole costs no more than up to the next boundary."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import pytest
import pyxdf
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.pieces import Piece
from lab.xdf_reader import (
    MAGIC,
    Rows,
    chunk_at,
    chunks,
    parse_samples,
    parse_stream_header,
    read_xdf,
    trim,
)
from recorder.errors import FormatError
from recorder.format import xdf

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHANNELS = [xdf.Channel(label=f"C{n}", unit="uV", type="EEG") for n in range(3)]
N_CHUNKS = 6
ROWS = 5


def header_chunk(stream: int, channel_format: xdf.ChannelFormat = "float32") -> bytes:
    channels = CHANNELS[:1] if channel_format == "string" else CHANNELS
    return xdf.stream_header(
        stream,
        name=f"S{stream}",
        type="EEG",
        channel_format=channel_format,
        nominal_srate_hz=100,
        channels=channels,
        can_drop_samples=True,
    )


def numbers(chunk: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    stamps = np.arange(ROWS) / 100 + chunk
    return stamps, np.arange(3 * ROWS, dtype=np.float32).reshape(3, ROWS) + 100 * chunk


def body() -> list[bytes]:
    """Return the chunks of a file: EEG and text, a boundary after each second pair."""
    made = []
    for chunk in range(N_CHUNKS):
        made += [
            xdf.numeric_samples(1, *numbers(chunk)),
            xdf.string_samples(2, [chunk + 0.5], [f"mark {chunk} é"]),
        ]
        if chunk % 2:
            made.append(xdf.boundary())
    return made


HEADS = [xdf.file_header({"device": "BOX-1"}), header_chunk(1), header_chunk(2, "string")]
CHUNKS = [*HEADS, *body()]
FILE = b"".join(CHUNKS)
EDGES = [len(b"".join(CHUNKS[:n])) for n in range(1, len(CHUNKS) + 1)]


def test_a_whole_file_reads_as_it_was_written() -> None:
    file = read_xdf((Piece(0, FILE),))
    assert not file.problems
    assert not file.resumed_at
    stamps = np.concatenate([numbers(n)[0] for n in range(N_CHUNKS)])
    values = np.concatenate([numbers(n)[1] for n in range(N_CHUNKS)], axis=1)
    assert np.array_equal(file.rows[1].stamps_s, stamps)
    assert np.array_equal(file.rows[1].values.T, values)
    assert file.rows[1].values.dtype == np.float32
    assert list(file.rows[2].values[:, 0]) == [f"mark {n} é" for n in range(N_CHUNKS)]
    assert b"BOX-1" in (file.file_header or b"")


def test_a_file_cut_anywhere_is_trimmed_to_its_last_whole_chunk() -> None:
    for cut in range(len(FILE) + 1):
        whole = max((edge for edge in EDGES if edge <= cut), default=0)
        assert trim(FILE[:cut]) == (FILE[:whole] or MAGIC[: 4 if cut >= 4 else 0])


def test_stock_pyxdf_reads_every_cut_once_it_is_trimmed() -> None:
    for cut in range(EDGES[2], len(FILE) + 1, 3):
        streams, _ = pyxdf.load_xdf(io.BytesIO(trim(FILE[:cut])), verbose=False)
        eeg = next(s for s in streams if s["info"]["stream_id"] == 1)
        ours = read_xdf((Piece(0, FILE[:cut]),)).rows.get(1)
        n_rows = 0 if ours is None else len(ours.stamps_s)
        assert len(eeg["time_stamps"]) == n_rows
        if ours is not None:
            assert np.array_equal(eeg["time_series"], ours.values)


@settings(max_examples=80, deadline=None)
@given(st.integers(EDGES[2], len(FILE)), st.integers(0, 400))
def test_behind_a_hole_reading_goes_on_at_the_next_boundary(start: int, size: int) -> None:
    end = min(start + size, len(FILE))
    runs = tuple(p for p in (Piece(0, FILE[:start]), Piece(end, FILE[end:])) if p.content)
    file = read_xdf(runs)
    expected = read_xdf((Piece(0, FILE),)).rows[1]
    stamps = file.rows[1].stamps_s if 1 in file.rows else np.empty(0)
    assert np.isin(stamps, expected.stamps_s).all()
    assert np.all(np.diff(stamps) > 0)
    # Whatever lies behind the first whole boundary after the hole is there.
    boundary = FILE.find(xdf.BOUNDARY_UUID, end)
    if boundary >= 0:
        rest = FILE[boundary + 16 :]
        n_rest = sum(c.tag == 3 and rest[c.content_start] == 1 for c in chunks(rest, 0))
        tail = expected.stamps_s[len(expected.stamps_s) - n_rest * ROWS :]
        assert np.isin(tail, stamps).all()


def test_a_hole_is_counted_where_it_is() -> None:
    hole = (EDGES[4], EDGES[7])  # chunk pair 1 and its boundary
    file = read_xdf((Piece(0, FILE[: hole[0]]), Piece(hole[1], FILE[hole[1] :])))
    assert [counts.get(1) for counts in file.resumed_at] == [ROWS]
    # The second pair of chunks begins behind the lost boundary: lost up to the next.
    assert file.rows[1].stamps_s[ROWS] == numbers(4)[0][0]


def test_headers_of_another_part_stand_in_for_lost_ones() -> None:
    known = read_xdf((Piece(0, FILE),)).headers
    run = Piece(EDGES[3], FILE[EDGES[3] :])
    assert read_xdf((run,)).rows == {}
    assert read_xdf((run,)).problems
    assert len(read_xdf((run,), known).rows[1].stamps_s) == (N_CHUNKS - 2) * ROWS


def test_nothing_is_read_of_no_bytes() -> None:
    assert read_xdf(()).rows == {}
    assert trim(b"") == b""
    assert trim(b"RIFF") == b""


@pytest.mark.parametrize("width", [0, 2, 3, 9, 255])
def test_xdf_1_0_chunk_lengths_have_1_4_or_8_bytes(width: int) -> None:
    assert chunk_at(bytes([width]) + FILE[5:], 0) is None


@pytest.mark.parametrize(("width", "code"), [(4, "<I"), (8, "<Q")])
def test_xdf_1_0_longer_length_fields_are_read(width: int, code: str) -> None:
    raw = bytes([width]) + struct.pack(code, 18) + b"\x05\x00" + xdf.BOUNDARY_UUID
    chunk = chunk_at(raw, 0)
    assert chunk is not None
    assert (chunk.tag, chunk.end) == (5, len(raw))


@pytest.mark.parametrize("tag", [0, 7, 100])
def test_an_unknown_tag_ends_the_walk(tag: int) -> None:
    assert chunk_at(b"\x01\x02" + tag.to_bytes(2, "little"), 0) is None


FLOATS = parse_stream_header(HEADS[1][HEADS[1].index(b"<?xml") :])
TEXTS = parse_stream_header(HEADS[2][HEADS[2].index(b"<?xml") :])
ROW = b"\x08" + np.float64(1.0).tobytes() + np.zeros(3, "<f4").tobytes()
TEXT_ROW = b"\x08" + np.float64(1.0).tobytes() + b"\x01\x02hi"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x02\x01\x00" + ROW,
        b"\x01\x01" + ROW[:-1],
        b"\x01\x01" + ROW + b"\x00",
        b"\x01\x02" + ROW,
        b"\x01\x01\x00" + ROW[9:] + bytes(8),
        b"\x01\x01\x08" + np.float64("nan").tobytes() + ROW[9:],
    ],
)
def test_numeric_samples_of_the_wrong_shape_are_refused(content: bytes) -> None:
    with pytest.raises(FormatError, match="XDF samples"):
        parse_samples(content, FLOATS)


@pytest.mark.parametrize(
    "content",
    [
        b"\x01\x01\x00" + TEXT_ROW[9:],
        b"\x01\x01" + TEXT_ROW[:-1],
        b"\x01\x01" + TEXT_ROW + b"x",
        b"\x01\x01" + TEXT_ROW[:-2] + b"\xff\xfe",
        b"\x01\x01" + TEXT_ROW[:9],
        b"\x01\x01" + TEXT_ROW[:5],
    ],
)
def test_text_samples_of_the_wrong_shape_are_refused(content: bytes) -> None:
    with pytest.raises(FormatError, match="XDF samples"):
        parse_samples(content, TEXTS)


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"<info>",
        b"<info><name>x</name></info>",
        FLOATS.xml.replace(b"float32", b"float16"),
        FLOATS.xml.replace(b"<channel_count>3", b"<channel_count>0"),
        FLOATS.xml.replace(b"<channel_count>3", b"<channel_count>three"),
        FLOATS.xml.replace(b"?>", b"?><!DOCTYPE info [<!ENTITY a 'b'>]>"),
    ],
)
def test_xdf_1_0_stream_headers_need_their_elements(xml: bytes) -> None:
    with pytest.raises(FormatError, match="XDF stream header"):
        parse_stream_header(xml)


@pytest.mark.parametrize(
    "channel_format", ["int8", "int16", "int32", "int64", "float32", "double64"]
)
def test_xdf_1_0_numeric_formats_keep_their_values(channel_format: str) -> None:
    dtype = channel_format.replace("double64", "float64")
    head = parse_stream_header(FLOATS.xml.replace(b"float32", channel_format.encode()))
    values = np.array([[1, -2], [3, 4], [5, 6]], dtype)
    chunk = xdf.numeric_samples(1, np.array([1.0, 2.0]), values)
    found = chunk_at(chunk, 0)
    assert found is not None
    rows: Rows = parse_samples(chunk[found.content_start + 4 : found.end], head)
    assert np.array_equal(rows.values.T, values)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([b"", MAGIC]), st.binary(max_size=300))
def test_no_garbage_ever_raises(magic: bytes, content: bytes) -> None:
    read_xdf((Piece(0, magic + content),))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(FILE) - 1), st.integers(0, 7))
def test_a_flipped_bit_in_the_plain_never_raises(at: int, bit: int) -> None:
    damaged = bytearray(FILE)
    damaged[at] ^= 1 << bit
    read_xdf((Piece(0, bytes(damaged)),))


def test_the_identity_is_free_text_to_this_reader() -> None:
    head = xdf.file_header({"session": str(UUID(int=1))})
    assert str(UUID(int=1)).encode() in (read_xdf((Piece(0, head),)).file_header or b"")
