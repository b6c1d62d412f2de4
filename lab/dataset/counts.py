"""From microvolts back to the ADC's own counts, with proof; else the nearest fine grid.

The recording holds microvolts as 32-bit floats, made of whole counts. Where every measured
sample comes from exactly one count, the counts are what is published. A device that gives
no counts, or one sample that fits none, is published on a grid of its own, and its error
is told.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lab.opened_session import EegChannel

HIGHEST: Final = (1 << 23) - 1  # BDF holds 24 bits
_LOWEST: Final = -(1 << 23)
# Floats as the board gave them come back bit by bit; a played back file of decimals is off
# by its last digit, which is still far from the next count.
_SHARE_OF_COUNT: Final = 0.05


@dataclass(frozen=True, slots=True)
class Digitised:
    """One channel's whole numbers: uV = (count - offset_counts) * uv_per_count.

    ``proved`` says that these are the device's own counts. ``error_uv`` is how far a
    measured sample is from what its number says, at most.
    """

    counts: NDArray[np.int32]
    uv_per_count: float
    offset_counts: float
    proved: bool
    error_uv: float

    def physical_uv(self, count: int) -> float:
        """Return the microvolts of a count."""
        return (count - self.offset_counts) * self.uv_per_count


def digitise(
    values_uv: NDArray[np.float64], measured: NDArray[np.bool_], channel: EegChannel
) -> Digitised:
    """Return ``values_uv``, shape ``(n_samples,)``, as whole numbers.

    Only samples that were ``measured`` have to fit.
    """
    if channel.uv_per_count > 0:
        own = _on_grid(values_uv, channel.uv_per_count, channel.offset_counts)
        if own is not None and _is_proved(values_uv[measured], own, measured):
            return own
    return _on_finest_grid(values_uv, measured)


def _on_grid(
    values_uv: NDArray[np.float64], uv_per_count: float, offset_counts: float
) -> Digitised | None:
    counts = np.rint(values_uv / uv_per_count + offset_counts)
    if not counts.size or counts.min() < _LOWEST or counts.max() > HIGHEST:
        return None
    whole = counts.astype(np.int32)
    apart = np.abs((counts - offset_counts) * uv_per_count - values_uv)
    return Digitised(whole, uv_per_count, offset_counts, True, float(apart.max()))  # noqa: FBT003 - a field


def _is_proved(
    values_uv: NDArray[np.float64], own: Digitised, measured: NDArray[np.bool_]
) -> bool:
    back_uv = (own.counts[measured] - own.offset_counts) * own.uv_per_count
    same = back_uv.astype(np.float32) == values_uv.astype(np.float32)
    near = np.abs(back_uv - values_uv) <= _SHARE_OF_COUNT * own.uv_per_count
    return bool((same | near).all())


def _on_finest_grid(
    values_uv: NDArray[np.float64], measured: NDArray[np.bool_]
) -> Digitised:
    largest_uv = float(np.abs(values_uv).max(initial=0.0))
    # A power of two keeps every microvolt's own bits as far as 24 of them reach.
    exponent = math.ceil(math.log2(largest_uv / HIGHEST)) if largest_uv > 0 else -20
    step_uv = 2.0 ** max(exponent, -20)
    counts = np.rint(values_uv / step_uv)
    apart_uv = np.abs(counts * step_uv - values_uv)[measured]
    return Digitised(
        np.clip(counts, _LOWEST, HIGHEST).astype(np.int32),
        step_uv,
        offset_counts=0.0,
        proved=False,
        error_uv=float(apart_uv.max(initial=0.0)),
    )
