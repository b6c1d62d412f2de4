"""The live fit: a line under the arrival minima of the last minutes.

No packet can arrive before it was sampled, so the lower edge of the arrivals is the
truth and everything above it is waiting in queues. Means and least squares would carry
that waiting into the stamps. The line is the one below all points with the least total
distance (Moon, Skelly, Towsley 1999): the edge of the lower convex hull over the mean.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from recorder.alignment.facts import LARGEST_RATE_ERROR

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import NDArray

# Width of the bins that give one minimum each, and how many bins are kept: 300 s of a
# crystal, 30 s of an RC oscillator, whose rate wanders faster.
_BINS: dict[str, tuple[float, int]] = {"crystal": (1.0, 300), "rc": (0.2, 150)}
_FEWEST_BINS = 5
_NOISE_FLOOR_S = 0.0002


class LiveFit:
    """Host time of row ``x``: ``offset_s + slope_s * x``, kept up to date packet by packet.

    ``x`` counts rows since the segment began. A new segment keeps the slope as its first
    guess and starts a new offset. Memory is bounded by the window.
    """

    def __init__(self, period_s: float, oscillator: Literal["crystal", "rc"]) -> None:
        self.slope_s = period_s
        self.offset_s = 0.0
        self._nominal_s = period_s
        self._guess_s = period_s
        self._bin_s, self._n_bins = _BINS[oscillator]
        self._x: list[float] = []
        self._y: list[float] = []
        self._bin = 0

    @property
    def begun(self) -> bool:
        """Whether the segment has an offset yet."""
        return bool(self._x)

    @property
    def span_s(self) -> float:
        """Time covered by the minima of this segment."""
        return self._y[-1] - self._y[0] if self._x else 0.0

    def begin_segment(self) -> None:
        """Forget the offset; what was learnt about the slope stays the guess."""
        self._guess_s = self.slope_s
        self._x, self._y = [], []

    def add(self, x: NDArray[np.float64], arrival_s: NDArray[np.float64]) -> None:
        """Take in packets, shape ``(n,)``, n >= 1, in order of arrival."""
        delay = arrival_s - self.slope_s * x
        best = int(np.argmin(delay))
        new_bin = int(arrival_s[-1] // self._bin_s)
        if not self._x:
            self.offset_s = float(delay[best])
        elif new_bin != self._bin:
            self._refit()
            delay = arrival_s - self.slope_s * x
            best = int(np.argmin(delay))
        self.offset_s = min(self.offset_s, float(delay[best]))
        self._keep(float(x[best]), float(arrival_s[best]), new_bin=new_bin)

    def _keep(self, x: float, y: float, *, new_bin: int) -> None:
        if not self._x or new_bin != self._bin:
            self._bin = new_bin
            self._x.append(x)
            self._y.append(y)
            if len(self._x) > self._n_bins:
                del self._x[0], self._y[0]
        elif y - self.slope_s * x < self._y[-1] - self.slope_s * self._x[-1]:
            self._x[-1], self._y[-1] = x, y

    def _refit(self) -> None:
        x, y = np.array(self._x), np.array(self._y)
        if len(x) >= _FEWEST_BINS:
            self.slope_s = self._best_slope(x, y)
        self.offset_s = float(np.min(y - self.slope_s * x))

    def _best_slope(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
        above = y - self._guess_s * x  # small numbers: what is left is the deviation
        change = hull_slope(x, above)
        span = float(x[-1] - x[0])
        if change == 0 or span <= 0:
            return self._guess_s
        residual = above - change * x
        noise_s = float(np.median(residual) - np.min(residual)) + _NOISE_FLOOR_S
        # A short window can't tell a slope from jitter: shrink towards the guess (James
        # and Stein) until the change stands out from what jitter alone would make.
        shrink = max(0.0, 1.0 - (noise_s / (change * span)) ** 2)
        slope_s = self._guess_s + shrink * change
        if abs(slope_s / self._nominal_s - 1) > LARGEST_RATE_ERROR:
            return self._guess_s
        return slope_s


def hull_slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the slope of the line below all points with the least total distance.

    ``x`` (ascending) and ``y`` have shape ``(n,)``; 0.0 where the points span no ``x``.
    """
    corners = _lower_hull(x.tolist(), y.tolist())
    middle = float(np.mean(x))
    for left, right in itertools.pairwise(corners):
        if right[0] >= middle:
            return (right[1] - left[1]) / (right[0] - left[0])
    return 0.0


def _lower_hull(x: list[float], y: list[float]) -> list[tuple[float, float]]:
    """Andrew's monotone chain, lower part; of equal ``x`` the lowest point stays."""
    hull: list[tuple[float, float]] = []
    for px, py in zip(x, y, strict=True):
        if hull and px <= hull[-1][0]:
            if py >= hull[-1][1]:
                continue
            hull.pop()
        while len(hull) > 1 and _turns_right(hull[-2], hull[-1], (px, py)):
            hull.pop()
        hull.append((px, py))
    return hull


def _turns_right(
    a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]
) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) <= (b[1] - a[1]) * (c[0] - a[0])
