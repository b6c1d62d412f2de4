"""The host clock: the one clock everything is stamped with.

Host time is CLOCK_MONOTONIC_RAW in whole nanoseconds: it never steps and NTP does not
bend it. Wall time only labels. Where a library gives nothing but wall time (BrainFlow),
a `WallPair` read back to back ties that moment to host time, so a step moves nothing.
"""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

NS_PER_S = 1_000_000_000
# Three readings take 2 us on the box; a process that was put aside between them, longer.
_TIGHT_NS = 20_000
_MORE_TRIES = 9


def read_host_ns() -> int:
    """Return host time now, in nanoseconds."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)


@dataclass(frozen=True, slots=True)
class WallPair:
    """One moment on both clocks: host nanoseconds and wall nanoseconds since 1970."""

    host_ns: int
    wall_ns: int

    def to_host_ns(self, wall_s: float) -> int:
        """Map a wall stamp in seconds (as BrainFlow gives it) to host nanoseconds."""
        # The difference is small, so float seconds keep it to well under a microsecond.
        return self.host_ns + round((wall_s - self.wall_ns / NS_PER_S) * NS_PER_S)


def read_beside_host(
    read_ns: Callable[[], int], read_host_ns: Callable[[], int] = read_host_ns
) -> tuple[int, int]:
    """Read a clock between two readings of host time; return the middle and the clock.

    On a busy machine the process may be put aside between two of the readings, for
    milliseconds: such a reading is made again, and of all the tightest counts.
    """
    tightest = _read_once(read_ns, read_host_ns)
    for _ in range(_MORE_TRIES):
        if tightest[0] <= _TIGHT_NS:
            break
        tightest = min(tightest, _read_once(read_ns, read_host_ns))
    _, host_ns, clock_ns = tightest
    return host_ns, clock_ns


def _read_once(
    read_ns: Callable[[], int], read_host_ns: Callable[[], int]
) -> tuple[int, int, int]:
    """Return how long the readings took, the middle of that time, and the clock."""
    before_ns = read_host_ns()
    clock_ns = read_ns()
    after_ns = read_host_ns()
    return after_ns - before_ns, (before_ns + after_ns) // 2, clock_ns


def read_wall_pair() -> WallPair:
    """Read wall time and the host time of that very moment."""
    host_ns, wall_ns = read_beside_host(lambda: time.clock_gettime_ns(time.CLOCK_REALTIME))
    return WallPair(host_ns=host_ns, wall_ns=wall_ns)


@dataclass(frozen=True, slots=True)
class HostClockReading:
    """All of the box's clocks at one moment, read once a second while recording.

    ``boot_ns`` (CLOCK_BOOTTIME) also counts suspend, which host time does not.
    ``sync_state`` is what adjtimex(2) returns: 0 wall time follows NTP, 1 to 4 a leap
    second is near, 5 wall time is not synchronised; -1 where it can't be read.
    """

    host_ns: int
    wall_ns: int
    boot_ns: int
    sync_state: int


def read_host_clock() -> HostClockReading:
    """Read host, wall and boot time within microseconds, and whether NTP holds the wall."""
    pair = read_wall_pair()
    host_ns, boot_ns = read_beside_host(lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME))
    return HostClockReading(
        host_ns=pair.host_ns,
        wall_ns=pair.wall_ns,
        boot_ns=boot_ns - (host_ns - pair.host_ns),
        sync_state=_read_sync_state(),
    )


# struct timex (208 bytes on 64-bit Linux) begins with `modes`; all zero only reads.
_TIMEX_BYTES = 256


def _read_sync_state() -> int:
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return -1
    return int(adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)))
