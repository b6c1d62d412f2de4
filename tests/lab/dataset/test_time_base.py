"""EEG time keeps every sample where it is, and what was not measured as long as it was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.dataset.time_base import filled, make_time_base, unmeasured
from lab.mark_spans import MarkSpan
from recorder.errors import OpenError


def stamps(*pieces: tuple[float, int], rate_hz: float = 250.0) -> np.ndarray:
    """Return stamps of pieces, each beginning at a moment with so many samples."""
    return np.concatenate([start + np.arange(n) / rate_hz for start, n in pieces])


def test_a_gapless_run_has_one_sample_for_each() -> None:
    base = make_time_base(stamps((100.0, 1000), rate_hz=250.5), 250)
    assert base.index.tolist() == list(range(1000))
    assert base.rate_hz == pytest.approx(250.5, rel=1e-6)
    assert base.n_samples - 1000 < 3
    assert len(f"{base.record_s:.10f}"[:8].rstrip("0")) <= 8


def test_a_gap_keeps_its_length_in_whole_samples() -> None:
    base = make_time_base(stamps((0.0, 500), (12.0013, 500)), 250)
    assert base.index[500] == 3000
    at = base.at(12.0013)
    assert at == pytest.approx(3000 / base.rate_hz, abs=1e-9)
    assert base.at(-1.0) == pytest.approx(-1.0)


@given(
    rate_hz=st.floats(100, 1000),
    lengths=st.lists(
        st.tuples(st.integers(2, 400), st.floats(0.05, 30)), min_size=1, max_size=5
    ),
)
def test_every_stamp_is_its_own_sample_and_comes_back(
    rate_hz: float, lengths: list[tuple[int, float]]
) -> None:
    start, pieces = 0.0, []
    for n, gap in lengths:
        pieces.append((start, n))
        start += n / rate_hz + gap
    host_s = stamps(*pieces, rate_hz=rate_hz)
    base = make_time_base(host_s, rate_hz)
    assert (np.diff(base.index) >= 1).all()
    assert np.allclose(base.eeg_s(host_s) * base.rate_hz, base.index, atol=1e-6)
    back = base.to_host_s(base.eeg_s(host_s))
    assert np.abs(back - host_s).max() < 1e-9
    assert abs(base.duration_s - (host_s[-1] - host_s[0])) < 0.01 * len(lengths) + 3


def test_knots_draw_a_bent_clock_with_few_lines() -> None:
    at = np.arange(100_000) / 250
    bent = at + 3e-4 * 600 * (1 - np.exp(-at / 600))
    base = make_time_base(bent, 250)
    knots = base.knots(tolerance_s=1e-5)
    assert len(knots) < 200
    drawn = np.interp(base.index, knots[:, 0], knots[:, 1])
    assert np.abs(drawn - bent).max() <= 1e-5


def test_gaps_say_why_by_the_marks_around_them() -> None:
    host_s = stamps((0.0, 250), (5.0, 250), (11.0, 250), (17.0, 250), (23.0, 250))
    spans = (
        MarkSpan(1.0, 5.0, "pause"),
        MarkSpan(10.9, 10.9, "erase"),
        MarkSpan(12.5, 16.9, "headset lost"),
    )
    base = make_time_base(host_s, 250)
    lost = np.zeros(host_s.size, np.bool_)
    lost[10:12] = True
    found = unmeasured(base, lost=lost, spans=spans)
    whys = [stretch.why for stretch in found if stretch.why != "padding"]
    assert whys == ["lost", "paused", "erased", "disconnected", "lost"]
    assert (found[0].start, found[0].end) == (10, 12)


def test_unmeasured_samples_repeat_the_last_measured_one() -> None:
    host_s = stamps((0.0, 3), (0.02, 2))
    values = np.array([[1.0], [2.0], [np.nan], [4.0], [5.0]])
    lost = np.array([False, False, True, False, False])
    whole = filled(values, make_time_base(host_s, 250), lost)
    assert whole[:, 0].tolist() == [1, 2, 2, 2, 2, 4, 5]


def test_a_single_sample_and_an_absurd_clock_are_refused() -> None:
    with pytest.raises(OpenError, match="at least 2"):
        make_time_base(np.array([1.0]), 250)
    with pytest.raises(OpenError, match="too long"):
        make_time_base(np.array([0.0, 0.004, 1e9]), 250)
