"""Every whole FLAC frame comes back with its very samples; nothing else does."""

from __future__ import annotations

import io
import time
import tracemalloc
from functools import cache

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lab.flac_frames import StreamFormat, _crc8, _crc16_each, find_frames, renumbered
from lab.flac_reader import FlacFile, decode, parse_head, read_flac
from lab.pieces import Piece
from recorder.clock import NS_PER_S
from recorder.errors import FormatError
from recorder.format.flac import FlacEncoder

RATE_HZ = 48_000
BLOCK = 4096
TAG = "device=BOX-0007Y session=x part=1 first_frame=0"
Frames = NDArray[np.int16] | NDArray[np.int32]


@cache
def recorded(bits: int, n_channels: int, n_frames: int) -> tuple[Frames, bytes, bytes]:
    """Return frames, the file while it was recorded, and the closed file."""
    noise = np.random.default_rng(n_frames).normal(0, 900, (n_frames, n_channels))
    frames = noise.astype(np.int16)
    block: Frames = frames if bits == 16 else (frames.astype(np.int32) * 131) << 8
    encoder = FlacEncoder(rate_hz=RATE_HZ, bits=bits, n_channels=n_channels, tag=TAG)
    for start in range(0, n_frames, 480):
        encoder.write(block[start : start + 480])
    growing = encoder.take()
    return block, growing, encoder.close()


def samples(file: FlacFile) -> Frames:
    (span,) = file.spans
    return decode(file.head, span)


def is_of(frames: Frames, file: FlacFile) -> bool:
    """Tell whether every span holds the frames that belong there."""
    return all(
        np.array_equal(
            decode(file.head, span), frames[span.first : span.first + span.n_frames]
        )
        for span in file.spans
    )


@pytest.mark.parametrize(("bits", "n_channels"), [(16, 1), (16, 2), (24, 1), (24, 2)])
@pytest.mark.parametrize("n_frames", [1, 15, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7])
def test_a_closed_file_decodes_to_every_frame(
    bits: int, n_channels: int, n_frames: int
) -> None:
    frames, _, closed = recorded(bits, n_channels, n_frames)
    file = read_flac((Piece(0, closed),))
    assert file.head.total_frames == n_frames
    assert file.head.tag == TAG
    assert len(file.spans) == 1
    assert np.array_equal(samples(file), frames)


@pytest.mark.parametrize("bits", [16, 24])
def test_a_file_never_closed_decodes_to_every_whole_block(bits: int) -> None:
    frames, growing, _ = recorded(bits, 2, 5 * BLOCK + 100)
    file = read_flac((Piece(0, growing),))
    assert file.head.total_frames == 0
    assert np.array_equal(samples(file), frames[: file.n_frames])
    assert len(frames) - file.n_frames < 2 * BLOCK


def test_a_file_without_a_frame_has_no_spans() -> None:
    _, growing, closed = recorded(16, 1, 0)
    for content in (growing, closed):
        assert read_flac((Piece(0, content),)).spans == ()


def test_a_file_cut_anywhere_keeps_its_whole_frames() -> None:
    frames, _, closed = recorded(16, 1, 3 * BLOCK)
    whole = read_flac((Piece(0, closed),))
    head = whole.head.length_bytes
    edges = [head + start for start in (*whole.spans[0].starts[1:], len(closed) - head)]
    near = {edge + step for edge in edges for step in range(-20, 20)}
    for cut in sorted({*range(head, len(closed), 197), *near}):
        file = read_flac((Piece(0, closed[:cut]),))
        assert file.n_frames == BLOCK * sum(edge <= cut for edge in edges)
    assert np.array_equal(
        samples(read_flac((Piece(0, closed[: edges[1] + 9]),))), frames[:8192]
    )


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_hole_anywhere_leaves_all_other_frames_in_their_place(
    data: st.DataObject,
) -> None:
    frames, _, closed = recorded(16, 1, 12 * BLOCK + 5)
    head = parse_head(closed)
    start = data.draw(st.integers(head.length_bytes, len(closed)))
    end = data.draw(st.integers(start, min(start + 12_000, len(closed))))
    runs = (Piece(0, closed[:start]), Piece(end, closed[end:]))
    file = read_flac(tuple(run for run in runs if run.content))
    assert is_of(frames, file)
    starts = read_flac((Piece(0, closed),)).spans[0].starts
    spans = zip(starts, [*starts[1:], len(closed) - head.length_bytes], strict=True)
    n_hit = sum(
        a + head.length_bytes < end and start < b + head.length_bytes for a, b in spans
    )
    lost = len(frames) - file.n_frames
    assert (n_hit - 1) * BLOCK <= lost <= n_hit * BLOCK


def test_frames_behind_a_lost_head_are_read_with_another_parts() -> None:
    frames, _, closed = recorded(24, 2, 6 * BLOCK)
    head = parse_head(closed)
    run = Piece(500, closed[500:])
    file = read_flac((run,), head)
    assert not file.own_head
    assert file.n_frames == 5 * BLOCK
    assert is_of(frames, file)
    with pytest.raises(FormatError, match="format unknown"):
        read_flac((run,))


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_flipped_bit_never_yields_a_wrong_sample(data: st.DataObject) -> None:
    frames, _, closed = recorded(16, 1, 5 * BLOCK)
    head = parse_head(closed).length_bytes
    damaged = bytearray(closed)
    at = data.draw(st.integers(head, len(closed) - 1))
    damaged[at] ^= 1 << data.draw(st.integers(0, 7))
    file = read_flac((Piece(0, bytes(damaged)),))
    # A frame whose successor's header is hit has no end that can be told.
    assert file.n_frames in (3 * BLOCK, 4 * BLOCK)
    assert is_of(frames, file)


