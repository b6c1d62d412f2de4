"""A stamp is believed only on a known clock, and never where it can't be true."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.audio.stamps import ClockReading, StampClock, StampJudge, read_clocks
from recorder.clock import read_host_ns

MS = 1_000_000
SECOND = 1_000 * MS
BUFFER = 2 * SECOND
START = ClockReading(host_ns=1000 * SECOND, monotonic_ns=1500 * SECOND, wall_ns=10**18)


def later(reading: ClockReading, ns: int, wall_step_ns: int = 0) -> ClockReading:
    return ClockReading(
        reading.host_ns + ns, reading.monotonic_ns + ns, reading.wall_ns + ns + wall_step_ns
    )


def judge_of(
    clock: StampClock, start: ClockReading = START
) -> tuple[StampJudge, ClockReading]:
    """Return a judge that has learned that the driver stamps with ``clock``."""
    judge = StampJudge(oldest_ns=BUFFER)
    now = start
    for _ in range(10):
        now = later(now, 20 * MS)
        judge.judge(now.of(clock) - MS, now)
    return judge, now


@pytest.mark.parametrize("clock", list(StampClock))
def test_stamps_on_any_known_clock_become_host_time(clock: StampClock) -> None:
    judge, now = judge_of(clock)
    now = later(now, 20 * MS)
    assert judge.judge(now.of(clock) - 3 * MS, now) == now.host_ns - 3 * MS
    assert judge.description == clock.value


def test_nothing_is_believed_before_the_clock_is_known() -> None:
    judge = StampJudge(oldest_ns=BUFFER)
    for i in range(9):
        now = later(START, i * 20 * MS)
        assert judge.judge(now.host_ns, now) is None
    assert judge.description == "not known yet"


def test_stamps_on_an_unknown_clock_are_never_believed() -> None:
    judge = StampJudge(oldest_ns=BUFFER)
    for i in range(20):
        assert judge.judge(77 + i * 20 * MS, later(START, i * 20 * MS)) is None
    assert judge.description == "no known clock, not used"


def test_two_clocks_close_together_are_told_apart_by_the_nearer_one() -> None:
    # Ten minutes after boot the two differ by milliseconds only.
    near = ClockReading(START.host_ns, START.host_ns + 40 * MS, START.wall_ns)
    assert judge_of(StampClock.RAW, near)[0].description == "CLOCK_MONOTONIC_RAW"
    assert judge_of(StampClock.MONOTONIC, near)[0].description == "CLOCK_MONOTONIC"


def test_clocks_that_agree_count_as_the_one_we_asked_for() -> None:
    same = ClockReading(START.host_ns, START.host_ns + MS // 2, START.wall_ns)
    assert judge_of(StampClock.RAW, same)[0].description == "CLOCK_MONOTONIC_RAW"


@given(st.integers(1, 10**18))
def test_a_stamp_from_the_future_is_refused(ahead_ns: int) -> None:
    judge, now = judge_of(StampClock.RAW)
    now = later(now, 20 * MS)
    assert judge.judge(now.host_ns + ahead_ns, now) is None


@pytest.mark.parametrize(
    ("age_ns", "sane"), [(0, True), (BUFFER, True), (BUFFER + 1, False)]
)
def test_a_stamp_is_at_most_as_old_as_the_buffer_is_long(
    age_ns: int, *, sane: bool
) -> None:
    judge, now = judge_of(StampClock.RAW)
    now = later(now, 10 * SECOND)
    expected = now.host_ns - age_ns if sane else None
    assert judge.judge(now.host_ns - age_ns, now) == expected


def test_a_stamp_before_the_previous_one_is_refused() -> None:
    judge, now = judge_of(StampClock.RAW)
    assert judge.judge(now.host_ns, now) == now.host_ns
    assert judge.judge(now.host_ns - 1, later(now, MS)) is None


def test_after_garbage_the_next_good_stamp_counts_again() -> None:
    judge, now = judge_of(StampClock.RAW)
    for garbage in (0, -5, 140_343_798_185_728 * SECOND):
        assert judge.judge(garbage, now) is None
    judge.judge(now.host_ns, now)
    now = later(now, 20 * MS)
    assert judge.judge(now.host_ns - MS, now) == now.host_ns - MS


@pytest.mark.parametrize("step_s", [3600, -3600])
def test_a_step_of_wall_time_moves_no_stamp(step_s: int) -> None:
    for clock in StampClock:
        judge, now = judge_of(clock)
        now = later(now, 20 * MS, wall_step_ns=step_s * SECOND)
        judge.judge(now.of(clock) - MS, now)
        now = later(now, 20 * MS)
        assert judge.judge(now.of(clock) - MS, now) == now.host_ns - MS


def test_clocks_are_read_back_to_back() -> None:
    before_ns = read_host_ns()
    reading = read_clocks()
    assert before_ns <= reading.host_ns <= read_host_ns()
    assert {reading.of(clock) for clock in StampClock} == {
        reading.host_ns,
        reading.monotonic_ns,
        reading.wall_ns,
    }
