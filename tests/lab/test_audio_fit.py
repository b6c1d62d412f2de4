"""Promises of the audio clock: microseconds, exact losses at overruns, no exception."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lab.alignment_report import alignment_json
from lab.audio_fit import AudioFit, AudioRows, fit_audio
from tests.sound_card_simulation import AUDIO_RATE_HZ, SeenAudio, simulate_audio


def _fit(seen: SeenAudio) -> AudioFit:
    rows = AudioRows(seen.frame, seen.host_s, seen.xrun, seen.segment)
    return fit_audio(rows, AUDIO_RATE_HZ)


@pytest.mark.parametrize("seed", [31, 32, 33])
def test_frames_are_placed_within_microseconds_and_overruns_counted_exactly(
    seed: int,
) -> None:
    seen = simulate_audio(600.0, seed, 3)
    fit = _fit(seen)
    frame = np.arange(0.0, seen.frame[-1], 4801.0)
    error_s = fit.to_host_s(frame) - seen.true_host_s(frame)
    assert float(np.max(np.abs(error_s - np.median(error_s)))) < 20e-6
    assert [part.lost_before for part in fit.segments] == seen.lost.tolist()
    assert fit.lost_inferred == int(np.sum(seen.lost))
    assert fit.rate_hz == pytest.approx(AUDIO_RATE_HZ, rel=60e-6)


def test_a_pause_is_a_gap_and_loses_no_frames() -> None:
    seen = simulate_audio(120.0, 3, 0)
    late = seen.frame > 60 * AUDIO_RATE_HZ
    host_s = seen.host_s + np.where(late, 10.0, 0.0)
    rows = AudioRows(seen.frame, host_s, seen.xrun, late.astype(np.int64))
    fit = fit_audio(rows, AUDIO_RATE_HZ)
    assert len(fit.segments) == 2
    assert fit.lost_inferred == 0
    after = fit.segments[1]
    assert after.host_s[0] - fit.segments[0].host_s[-1] == pytest.approx(10.0, abs=1e-4)


@pytest.mark.parametrize("n_late", [1, 3])
@pytest.mark.parametrize("begin", [0, 300, 590])
def test_readings_that_came_late_are_no_break(n_late: int, begin: int) -> None:
    seen = simulate_audio(60.0, 3, 0)
    host_s = seen.host_s.copy()
    host_s[begin : begin + n_late] += 0.08
    fit = fit_audio(AudioRows(seen.frame, host_s, seen.xrun, seen.segment), AUDIO_RATE_HZ)
    assert len(fit.segments) == 1
    frame = np.arange(0.0, seen.frame[-1], 4801.0)
    error_s = fit.to_host_s(frame) - seen.true_host_s(frame)
    assert float(np.max(np.abs(error_s - np.median(error_s)))) < 20e-6


def test_frames_that_a_driver_dropped_without_a_word_are_a_gap() -> None:
    seen = simulate_audio(60.0, 3, 0)
    host_s = seen.host_s + np.where(seen.frame > 30 * AUDIO_RATE_HZ, 0.08, 0.0)
    fit = fit_audio(AudioRows(seen.frame, host_s, seen.xrun, seen.segment), AUDIO_RATE_HZ)
    before, after = fit.segments
    assert after.host_s[0] - before.host_s[-1] == pytest.approx(0.08, abs=1e-4)


def test_frames_after_the_last_reading_go_on_at_the_measured_rate() -> None:
    fit = _fit(simulate_audio(60.0, 3, 0))
    assert fit.rate_hz is not None
    last = fit.segments[-1].frame[-1]
    two = fit.to_host_s(np.array([last, last + 4800.0]))
    assert two[1] - two[0] == pytest.approx(4800 / fit.rate_hz)


def test_no_rows_end_in_a_clear_statement() -> None:
    nothing = np.empty(0)
    none = np.empty(0, np.int64)
    fit = fit_audio(AudioRows(nothing, nothing, none, none), AUDIO_RATE_HZ)
    assert fit.notes == ("no AudioClock rows: frames have no host time",)
    assert np.isnan(fit.to_host_s(np.array([1.0]))).all()


def test_a_stuck_frame_counter_ends_in_a_clear_statement() -> None:
    n = 100
    rows = AudioRows(
        np.full(n, 7.0), np.arange(float(n)), np.zeros(n, np.int64), np.zeros(n, np.int64)
    )
    fit = fit_audio(rows, AUDIO_RATE_HZ)
    assert fit.rate_hz is None
    assert "no rate can be measured" in fit.notes[0]


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 1e6) | st.floats(),
            st.floats(0, 1e3) | st.floats(),
            st.integers(0, 3),
            st.integers(0, 3),
        ),
        max_size=30,
    )
)
@example([(0.0, 1.7e308, 0, 0), (0.0, -1e292, 0, 0), (0.0, -1e292, 0, 0)])
@example([(0.0, 9e307, 0, 0), (0.0, 9e307, 0, 0)])
def test_no_readings_whatever_raise(rows: list[tuple[float, float, int, int]]) -> None:
    table = np.array(rows, np.float64).reshape(-1, 4)
    fit = fit_audio(
        AudioRows(
            table[:, 0],
            table[:, 1],
            table[:, 2].astype(np.int64),
            table[:, 3].astype(np.int64),
        ),
        AUDIO_RATE_HZ,
    )
    assert fit.notes or fit.rate_hz is not None
    alignment_json(None, fit, constant_ms=None, calibration=None)
