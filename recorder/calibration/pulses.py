"""Where pulses lie in the EEG: found by their shape, placed by least squares.

An ADC averages over about a sample on each side, so a pulse of 20 ms is not a rectangle
but one smeared by a triangle; its centre stays where it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recorder.calibration.peaks import find_peaks

if TYPE_CHECKING:
    from numpy.typing import NDArray

PULSE_S = 0.020
GRID_S = 0.1e-3
_REACH_S = 0.010  # how far the grid reaches to both sides
_FLOOR_UV = 0.05
_MARGIN_ROWS = 3  # of quiet ground on each side of a pulse
_GAP_PERIODS = 1.5


@dataclass(frozen=True, slots=True)
class Found:
    """The channel that shows the pulses, and about when each begins, ``(n_pulses,)``."""

    channel: int
    begin_s: NDArray[np.float64]


def find_pulses(at_s: NDArray[np.float64], uv: NDArray[np.float64]) -> Found:
    """Find pulses of 20 ms in the channel where they stand out most.

    ``at_s`` has shape ``(n_rows,)``, ``uv`` shape ``(n_rows, n_channels)``, NaN where rows
    are lost. Either polarity. Beginnings are right to about a row.
    """
    found, most = Found(0, np.empty(0)), 0.0
    for channel, values in enumerate(uv.T):
        score = _score(values, _rows_in_pulse(at_s))
        peaks = find_peaks(score, 1 / period_s(at_s), floor=_FLOOR_UV)
        if peaks.contrast > most:
            most = peaks.contrast
            found = Found(channel, at_s[peaks.index])
    return found


def period_s(at_s: NDArray[np.float64]) -> float:
    """Return the time between two rows; 1 s where there is no second row."""
    return float(np.median(np.diff(at_s))) if at_s.size > 1 else 1.0


def shift_costs(
    at_s: NDArray[np.float64],
    values: NDArray[np.float64],
    expected_s: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how badly a pulse fits when shifted against where it is expected.

    ``values`` and ``at_s`` have shape ``(n_rows,)``, ``expected_s`` shape ``(n_pulses,)``.
    The first result are the shifts in seconds, 0.1 ms apart, ``(n_shifts,)``; the second
    the squared misfits, ``(n_pulses, n_shifts)``: level and height are free. A pulse near
    a lost row or a gap has NaN throughout: half a pulse would be placed wrongly.
    """
    steps = round(_REACH_S / GRID_S)
    shift_s = np.asarray(np.arange(-steps, steps + 1) * GRID_S, np.float64)
    step_s = period_s(at_s)
    before = _MARGIN_ROWS + int(np.ceil(_REACH_S / step_s))
    width = 2 * before + _rows_in_pulse(at_s)
    costs = np.full((expected_s.size, shift_s.size), np.nan)
    first = np.searchsorted(at_s, expected_s) - before
    for n, start in enumerate(first.tolist()):
        if start < 0 or start + width > at_s.size:
            continue
        rows = slice(start, start + width)
        y = values[rows]
        if np.isnan(y).any() or np.diff(at_s[rows]).max() > _GAP_PERIODS * step_s:
            continue
        since = at_s[rows] - expected_s[n] - shift_s[:, np.newaxis]
        shape = _shape(since / step_s, PULSE_S / step_s)
        shape -= shape.mean(axis=1, keepdims=True)
        y = y - y.mean()
        costs[n] = y @ y - (shape @ y) ** 2 / (shape**2).sum(axis=1)
    return shift_s, costs


def lowest(cost: NDArray[np.float64]) -> float:
    """Return where on the grid a cost is lowest, by a parabola; NaN at its ends."""
    if np.isnan(cost).any():
        return float("nan")
    k = int(np.argmin(cost))
    if k in (0, cost.size - 1):
        return float("nan")
    left, middle, right = cost[k - 1 : k + 2].tolist()
    bend = left - 2 * middle + right
    return k + (0.5 * (left - right) / bend if bend > 0 else 0.0)


def _rows_in_pulse(at_s: NDArray[np.float64]) -> int:
    return max(2, round(PULSE_S / period_s(at_s)))


def _score(values: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Return how much ``n`` rows stand out from as many on both sides, ``(n_rows,)``."""
    score = np.zeros(values.size)
    reach = n + 2
    if values.size < n + 2 * reach or np.isnan(values).all():
        return score
    lost = np.isnan(values)
    rows = np.arange(values.size)
    filled = np.interp(rows, rows[~lost], values[~lost])
    filled -= np.median(filled)
    sums = np.concatenate([[0.0], np.cumsum(filled)])
    mean = (sums[n:] - sums[:-n]) / n  # of rows k to k + n
    sides = (mean[: -2 * reach] + mean[2 * reach :]) / 2
    score[reach : reach + sides.size] = np.abs(mean[reach:-reach] - sides)
    return score


def _shape(since: NDArray[np.float64], length: float) -> NDArray[np.float64]:
    """Return a pulse of ``length`` rows, ``since`` rows after it began."""
    return _share_before(since) - _share_before(since - length)


def _share_before(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Integrate a triangle over (-1, 1) of area 1 up to ``x``."""
    x = np.clip(x, -1, 1)
    return np.where(x < 0, (1 + x) ** 2 / 2, 1 - (1 - x) ** 2 / 2)
