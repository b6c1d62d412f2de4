"""Map a driver's wall stamps to host time, so that a step of wall time moves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recorder.clock import NS_PER_S, WallPair

if TYPE_CHECKING:
    from numpy.typing import NDArray

# NTP slews by 500 ppm at most; what changes faster between two pairs is a step. Reading
# a pair may itself be off by a preemption, which a step of 0.2 ms can't be told from.
_SLEW = 600e-6
_STEP_NS = 200_000
_SLACK_NS = 100_000  # float64 stamps, and a poll that returned while a row was stamped
_OLDEST_FIRST_NS = 5 * NS_PER_S


class ArrivalClock:
    """Maps the stamps of each poll with that poll's pair, or on a step with the last."""

    def __init__(self) -> None:
        self._previous: WallPair | None = None
        self._polled_ns: int | None = None

    def map(
        self, stamp_s: NDArray[np.float64], *, polled_ns: int, wall: WallPair
    ) -> NDArray[np.int64]:
        """Return host nanoseconds of ``stamp_s``, shape ``(n,)``, for rows of one poll.

        A row arrived after the previous poll and before this one. A stamp that no pair
        maps into that span counts as arrived at the poll: late, but never too early.
        """
        earliest_ns = (
            polled_ns - _OLDEST_FIRST_NS if self._polled_ns is None else self._polled_ns
        )
        arrival = _to_host(stamp_s, wall)
        arrival = _within(arrival, earliest_ns, polled_ns)
        if self._previous is not None and _stepped(self._previous, wall):
            other = _within(_to_host(stamp_s, self._previous), earliest_ns, polled_ns)
            # Both may fit after a small step. The later can't be too early, and only a
            # stamp that is too early would harm a fit of minimum delays.
            arrival = np.maximum(arrival, other)
        self._previous, self._polled_ns = wall, polled_ns
        impossible = arrival == _NEVER
        if impossible.any():
            arrival[impossible] = polled_ns
        return arrival


_NEVER = np.iinfo(np.int64).min


def _to_host(stamp_s: NDArray[np.float64], pair: WallPair) -> NDArray[np.int64]:
    since_s = stamp_s - pair.wall_ns / NS_PER_S
    # A wild stamp (NaN, years away) must not overflow; it falls outside the poll anyway.
    since_s = np.nan_to_num(since_s, nan=-1e9, posinf=1e9, neginf=-1e9).clip(-1e9, 1e9)
    return np.asarray(pair.host_ns + np.rint(since_s * NS_PER_S).astype(np.int64))


def _within(
    arrival: NDArray[np.int64], earliest_ns: int, polled_ns: int
) -> NDArray[np.int64]:
    fits = (arrival > earliest_ns - _SLACK_NS) & (arrival <= polled_ns + _SLACK_NS)
    return np.where(fits, np.minimum(arrival, polled_ns), _NEVER)


def _stepped(earlier: WallPair, later: WallPair) -> bool:
    moved_ns = (later.wall_ns - later.host_ns) - (earlier.wall_ns - earlier.host_ns)
    between_ns = abs(later.host_ns - earlier.host_ns)
    return abs(moved_ns) > _STEP_NS + _SLEW * between_ns
