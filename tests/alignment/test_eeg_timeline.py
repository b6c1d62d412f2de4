"""Promises of the live stamps: on the grid, never back, unmoved by the wall clock."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.alignment import CounterFacts, EegClockFacts, EegTimeline, Placed
from recorder.clock import NS_PER_S, WallPair
from tests.live_replay import replay
from tests.stalled_start import begin_in_a_stall
from tests.transport_simulation import HOST_START_S, PROFILES, WallClock, simulate_eeg

CYTON = EegClockFacts(CounterFacts(modulus=256), 250.0, "rc", "each_row")
STILL = WallClock(np.random.default_rng(0), ())


def _poll(timeline: EegTimeline, at_s: float, counter: list[int]) -> Placed:
    n = len(counter)
    polled_ns = round(at_s * NS_PER_S)
    return timeline.place(
        connection=1,
        polled_ns=polled_ns,
        wall=WallPair(polled_ns, polled_ns),
        counter=np.array(counter, np.int64),
        stamp_s=np.full(n, at_s),
        samples_uv=np.arange(n, dtype=np.float32).reshape(1, n),
    )


def test_lost_rows_become_nan_rows_on_the_regular_grid() -> None:
    timeline = EegTimeline(CYTON)
    _poll(timeline, 100.0, [254, 255])
    placed = _poll(timeline, 100.02, [0, 3, 4])
    assert placed.lost_exact == 2
    assert np.isnan(placed.samples_uv[0]).tolist() == [False, True, True, False, False]
    assert placed.samples_uv[0, [0, 3, 4]].tolist() == [0.0, 1.0, 2.0]
    assert np.ptp(np.diff(placed.stamps_ns)) < 1000
    assert placed.packet_row.tolist() == [0, 3, 4]
    assert placed.packet_source.tolist() == [0, 1, 2]


def test_nothing_is_inserted_where_the_counter_can_not_tell() -> None:
    timeline = EegTimeline(CYTON)
    _poll(timeline, 100.0, [1, 2])
    placed = _poll(timeline, 103.0, [9, 10])
    assert (placed.break_reason, placed.break_row, placed.lost_exact) == ("silence", 0, 0)
    assert placed.stamps_ns.shape == (2,)


def test_an_empty_poll_places_nothing() -> None:
    placed = _poll(EegTimeline(CYTON), 100.0, [])
    assert placed.stamps_ns.shape == (0,)
    assert placed.samples_uv.shape == (1, 0)


@pytest.mark.parametrize(
    ("name", "rms_ms"),
    [
        ("cyton_ftdi16", 0.3),
        ("ganglion_8.75", 1.2),
        ("muse_8.75", 0.5),
        ("pieeg_drdy", 0.3),
    ],
)
def test_after_the_first_minute_stamps_follow_the_headset(name: str, rms_ms: float) -> None:
    profile = replace(PROFILES[name], disconnect_every_s=0.0, stall_every_s=0.0)
    seen = simulate_eeg(profile, 180.0, 5, STILL)
    live = replay(seen, profile, STILL)
    error_ms = (live.packet_s - seen.true_end_s)[seen.arrival_s > HOST_START_S + 60] * 1e3
    assert float(np.std(error_ms)) < rms_ms
    assert live.reasons == []


def test_rows_inserted_are_exactly_the_rows_lost() -> None:
    profile = replace(PROFILES["cyton_ftdi1"], loss=0.01, disconnect_every_s=0.0)
    seen = simulate_eeg(profile, 60.0, 7, STILL)
    assert replay(seen, profile, STILL).n_inserted == seen.n_lost


@pytest.mark.parametrize("step_s", [3600.0, -3600.0, 37.0, -0.5, 0.004])
def test_a_step_of_wall_time_moves_no_stamp(step_s: float) -> None:
    profile = PROFILES["muse_8.75"]
    stepping = WallClock(np.random.default_rng(0), ((40.0, step_s),))
    seen = simulate_eeg(profile, 60.0, 3, STILL)
    stepped = simulate_eeg(profile, 60.0, 3, stepping)
    before = replay(seen, profile, STILL).stamps_ns
    after = replay(stepped, profile, stepping).stamps_ns
    # The poll of the step itself may only know "before this poll" of an arrival.
    assert int(np.max(np.abs(after - before))) < 5_000


def test_a_reconnect_begins_a_segment_but_keeps_the_rate() -> None:
    profile = replace(PROFILES["cyton_ftdi1"], disconnect_every_s=40.0)
    seen = simulate_eeg(profile, 100.0, 2, STILL)
    live = replay(seen, profile, STILL)
    assert set(live.reasons) == {"reconnect"}
    assert live.timeline.numbers(0).segments == len(live.reasons) + 1
    late = seen.connection == seen.connection[-1]
    error_ms = (live.packet_s - seen.true_end_s)[late] * 1e3
    assert float(np.std(error_ms)) < 0.5


def test_a_connection_that_begins_in_a_stall_is_one_segment_with_its_losses() -> None:
    profile = replace(PROFILES["muse_8.75"], disconnect_every_s=0.0, stall_every_s=0.0)
    seen = simulate_eeg(replace(profile, loss=0.0), 120.0, 12, STILL)
    seen = begin_in_a_stall(seen, STILL, at_s=60.0, stall_s=4.9, queue=40)
    live = replay(seen, profile, STILL)
    assert live.reasons == ["reconnect"]
    assert live.n_inserted == 12 * seen.n_lost > 0
    error_ms = (live.packet_s - seen.true_end_s)[seen.arrival_s > HOST_START_S + 90] * 1e3
    assert float(np.std(error_ms)) < 1


def test_live_numbers_tell_rate_drift_and_silence() -> None:
    profile = replace(PROFILES["cyton_ftdi1"], disconnect_every_s=0.0)
    seen = simulate_eeg(profile, 60.0, 4, STILL)
    live = replay(seen, profile, STILL)
    ends = seen.true_end_s
    n_rows = (live.stamps_ns.shape[0] - 1) / (ends[-1] - ends[0])
    numbers = live.timeline.numbers(round((seen.arrival_s[-1] + 2.5) * NS_PER_S))
    assert numbers.rate_hz == pytest.approx(n_rows, rel=2e-4)
    assert numbers.drift_ppm == pytest.approx((numbers.rate_hz / 250 - 1) * 1e6)
    assert numbers.silent_s == pytest.approx(2.5, abs=0.02)
    assert 0 < numbers.jitter_ms < 20
    assert numbers.lost_exact == live.n_inserted


def test_before_any_row_there_is_no_silence_to_tell() -> None:
    assert EegTimeline(CYTON).numbers(5).silent_s is None


@settings(deadline=None, max_examples=60)
@given(
    polls=st.lists(
        st.tuples(
            st.lists(st.integers(-(2**62), 2**62) | st.integers(0, 300), max_size=6),
            st.integers(-(10**9), 5 * 10**9),
            st.floats(allow_nan=True, allow_infinity=True),
            st.integers(1, 2),
        ),
        min_size=1,
        max_size=12,
    ),
    make=st.sampled_from([p.facts for p in PROFILES.values()]),
)
def test_whatever_a_device_sends_stamps_only_grow_and_no_row_is_lost(
    polls: list[tuple[list[int], int, float, int]], make: EegClockFacts
) -> None:
    timeline = EegTimeline(make)
    last, polled_ns = None, 10**12
    for counter, after_ns, stamp_s, connection in polls:
        polled_ns += after_ns
        n = len(counter)
        placed = timeline.place(
            connection=connection,
            polled_ns=polled_ns,
            wall=WallPair(polled_ns, polled_ns),
            counter=np.array(counter, np.int64),
            stamp_s=np.full(n, stamp_s),
            samples_uv=np.arange(n, dtype=np.float32).reshape(1, n),
        )
        stamps = placed.stamps_ns.tolist()
        everything = stamps if last is None else [last, *stamps]
        assert all(a < b for a, b in pairwise(everything))
        kept = placed.samples_uv[0][~np.isnan(placed.samples_uv[0])]
        assert kept.tolist() == list(range(n))
        assert placed.samples_uv.shape[1] == len(stamps) == n + placed.lost_exact
        last = stamps[-1] if stamps else last
