"""A connection that begins while the link stalls: what the queue held comes late."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tests.transport_simulation import HOST_START_S

if TYPE_CHECKING:
    from tests.transport_simulation import SeenEeg, WallClock

_APART_S = 0.002


def begin_in_a_stall(
    seen: SeenEeg, wall: WallClock, *, at_s: float, stall_s: float, queue: int
) -> SeenEeg:
    """Let a new connection begin ``at_s`` into the session, ``stall_s`` before it works.

    Its first ``queue`` packets arrive when the stall ends; those sampled after them and
    before its end are lost.
    """
    begins = int(np.searchsorted(seen.arrival_s, HOST_START_S + at_s))
    ends = int(np.searchsorted(seen.arrival_s, HOST_START_S + at_s + stall_s))
    held = slice(begins, begins + queue)
    arrival_s, polled_s = seen.arrival_s.copy(), seen.polled_s.copy()
    arrival_s[held] = seen.arrival_s[ends] - _APART_S * np.arange(queue, 0, -1)
    polled_s[held] = seen.polled_s[ends]
    connection = seen.connection.copy()
    connection[begins:] += 1
    came = np.ones(arrival_s.shape[0], np.bool_)
    came[begins + queue : ends] = False
    return replace(
        seen,
        counter=seen.counter[came],
        stamp_s=wall.at(arrival_s)[came],
        polled_s=polled_s[came],
        connection=connection[came],
        true_end_s=seen.true_end_s[came],
        arrival_s=arrival_s[came],
        n_lost=seen.n_lost + int(np.sum(~came)),
    )
