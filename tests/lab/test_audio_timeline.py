"""Every merged frame keeps the moment it was heard, whatever was lost or paused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.audio_timeline import (
    Delivered,
    PartReadings,
    Segment,
    begin_with_parts,
    clock_rows,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE_HZ = 1000.0


def line(first: int, last: int, host_s: float) -> Segment:
    """Return frames ``first`` to ``last`` at the nominal rate from ``host_s``."""
    frames = np.array([first, last], np.float64)
    return Segment(first, frames, host_s + (frames - first) / RATE_HZ)


def mapped(delivered: list[Delivered], segments: list[Segment]) -> NDArray[np.float64]:
    rows, host_s = clock_rows(delivered, segments, RATE_HZ)
    n = sum(piece.n_frames for piece in delivered)
    return np.interp(np.arange(n), rows, host_s)


def test_one_piece_in_one_segment_is_one_line() -> None:
    rows, host_s = clock_rows([Delivered(0, 500, 0)], [line(0, 500, 10)], RATE_HZ)
    assert rows.tolist() == [0, 499]
    assert host_s.tolist() == [10.0, 10.499]


def test_time_runs_on_at_the_last_slope_outside_the_readings() -> None:
    segment = Segment(0, np.array([100.0, 200.0]), np.array([1.0, 1.2]))
    times = segment.host_at(np.array([0.0, 150.0, 300.0]), RATE_HZ)
    assert np.allclose(times, [0.8, 1.1, 1.4])


def test_a_segment_with_one_reading_runs_at_the_nominal_rate() -> None:
    segment = Segment(0, np.array([100.0]), np.array([1.0]))
    assert np.allclose(segment.host_at(np.array([0.0, 600.0]), RATE_HZ), [0.9, 1.5])


def test_a_lost_piece_moves_no_other_frame() -> None:
    delivered = [Delivered(0, 100, 0), Delivered(300, 100, 100)]
    times = mapped(delivered, [line(0, 400, 5)])
    expected = 5 + np.concatenate([np.arange(100), np.arange(300, 400)]) / RATE_HZ
    assert np.allclose(times, expected)


def test_a_pause_moves_no_other_frame() -> None:
    delivered = [Delivered(0, 100, 0), Delivered(100, 100, 100)]
    times = mapped(delivered, [line(0, 100, 5), line(100, 200, 65)])
    expected = np.concatenate([5 + np.arange(100) / 1000, 65 + np.arange(100) / 1000])
    assert np.allclose(times, expected)


def test_a_segment_may_begin_inside_a_piece() -> None:
    times = mapped([Delivered(0, 200, 0)], [line(0, 120, 5), line(120, 200, 6)])
    expected = np.concatenate([5 + np.arange(120) / 1000, 6 + np.arange(80) / 1000])
    assert np.allclose(times, expected)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 40)), min_size=1, max_size=8))
def test_any_losses_leave_every_frame_its_time(pieces: list[tuple[int, int]]) -> None:
    delivered: list[Delivered] = []
    expected: list[int] = []
    first = merged = 0
    for lost, n_frames in pieces:
        first += lost
        delivered.append(Delivered(first, n_frames, merged))
        expected += range(first, first + n_frames)
        first, merged = first + n_frames, merged + n_frames
    times = mapped(delivered, [line(0, max(first, 1), 2)])
    assert np.allclose(times, 2 + np.array(expected, np.float64) / RATE_HZ)


def test_without_segments_or_frames_there_are_no_rows() -> None:
    assert clock_rows([], [line(0, 1, 0)], RATE_HZ)[0].size == 0
    assert clock_rows([Delivered(0, 5, 0)], [], RATE_HZ)[0].size == 0


def test_a_segment_after_a_pause_begins_with_its_part() -> None:
    # 20 frames waited in the device at the last reading; the pause threw them away.
    segments = [line(0, 120, 5), Segment(120, np.array([120.0, 220]), np.array([9, 9.1]))]
    parts = [
        PartReadings(0, (60, 5.06), (120, 5.12)),
        PartReadings(100, (120, 9.0), (220, 9.1)),
    ]
    moved = begin_with_parts(segments, parts, RATE_HZ)
    assert [segment.first for segment in moved] == [0, 100]
    times = mapped([Delivered(0, 200, 0)], list(moved))
    assert times[99] == pytest.approx(5.099)
    assert times[100] == pytest.approx(8.98)


def test_a_part_within_a_segment_moves_nothing() -> None:
    segments = [line(0, 200, 5), line(200, 300, 8)]
    parts = [
        PartReadings(0, (50, 5.05), (90, 5.09)),
        PartReadings(100, (110, 5.11), (290, 8.09)),
    ]
    moved = begin_with_parts(segments, parts, RATE_HZ)
    assert [segment.first for segment in moved] == [0, 200]
    assert begin_with_parts([], parts, RATE_HZ) == ()