def test_a_flac_frame_hidden_in_the_samples_of_another_is_not_taken() -> None:
    _, _, other = recorded(16, 1, 15)
    hidden = other[parse_head(other).length_bytes :]
    hidden += hidden  # the first ends where a header begins, as true ones do
    # Noise over the full range is stored verbatim, so the hidden bytes stay as they are.
    noise = np.random.default_rng(1).integers(-32768, 32767, 4 * BLOCK).astype(">i2")
    noise[5000 : 5000 + len(hidden) // 2] = np.frombuffer(hidden, ">i2")
    frames = noise.astype(np.int16)[:, None]
    encoder = FlacEncoder(rate_hz=RATE_HZ, bits=16, n_channels=1, tag=TAG)
    encoder.write(frames)
    content = encoder.close()
    assert hidden in content
    file = read_flac((Piece(0, content),))
    assert np.array_equal(samples(file), frames)


def test_rfc_9639_frame_numbers_are_coded_anew_with_their_checksums() -> None:
    frames, _, closed = recorded(16, 2, 200 * BLOCK)  # numbers of 1 and 2 bytes
    head = parse_head(closed)
    file = read_flac((Piece(700, closed[700:]),), head)
    span = file.spans[0]
    assert span.first > 0
    fresh = read_flac((Piece(0, closed[: head.length_bytes] + renumbered(span)),))
    assert [s.first for s in fresh.spans] == [0]
    assert fresh.n_frames == span.n_frames
    assert np.array_equal(samples(fresh), frames[span.first :])


@pytest.mark.parametrize(
    ("rate_hz", "n_channels", "subtype", "level"),
    [
        (44_100, 1, "PCM_16", 0.5),
        (96_000, 1, "PCM_16", 0.5),
        (RATE_HZ, 3, "PCM_16", 0.5),
        (RATE_HZ, 1, "PCM_S8", 0.5),
        (RATE_HZ, 1, "PCM_16", 0.0),  # libFLAC's blocks at its fastest level: 1152
    ],
)
def test_what_no_box_writes_is_refused_by_its_head(
    rate_hz: int, n_channels: int, subtype: str, level: float
) -> None:
    file = io.BytesIO()
    with soundfile.SoundFile(
        file, "w", rate_hz, n_channels, subtype, format="FLAC", compression_level=level
    ) as writer:
        writer.write(np.zeros((10_000, n_channels), np.int16))
    with pytest.raises(FormatError, match="no box writes"):
        read_flac((Piece(0, file.getvalue()),))


def test_a_file_larger_than_any_part_is_refused_unread() -> None:
    _, growing, _ = recorded(16, 1, 0)
    with pytest.raises(FormatError, match="limit"):
        read_flac((Piece(0, growing + bytes(49 << 20)),))


def test_false_headers_without_end_cost_a_bounded_look_ahead() -> None:
    stream = StreamFormat(RATE_HZ, 2, 24, BLOCK)
    head = b"\xff\xf8\x70\x1c\x05" + (BLOCK - 1).to_bytes(2)
    false = head + bytes([_crc8(head)]) + bytes(1000)
    began_ns = time.process_time_ns()  # whatever else this machine does
    assert find_frames(false * 4000, stream) == ()
    assert time.process_time_ns() - began_ns < 15 * NS_PER_S
    with pytest.raises(FormatError, match="4096 frames"):
        find_frames(false * 4097, stream)


def test_checksums_of_frames_of_all_lengths_need_a_bounded_table() -> None:
    # One table as wide as the longest frame for all of them would take 800 MB.
    frames = [b"\x01\x02\x03"] * 2000 + [bytes(200_000) + b"\x01\x02\x03"] * 3
    frames += [b"\x01\x02\x03"] * 2000
    tracemalloc.start()
    checksums = _crc16_each(frames)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(checksums) == len(frames)
    assert len(set(checksums.tolist())) == 1
    assert peak_bytes < 64 << 20


@pytest.mark.parametrize("n_bytes", [0, 3, 4, 7, 8, 30, 41, 42, 45, 60])
def test_a_cut_head_is_refused(n_bytes: int) -> None:
    _, _, closed = recorded(16, 1, 15)
    with pytest.raises(FormatError, match="FLAC"):
        parse_head(closed[:n_bytes])


def test_a_head_that_lies_about_its_comments_is_refused() -> None:
    _, _, closed = recorded(16, 1, 15)
    at = closed.index(b"FIELDREC") - 4
    with pytest.raises(FormatError, match="comments"):
        parse_head(closed[:at] + b"\xff\xff\xff\x7f" + b"\xff" * 8 + closed[at + 12 :])


def test_a_stream_without_our_tag_says_so() -> None:
    _, _, closed = recorded(16, 1, 15)
    assert parse_head(closed.replace(b"FIELDREC", b"FIELDREX")).tag is None


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_no_garbage_behind_a_head_ever_raises(content: bytes) -> None:
    _, growing, _ = recorded(16, 1, 0)
    read_flac((Piece(0, growing + content),))
