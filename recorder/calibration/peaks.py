"""Which values of a score stand out: pulses, among whatever else was recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SD_PER_MAD = 1.4826  # of a normal distribution
_LEAST_SDS = 8.0
_TALLEST_WITHIN_S = 2.0  # pulses come every 0.7 to 1.3 s, so each such window has one
_SHARE = 0.5
APART_S = 0.4  # pulses are at least 0.7 s apart


@dataclass(frozen=True, slots=True)
class Peaks:
    """Indices of what stands out, and by how many robust SDs (median)."""

    index: NDArray[np.int64]
    contrast: float


def find_peaks(score: NDArray[np.float64], rate_hz: float, *, floor: float) -> Peaks:
    """Find the peaks of ``score``, shape ``(n,)``, none below 0.

    A peak is above 8 robust SDs (``floor`` where the noise is less) and above half of what
    is typical for the tallest value of two seconds, so that neither noise nor a few louder
    events decide. Of peaks within 0.4 s the tallest counts.
    """
    nothing = Peaks(np.empty(0, np.int64), 0.0)
    width = max(1, round(_TALLEST_WITHIN_S * rate_hz))
    n_windows = score.size // width
    if not n_windows:
        return nothing
    sd = max(floor, _SD_PER_MAD * float(np.median(score)))
    tallest = score[: n_windows * width].reshape(n_windows, width).max(axis=1)
    least = max(_LEAST_SDS * sd, _SHARE * float(np.median(tallest)))
    high = np.flatnonzero(score >= least)
    index = _tallest_apart(score, high, round(APART_S * rate_hz))
    if not index.size:
        return nothing
    return Peaks(index, float(np.median(score[index])) / sd)


def _tallest_apart(
    score: NDArray[np.float64], high: NDArray[np.int64], apart: int
) -> NDArray[np.int64]:
    """Return the tallest of each group of ``high`` without a gap of ``apart``."""
    if not high.size:
        return high
    groups = np.split(high, np.flatnonzero(np.diff(high) >= apart) + 1)
    return np.array([group[np.argmax(score[group])] for group in groups], np.int64)
