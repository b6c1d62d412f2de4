"""Promise of the arrival clock: right to the microsecond, on both sides of any step."""

from __future__ import annotations

import numpy as np
import pytest

from recorder.alignment.arrival import ArrivalClock
from recorder.clock import NS_PER_S, WallPair

WALL_NS = 1_760_000_000 * NS_PER_S
FIRST_NS, SECOND_NS = 100_000_000_000, 100_020_000_000


def _mapped(arrivals_ns: list[int], step_at_ns: int, step_ns: int) -> list[int]:
    """Poll twice with a step of wall time between; return the second poll's arrivals."""
    clock = ArrivalClock()
    before = WallPair(FIRST_NS, WALL_NS + FIRST_NS)
    after = WallPair(SECOND_NS, WALL_NS + SECOND_NS + step_ns)
    clock.map(np.empty(0), polled_ns=FIRST_NS, wall=before)
    arrival = np.array(arrivals_ns)
    wall_ns = WALL_NS + arrival + np.where(arrival >= step_at_ns, step_ns, 0)
    mapped = clock.map(wall_ns / NS_PER_S, polled_ns=SECOND_NS, wall=after)
    return [int(value) for value in mapped]


@pytest.mark.parametrize("step_s", [3600.0, -3600.0, 37.2, -0.8, 0.35, 0.03, -0.03])
def test_arrivals_before_and_after_a_step_keep_their_moments(step_s: float) -> None:
    arrivals = [FIRST_NS + 2_000_000, FIRST_NS + 9_000_000, FIRST_NS + 16_000_000]
    mapped = _mapped(arrivals, FIRST_NS + 10_000_000, round(step_s * NS_PER_S))
    assert np.max(np.abs(np.array(mapped) - arrivals)) < 1000


@pytest.mark.parametrize("step_ms", [-15, -5, 5, 15])
def test_after_a_step_smaller_than_a_poll_no_arrival_is_too_early(step_ms: int) -> None:
    arrivals = [FIRST_NS + ms * 1_000_000 for ms in range(1, 20)]
    mapped = _mapped(arrivals, FIRST_NS + 10_000_000, step_ms * 1_000_000)
    assert np.min(np.array(mapped) - arrivals) > -1000
    assert max(mapped) <= SECOND_NS


@pytest.mark.parametrize("stamp_s", [0.0, np.nan, np.inf, -1e300, 1e300])
def test_a_wild_stamp_counts_as_arrived_at_its_poll(stamp_s: float) -> None:
    clock = ArrivalClock()
    pair = WallPair(FIRST_NS, WALL_NS)
    mapped = clock.map(np.array([stamp_s]), polled_ns=FIRST_NS, wall=pair)
    assert mapped.tolist() == [FIRST_NS]
