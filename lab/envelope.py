"""The offline fit: one smooth oscillator for a session, one free offset per segment.

A reading says that ``x`` nominal seconds of a device had passed when host time was ``y``,
or a little earlier: nothing arrives before it was sampled. So ``y = x + offset + D(y) +
delay`` with ``delay >= 0``, where D, the oscillator's deviation, has a frequency that
wanders like a random walk. The fit minimises the asymmetric (5 %) absolute distance of
the delay minima plus the cost of that walk: a penalised quantile regression (Koenker, Ng,
Portnoy 1994), solved by iteratively reweighted least squares. It is convex and without
chance: the same readings give the same stamps.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.sparse import coo_array, diags_array, eye_array
from scipy.sparse.linalg import splu

from recorder.alignment.hull import hull_slope

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUANTILE = 0.05
_MOST_KNOTS = 6000
_ROUNDS = 5
_STEPS_PER_ROUND = 8
_SHARPEST_S = 2e-7  # below this a distance counts as zero: float64 wall stamps
_SMALLEST_SCALE_S = 1e-7
_FIRST_SHARPNESS_S = 1e-4
_SHARPENING = 0.8
_FIRST_WEIGHT = 1e6  # as if every reading were good to 1 ms


@dataclass(frozen=True, slots=True)
class Oscillator:
    """How a kind of oscillator is fitted.

    ``walk`` is the random walk of its frequency in 1/sqrt(s), several times what was
    measured; ``bin_s`` the width of the bins that give one minimum each.
    """

    walk: float
    bin_s: float
    knot_s: float
    window_s: float  # of the piecewise cross-check


OSCILLATORS: dict[Literal["crystal", "rc"], Oscillator] = {
    "crystal": Oscillator(walk=0.07e-6, bin_s=2.0, knot_s=10.0, window_s=300.0),
    "rc": Oscillator(walk=3e-6, bin_s=0.5, knot_s=2.0, window_s=30.0),
}


@dataclass(frozen=True, slots=True)
class Readings:
    """Device time against host time: ``x_s``, ``y_s`` float64, ``segment`` int64, (n,).

    ``x_s`` counts from each segment's own zero. Segments are numbered from 0 in order;
    each has at least one reading.
    """

    x_s: NDArray[np.float64]
    y_s: NDArray[np.float64]
    segment: NDArray[np.int64]

    @property
    def n_segments(self) -> int:
        """Number of segments."""
        return int(self.segment[-1]) + 1

    def only(self, index: NDArray[np.int64]) -> Readings:
        """Return the readings at ``index``."""
        return Readings(self.x_s[index], self.y_s[index], self.segment[index])


@dataclass(frozen=True, slots=True)
class Envelope:
    """A fitted session: host time = device time + offset of its segment + deviation."""

    knots_s: NDArray[np.float64]  # host time, (n_knots,)
    deviation_s: NDArray[np.float64]  # (n_knots,)
    offsets_s: NDArray[np.float64]  # (n_segments,)
    residual_s: NDArray[np.float64]  # of the minima, (n_minima,)

    def deviation_at(self, host_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return D at host times; beyond the ends it goes on straight."""
        inside = np.interp(host_s, self.knots_s, self.deviation_s)
        first = (self.deviation_s[1] - self.deviation_s[0]) / (
            self.knots_s[1] - self.knots_s[0]
        )
        last = (self.deviation_s[-1] - self.deviation_s[-2]) / (
            self.knots_s[-1] - self.knots_s[-2]
        )
        before = np.minimum(host_s - self.knots_s[0], 0.0) * first
        after = np.maximum(host_s - self.knots_s[-1], 0.0) * last
        return np.asarray(inside + before + after)

    def to_host_s(
        self, x_s: NDArray[np.float64], segment: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Map device times, each in its segment, to host times."""
        start_s = x_s + self.offsets_s[segment]
        host_s = start_s + self.deviation_at(start_s)
        # D changes by 1 % of its argument at most: three rounds leave nanoseconds.
        for _ in range(3):
            host_s = start_s + self.deviation_at(host_s)
        return np.asarray(host_s)


def delay_minima(
    readings: Readings, excess_s: NDArray[np.float64], bin_s: float
) -> NDArray[np.int64]:
    """Return the index of the least delayed reading of each bin of each segment.

    ``excess_s`` is each reading's delay up to a constant, shape ``(n,)``.
    """
    bins = np.floor(readings.y_s / bin_s).astype(np.int64)
    order = np.lexsort((excess_s, bins, readings.segment))
    bins, segment = bins[order], readings.segment[order]
    first = np.ones(order.shape[0], np.bool_)
    first[1:] = (np.diff(bins) != 0) | (np.diff(segment) != 0)
    return np.sort(order[first])


def fit_envelope(readings: Readings, oscillator: Oscillator) -> Envelope:
    """Fit a session with at least one reading."""
    rough = delay_minima(readings, readings.y_s - readings.x_s, oscillator.bin_s)
    envelope = _fit_minima(readings.only(rough), oscillator)
    # The minima were picked along a straight line; pick them again along the fit.
    excess_s = readings.y_s - readings.x_s - envelope.deviation_at(readings.y_s)
    better = delay_minima(readings, excess_s, oscillator.bin_s)
    return _fit_minima(readings.only(better), oscillator)


def _fit_minima(minima: Readings, oscillator: Oscillator) -> Envelope:
    problem = _Problem(minima, oscillator)
    target = minima.y_s - minima.x_s
    begins = np.flatnonzero(np.diff(minima.segment, prepend=-1))
    # Offsets are large (a segment's zero is anywhere): solve for what is left of them.
    guess = target[begins]
    target = target - guess[minima.segment]
    weight = np.full(target.shape[0], _FIRST_WEIGHT)
    solution = problem.solve(weight, target, 1 / oscillator.walk**2)
    residual = target - problem.predict(solution)
    # Sharpened slowly: a point that is once taken for the edge would hold the fit there.
    sharpness = max(float(np.median(np.abs(residual))), _FIRST_SHARPNESS_S)
    for _ in range(_ROUNDS):
        side = np.where(residual < 0, 1 - QUANTILE, QUANTILE)
        scale = max(float(np.mean(side * np.abs(residual))), _SMALLEST_SCALE_S)
        trust = 1 / (scale * _correlated(residual))
        for _ in range(_STEPS_PER_ROUND):
            side = np.where(residual < 0, 1 - QUANTILE, QUANTILE)
            weight = trust * side / np.maximum(np.abs(residual), sharpness)
            solution = problem.solve(weight, target, 1 / oscillator.walk**2)
            residual = target - problem.predict(solution)
            sharpness = max(sharpness * _SHARPENING, _SHARPEST_S)
    n_knots = problem.knots_s.shape[0]
    return Envelope(
        knots_s=problem.knots_s,
        deviation_s=solution[:n_knots],
        offsets_s=solution[n_knots:] + guess,
        residual_s=residual,
    )


def _correlated(residual: NDArray[np.float64]) -> float:
    """Return how many neighbouring minima say the same thing (>= 1).

    The sum of the autocorrelation up to its first zero: waiting for a slot of the radio
    link makes slow sawtooths, whose many points are no independent witnesses.
    """
    n = residual.shape[0]
    clipped = np.minimum(residual, np.quantile(residual, 0.9))
    clipped = clipped - np.mean(clipped)
    size = 1 << (2 * n - 1).bit_length()
    power = np.abs(np.fft.rfft(clipped, size)) ** 2
    correlation = np.fft.irfft(power, size)[: max(2, n // 2)]
    if correlation[0] <= 0:
        return 1.0
    correlation = correlation / correlation[0]
    below = np.flatnonzero(correlation <= 0)
    end = int(below[0]) if below.shape[0] else correlation.shape[0]
    return max(1.0, float(1 + 2 * np.sum(correlation[1:end])))


class _Problem:
    """Least squares for the deviation at knots and the segments' offsets."""

    def __init__(self, minima: Readings, oscillator: Oscillator) -> None:
        first, last = float(np.min(minima.y_s)), float(np.max(minima.y_s))
        step = max(oscillator.knot_s, (last - first) / _MOST_KNOTS)
        n_knots = max(3, int((last - first) / step) + 2)
        self.knots_s = first + step * np.arange(n_knots, dtype=np.float64)
        place = np.clip((minima.y_s - first) / step, 0, n_knots - 1.000001)
        left = place.astype(np.int64)
        share = place - left
        n = place.shape[0]
        row = np.arange(n)
        self._design = coo_array(
            (
                np.concatenate([1 - share, share, np.ones(n)]),
                (
                    np.concatenate([row, row, row]),
                    np.concatenate([left, left + 1, n_knots + minima.segment]),
                ),
            ),
            shape=(n, n_knots + minima.n_segments),
        ).tocsr()
        self._transposed = self._design.T.tocsr()
        bend = diags_array(
            [1.0, -2.0, 1.0], offsets=[0, 1, 2], shape=(n_knots - 2, n_knots)
        )
        stiff = coo_array(bend.T @ bend)
        size = n_knots + minima.n_segments
        self._stiff = coo_array(
            (stiff.data / step**3, stiff.coords), shape=(size, size)
        ).tocsc()
        # Offsets and deviation share a constant, and a frequency needs two moments:
        # a weight far below any reading's settles what the readings leave open.
        self._anchor = eye_array(size, format="csc")

    def solve(
        self, weight: NDArray[np.float64], target: NDArray[np.float64], stiffness: float
    ) -> NDArray[np.float64]:
        weighted = self._transposed * weight
        matrix = weighted @ self._design + stiffness * self._stiff
        anchor = 1e-9 * float(np.min(weight)) + 1e-13 * float(np.max(matrix.diagonal()))
        matrix = matrix + anchor * self._anchor
        factors = splu(
            matrix.tocsc(),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
        return np.asarray(factors.solve(weighted @ target))

    def predict(self, solution: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self._design @ solution)


def piecewise_hull(readings: Readings, window_s: float) -> NDArray[np.float64]:
    """Return the floor under each reading by the cross-check: hull lines, piece by piece.

    Each segment is cut into windows of about ``window_s``; the value is what ``x_s`` must
    be given to reach the floor, shape ``(n,)``.
    """
    z = readings.y_s - readings.x_s
    floor = np.empty_like(z)
    edges = np.flatnonzero(np.diff(readings.segment, prepend=-1))
    ends = np.append(edges[1:], z.shape[0])
    for begin, end in zip(edges.tolist(), ends.tolist(), strict=True):
        y = readings.y_s[begin:end]
        span = float(y[-1] - y[0])
        n_windows = max(1, round(span / window_s))
        marks = y[0] + span * np.arange(1, n_windows) / n_windows
        cuts = [0, *np.searchsorted(y, marks).tolist(), end - begin]
        centres, values = [], []
        for low, high in pairwise(cuts):
            if high <= low:
                continue
            since = y[low:high] - y[low]
            part = z[begin + low : begin + high]
            slope = hull_slope(since, part)
            at = [since[-1] / 2]
            # A line at each end, so that the first and last half windows have a slope.
            if low == 0:
                at.insert(0, 0.0)
            if high == end - begin:
                at.append(since[-1])
            centres.extend(y[low] + np.array(at))
            values.extend(np.min(part - slope * since) + slope * np.array(at))
        floor[begin:end] = np.interp(y, centres, values)
    return floor
