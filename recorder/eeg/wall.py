"""Which reading of the wall clock belongs to which row, when the clock was stepped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recorder.clock import NS_PER_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recorder.clock import WallPair

# NTP slews by at most 500 ppm, 0.01 ms in 20 ms: more than this between polls is a step.
_STEP_NS = 1_000_000


@dataclass(frozen=True, slots=True)
class Poll:
    """One poll of a board: host time just after it, and the wall clock read with it."""

    polled_ns: int
    wall: WallPair


def step_between_ns(before: Poll, now: Poll) -> int:
    """Return by how much the wall clock was set forward between two polls."""
    wall_ns = now.wall.wall_ns - before.wall.wall_ns
    return wall_ns - (now.wall.host_ns - before.wall.host_ns)


def assign_walls(
    stamp_s: NDArray[np.float64], before: Poll, now: Poll
) -> list[tuple[slice, WallPair]]:
    """Split the rows of poll ``now`` by the wall reading their stamps were made under.

    Rows stamped before a step of the wall clock belong to the reading of the poll
    ``before``; the reading that puts an arrival between both polls is the right one.
    ``stamp_s`` is in order of arrival, shape ``(n_rows,)``.
    """
    everything = slice(0, stamp_s.size)
    if abs(step_between_ns(before, now)) < _STEP_NS:
        return [(everything, now.wall)]
    misfit_before = _misfit_ns(stamp_s, before.wall, before, now)
    misfit_now = _misfit_ns(stamp_s, now.wall, before, now)
    n_before = int(np.count_nonzero(misfit_before < misfit_now))
    parts = [(slice(0, n_before), before.wall), (slice(n_before, stamp_s.size), now.wall)]
    return [(rows, wall) for rows, wall in parts if rows.start < rows.stop]


def _misfit_ns(
    stamp_s: NDArray[np.float64], wall: WallPair, before: Poll, now: Poll
) -> NDArray[np.float64]:
    """Return how far each arrival falls outside the time between the polls."""
    host_ns = wall.host_ns + (stamp_s - wall.wall_ns / NS_PER_S) * NS_PER_S
    early_ns = before.polled_ns - host_ns
    late_ns = host_ns - now.polled_ns
    return np.maximum(np.maximum(early_ns, late_ns), 0.0)
