"""When packets arrived, on the host clock: from recorded PacketClock and HostClock rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_STEP_S = 0.2e-3  # NTP slews by 500 ppm at most; faster changes are steps
_SLEW = 600e-6
_SLACK_S = 0.1e-3
_INTERRUPTED_S = 20e-6


@dataclass(frozen=True, slots=True)
class PacketRows:
    """The PacketClock stream, one entry a packet, each of shape ``(n,)``.

    ``stamp_s`` is the stream's own time: the live stamp of the packet's last EEG row.
    ``wall_s`` is BrainFlow's stamp, ``polled_s`` the host time of the poll.
    """

    stamp_s: NDArray[np.float64]
    counter: NDArray[np.int64]
    wall_s: NDArray[np.float64]
    polled_s: NDArray[np.float64]
    connection: NDArray[np.int64]

    def only(self, chosen: NDArray[np.bool_]) -> PacketRows:
        """Return the chosen rows."""
        return PacketRows(
            self.stamp_s[chosen],
            self.counter[chosen],
            self.wall_s[chosen],
            self.polled_s[chosen],
            self.connection[chosen],
        )


@dataclass(frozen=True, slots=True)
class HostRows:
    """The HostClock stream: host and wall time read together, each ``(n,)``."""

    host_s: NDArray[np.float64]
    wall_s: NDArray[np.float64]


def arrivals(packets: PacketRows, host: HostRows) -> NDArray[np.float64]:
    """Map wall stamps to host time, shape ``(n,)``, unmoved by steps of wall time.

    A packet arrived after the poll before and before its own; of the readings of
    HostClock around it, the one that says so is used, the later where both do. Where none
    does, the time of the poll stands in: late, but never too early.
    """
    before = np.concatenate([[-np.inf], packets.polled_s[:-1]])
    new_poll = np.diff(packets.polled_s, prepend=-np.inf) != 0
    poll = np.cumsum(new_poll) - 1
    earliest = before[new_poll][poll]
    earliest = np.maximum(earliest, packets.polled_s - 60.0)
    result = np.full(packets.polled_s.shape[0], -np.inf)
    for ahead_s in _wall_ahead(packets.polled_s, host):
        candidate = packets.wall_s - ahead_s
        fits = (candidate > earliest - _SLACK_S) & (
            candidate <= packets.polled_s + _SLACK_S
        )
        candidate = np.minimum(candidate, packets.polled_s)
        result = np.where(fits, np.maximum(result, candidate), result)
    return np.where(np.isfinite(result), result, packets.polled_s)


def _wall_ahead(
    moment_s: NDArray[np.float64], host: HostRows
) -> Sequence[NDArray[np.float64]]:
    """Return how far wall time may have been ahead of host time at each moment."""
    sane = np.isfinite(host.host_s) & np.isfinite(host.wall_s)
    host_s, ahead = host.host_s[sane], (host.wall_s - host.host_s)[sane]
    order = np.argsort(host_s, kind="stable")
    host_s, ahead = host_s[order], ahead[order]
    if host_s.shape[0] == 0:
        return ()
    # A reading that was interrupted stands alone between two that agree.
    middle = (ahead[:-2] + ahead[2:]) / 2
    agree = np.abs(ahead[2:] - ahead[:-2]) < _STEP_S + _SLEW * (host_s[2:] - host_s[:-2])
    alone = agree & (np.abs(ahead[1:-1] - middle) > _INTERRUPTED_S)
    ahead[1:-1][alone] = middle[alone]
    if host_s.shape[0] == 1:
        return (np.full(moment_s.shape[0], ahead[0]),)
    gap = np.maximum(np.diff(host_s), 1e-9)
    moved = np.diff(ahead)
    stepped = np.abs(moved) > _STEP_S + _SLEW * gap
    slew = np.where(stepped, 0.0, moved / gap)
    last = gap.shape[0] - 1
    here = np.clip(np.searchsorted(host_s, moment_s) - 1, 0, last)
    # Beside a step, wall time runs on as in the interval before, or the one after.
    before = np.where(stepped[here], slew[np.maximum(here - 1, 0)], slew[here])
    after = np.where(stepped[here], slew[np.minimum(here + 1, last)], slew[here])
    return (
        ahead[here] + before * (moment_s - host_s[here]),
        ahead[here + 1] + after * (moment_s - host_s[here + 1]),
    )
