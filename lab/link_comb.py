"""Whether a BLE link let us see the headset's clock finely.

Packets leave at connection events, a grid of step CI. The possible waits form a comb with
teeth g = gcd(packet period, CI) apart. Until the two clocks have slid past each other by
one tooth, the offset can't be seen within g, by any method.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_UNIT_MS = 1.25  # connection intervals come in these steps (Core 6, Vol 6, B 4.5.1)
_SHORTEST_UNITS, _LONGEST_UNITS = 6, 50
_WINDOW_S = 10.0
_COHERENT = 0.6
_MOST_PACKETS = 20_000
_FEWEST_PACKETS = 100

# What each class of link is claimed to hold (RMS, ms). Several times what simulation
# shows: latency that changes with battery, firmware or connection is in no simulation.
_CLASS_MS = {"spi": 0.2, "serial": 0.5, "dongle": 0.5}
_FINE_COMB_MS = 1.0
_COARSE_MS = 2.0


@dataclass(frozen=True, slots=True)
class Interval:
    """A connection interval and the comb's spacing g that it makes.

    ``found`` says that it was not logged but read off the arrivals.
    """

    interval_ms: float
    found: bool
    spacing_ms: float


@dataclass(frozen=True, slots=True)
class Comb:
    """How well a BLE link's comb was seen.

    ``teeth`` is how many passed in the longest segment; ``seen_share`` the share of the
    session, by time, in segments where at least one did.
    """

    interval: Interval
    teeth: float
    seen_share: float

    @property
    def observed(self) -> bool:
        """Whether the offset could be seen finer than a tooth nearly all the time."""
        mostly = 0.9
        return self.seen_share >= mostly


def claimed_ms(link: str, comb: Comb | None) -> float:
    """Return the uncertainty to claim for a session, RMS in ms."""
    if link in _CLASS_MS:
        return _CLASS_MS[link]
    if comb is None:
        return _COARSE_MS
    fine = 1.25
    figure = _FINE_COMB_MS if comb.interval.spacing_ms <= fine else _COARSE_MS
    unseen = max(figure, comb.interval.spacing_ms / math.sqrt(12))
    share = comb.seen_share
    return math.sqrt(share * figure**2 + (1 - share) * unseen**2)


def spacing_ms(packet_s: float, interval_ms: float) -> float:
    """Return g, the greatest common divisor of packet period and connection interval."""
    packet = Fraction(packet_s * 1e3).limit_denominator(100_000)
    interval = Fraction(interval_ms).limit_denominator(100)
    base = math.lcm(packet.denominator, interval.denominator)
    return math.gcd(int(packet * base), int(interval * base)) / base


def find_interval(
    arrival_s: NDArray[np.float64], packet_s: float, logged_ms: float | None
) -> Interval | None:
    """Return the connection interval as logged, or as the arrivals show it, or None."""
    interval_ms = logged_ms or _visible_interval_ms(arrival_s)
    if not interval_ms:
        return None
    spacing = spacing_ms(packet_s, interval_ms)
    return Interval(interval_ms, found=not logged_ms, spacing_ms=spacing)


def find_comb(
    interval: Interval,
    arrival_s: NDArray[np.float64],
    sampled_s: NDArray[np.float64],
    device_s: NDArray[np.float64],
    segment: NDArray[np.int64],
) -> Comb | None:
    """Measure how far the comb slid; None where all arrived at one moment.

    ``arrival_s`` and ``sampled_s`` (fitted) are host times of packets, ``device_s`` their
    nominal device times within their ``segment``; all of shape ``(n,)``.
    """
    interval_ms, g_ms = interval.interval_ms, interval.spacing_ms
    cuts = np.flatnonzero(np.diff(segment, prepend=-1)).tolist()
    ends = [*cuts[1:], arrival_s.shape[0]]
    spans, teeth = [], []
    for begin, end in zip(cuts, ends, strict=True):
        part = slice(begin, end)
        grid_s = _grid_drift_s(arrival_s[part], interval_ms / 1e3)
        slid_s = sampled_s[part] - device_s[part] - grid_s
        spans.append(float(arrival_s[end - 1] - arrival_s[begin]))
        # Beat noise of a single window must not look like a passing tooth.
        low, high = np.quantile(slid_s, [0.02, 0.98])
        teeth.append(float(high - low) * 1e3 / g_ms)
    total = sum(spans)
    if total <= 0:
        return None
    seen = sum(span for span, n in zip(spans, teeth, strict=True) if n >= 1)
    return Comb(
        interval=interval,
        teeth=teeth[int(np.argmax(spans))],
        seen_share=seen / total,
    )


def _visible_interval_ms(arrival_s: NDArray[np.float64]) -> float | None:
    """Return the longest interval on whose grid the arrivals lie, if there is one."""
    if arrival_s.shape[0] < _FEWEST_PACKETS:
        return None
    some = arrival_s[:_MOST_PACKETS]
    for units in range(_LONGEST_UNITS, _SHORTEST_UNITS - 1, -1):
        interval_s = units * _UNIT_MS / 1e3
        _, phasor = _window_phasors(some, interval_s)
        if float(np.median(np.abs(phasor))) > _COHERENT:
            return units * _UNIT_MS
    return None


def _window_phasors(
    arrival_s: NDArray[np.float64], interval_s: float
) -> tuple[NDArray[np.int64], NDArray[np.complex128]]:
    """Return each packet's window and the mean direction of each window's arrivals."""
    window = ((arrival_s - arrival_s[0]) // _WINDOW_S).astype(np.int64)
    window = np.unique(window, return_inverse=True)[1]
    turn = np.exp(2j * np.pi * np.mod(arrival_s / interval_s, 1.0))
    n = np.bincount(window)
    sums = np.bincount(window, turn.real) + 1j * np.bincount(window, turn.imag)
    return window, np.asarray(sums / n)


def _grid_drift_s(arrival_s: NDArray[np.float64], interval_s: float) -> NDArray[np.float64]:
    """Return by how much the grid of connection events drifted at each packet."""
    window, phasor = _window_phasors(arrival_s, interval_s)
    drift = np.unwrap(np.angle(phasor)) / (2 * np.pi) * interval_s
    centre = np.bincount(window, arrival_s) / np.bincount(window)
    return np.asarray(np.interp(arrival_s, centre, drift))
