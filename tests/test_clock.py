"""Promises of the host clock: monotonic, unmoved by wall time, mapped without loss."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.clock import (
    WallPair,
    read_beside_host,
    read_host_clock,
    read_host_ns,
    read_wall_pair,
)


def test_host_time_never_goes_back() -> None:
    readings = [read_host_ns() for _ in range(1000)]
    assert readings == sorted(readings)


def test_a_wall_pair_lies_between_two_readings_of_host_time() -> None:
    before = read_host_ns()
    pair = read_wall_pair()
    assert before <= pair.host_ns <= read_host_ns()


MS = 1_000_000


class Interrupted:
    """A true clock pair: ``ahead_ns`` apart, a microsecond between any two readings.

    The process is put aside before the readings whose numbers are in ``aside``, 10 ms long.
    """

    def __init__(self, ahead_ns: int, *aside: int) -> None:
        self.true_ns = 0
        self.n_read = 0
        self._ahead_ns = ahead_ns
        self._aside = aside

    def host_ns(self) -> int:
        self.true_ns += 10 * MS if self.n_read in self._aside else 1000
        self.n_read += 1
        return self.true_ns

    def other_ns(self) -> int:
        return self.host_ns() + self._ahead_ns


@pytest.mark.parametrize("aside", [(), (1,), (2,), (1, 5), range(15)])
def test_a_process_put_aside_between_two_clocks_does_not_bend_them(
    aside: tuple[int, ...],
) -> None:
    clock = Interrupted(7_000 * MS, *aside)
    host_ns, other_ns = read_beside_host(clock.other_ns, clock.host_ns)
    assert abs(other_ns - host_ns - 7_000 * MS) <= 1000


def test_a_machine_that_is_never_quick_gives_its_best_reading() -> None:
    clock = Interrupted(7_000 * MS, *range(1000))
    host_ns, other_ns = read_beside_host(clock.other_ns, clock.host_ns)
    assert abs(other_ns - host_ns - 7_000 * MS) <= 10 * MS
    assert clock.n_read < 100


@given(
    host_ns=st.integers(0, 10**18),
    wall_ns=st.integers(10**18, 2 * 10**18),
    later_ms=st.integers(-100_000, 100_000),
)
def test_a_wall_stamp_maps_to_host_time_within_a_microsecond(
    host_ns: int, wall_ns: int, later_ms: int
) -> None:
    pair = WallPair(host_ns=host_ns, wall_ns=wall_ns)
    stamp_s = (wall_ns + later_ms * 1_000_000) / 1e9
    assert abs(pair.to_host_ns(stamp_s) - (host_ns + later_ms * 1_000_000)) < 1000


def test_a_reading_of_all_clocks_ties_them_to_one_moment() -> None:
    reading = read_host_clock()
    again = read_host_clock()
    boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    assert reading.host_ns < again.host_ns
    assert 0 <= boot_ns - reading.boot_ns < 10_000_000_000
    assert (again.boot_ns - reading.boot_ns) == pytest.approx(
        again.host_ns - reading.host_ns, abs=5_000_000
    )


def test_the_state_of_wall_time_is_what_the_kernel_says() -> None:
    assert read_host_clock().sync_state in {-1, 0, 1, 2, 3, 4, 5}
