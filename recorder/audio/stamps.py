"""Which clock a sound driver stamps with, and which of its stamps can be believed.

We ask for CLOCK_MONOTONIC_RAW, but some PCMs (dsnoop, sound servers) use what they like,
and after an overrun or an unplug the reading is garbage. So the first stamps are compared
with all three clocks; the clock that was never ahead and closest behind is the one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum

from recorder.clock import read_host_ns

_TRIALS = 10
# Two clocks closer than this can't be told apart; then the one we asked for is believed.
_ALIKE_NS = 1_000_000


class StampClock(Enum):
    """A clock that drivers stamp with, by its POSIX name."""

    RAW = "CLOCK_MONOTONIC_RAW"
    MONOTONIC = "CLOCK_MONOTONIC"
    WALL = "CLOCK_REALTIME"


@dataclass(frozen=True, slots=True)
class ClockReading:
    """All clocks read back to back, in nanoseconds."""

    host_ns: int
    monotonic_ns: int
    wall_ns: int

    def of(self, clock: StampClock) -> int:
        """Return the reading of ``clock``."""
        readings = {
            StampClock.RAW: self.host_ns,
            StampClock.MONOTONIC: self.monotonic_ns,
            StampClock.WALL: self.wall_ns,
        }
        return readings[clock]


def read_clocks() -> ClockReading:
    """Read every clock a driver may stamp with; host time first."""
    return ClockReading(
        host_ns=read_host_ns(),
        monotonic_ns=time.clock_gettime_ns(time.CLOCK_MONOTONIC),
        wall_ns=time.clock_gettime_ns(time.CLOCK_REALTIME),
    )


class StampJudge:
    """Turn a driver's stamps into host time, or into None where they can't be believed."""

    def __init__(self, *, oldest_ns: int) -> None:
        self._oldest_ns = oldest_ns  # the buffer's length: no stamp is older
        self._trials = 0
        self._worst_ns = dict.fromkeys(StampClock, 0)  # oldest age seen on each clock
        self._clock: StampClock | None = None
        self._previous_ns = 0

    @property
    def description(self) -> str:
        """Say which clock the driver stamps with, for the session sheet."""
        if self._clock is not None:
            return self._clock.value
        return "not known yet" if self._trials < _TRIALS else "no known clock, not used"

    def judge(self, stamp_ns: int, now: ClockReading) -> int | None:
        """Return ``stamp_ns``, read just before ``now``, as host time; None if not sane."""
        if self._trials < _TRIALS:
            self._try_clocks(stamp_ns, now)
        # Kept even when it is insane: a driver's clock may be set back once and go on.
        previous_ns, self._previous_ns = self._previous_ns, stamp_ns
        if self._clock is None or stamp_ns < previous_ns:
            return None
        age_ns = now.of(self._clock) - stamp_ns
        return now.host_ns - age_ns if 0 <= age_ns <= self._oldest_ns else None

    def _try_clocks(self, stamp_ns: int, now: ClockReading) -> None:
        self._trials += 1
        for clock in tuple(self._worst_ns):
            age_ns = now.of(clock) - stamp_ns
            if 0 <= age_ns <= self._oldest_ns:
                self._worst_ns[clock] = max(self._worst_ns[clock], age_ns)
            else:
                del self._worst_ns[clock]
        if self._trials == _TRIALS and self._worst_ns:
            closest_ns = min(self._worst_ns.values())
            self._clock = next(
                clock
                for clock, worst_ns in self._worst_ns.items()
                if worst_ns <= closest_ns + _ALIKE_NS
            )
