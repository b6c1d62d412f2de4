"""A step of the wall clock moves no arrival, on whichever side of it that was stamped."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.clock import NS_PER_S, WallPair
from recorder.eeg.wall import Poll, assign_walls

MS = NS_PER_S // 1000
BEFORE = Poll(
    10_000 * NS_PER_S, WallPair(10_000 * NS_PER_S + 3000, 1_790_000_000 * NS_PER_S)
)
POLL_NS = 20 * MS


def poll_after(step_ns: int) -> Poll:
    return Poll(
        BEFORE.polled_ns + POLL_NS,
        WallPair(BEFORE.wall.host_ns + POLL_NS, BEFORE.wall.wall_ns + POLL_NS + step_ns),
    )


def stamps(arrival_ns: list[int], stepped_at_ns: int, step_ns: int) -> np.ndarray:
    wall_ns = [
        BEFORE.wall.wall_ns
        + (at_ns - BEFORE.wall.host_ns)
        + (step_ns if at_ns >= stepped_at_ns else 0)
        for at_ns in arrival_ns
    ]
    return np.array(wall_ns) / NS_PER_S


@settings(deadline=None)  # a busy machine is no fault
@given(
    step_ns=st.integers(25, 10**7).flatmap(lambda ms: st.sampled_from([ms * MS, -ms * MS])),
    arrivals=st.lists(st.integers(1, POLL_NS), min_size=1, max_size=12).map(sorted),
    stepped=st.integers(0, POLL_NS),
)
def test_rows_keep_the_reading_they_were_stamped_under(
    step_ns: int, arrivals: list[int], stepped: int
) -> None:
    arrival_ns = [BEFORE.polled_ns + offset for offset in arrivals]
    stamp_s = stamps(arrival_ns, BEFORE.polled_ns + stepped, step_ns)
    mapped: list[int] = []
    for rows, wall in assign_walls(stamp_s, BEFORE, poll_after(step_ns)):
        mapped += [wall.to_host_ns(stamp) for stamp in stamp_s[rows]]
    assert len(mapped) == len(arrivals)
    assert max(abs(a - b) for a, b in zip(mapped, arrival_ns, strict=True)) < MS


@settings(deadline=None)  # a busy machine is no fault
@given(slew_ns=st.integers(-900_000, 900_000), n=st.integers(1, 30))
def test_a_slewed_clock_splits_nothing(slew_ns: int, n: int) -> None:
    stamp_s = stamps([BEFORE.polled_ns] * n, 0, 0)
    now = poll_after(slew_ns)
    assert assign_walls(stamp_s, BEFORE, now) == [(slice(0, n), now.wall)]
