"""The envelope and its cross-check: two methods that fail differently.

A fit that trusts a crystal more than it deserves (a headset that warms up by hundreds of
ppm) strays where short hull lines do not. Then the oscillator counts as an RC one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from lab.envelope import (
    OSCILLATORS,
    Envelope,
    Readings,
    delay_minima,
    fit_envelope,
    piecewise_hull,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHORT_WINDOW_S = 60.0
_STRAYED_MS = 0.2
# Short hull lines themselves stray by a good part of the comb's spacing.
_STRAYED_TEETH = 0.5
_BETTER = 0.5
_ALARMING_MS = 1.0


@dataclass(frozen=True, slots=True)
class CheckedFit:
    """An envelope, the host time it gives each reading, and how far the check differs."""

    envelope: Envelope
    fit_s: NDArray[np.float64]
    disagreement_ms: float
    notes: tuple[str, ...]


def checked_fit(
    everything: Readings,
    sure: NDArray[np.bool_],
    oscillator: Literal["crystal", "rc"],
    comb_spacing_ms: float,
) -> CheckedFit:
    """Fit at least one reading; ``comb_spacing_ms`` is 0 on a link without a comb.

    Readings that are not ``sure``, shape ``(n,)``, get a time but have no say in it.
    """
    # A segment of nothing but unsure readings has no better.
    none_sure = np.bincount(everything.segment, sure) == 0
    readings = everything.only(np.flatnonzero(sure | none_sure[everything.segment]))
    envelope, fit_s = _fit(readings, oscillator)
    notes: tuple[str, ...] = ()
    if oscillator == "crystal":
        strayed_ms = _apart_ms(readings, fit_s, _SHORT_WINDOW_S)
        if strayed_ms > max(_STRAYED_MS, _STRAYED_TEETH * comb_spacing_ms):
            free, free_s = _fit(readings, "rc")
            if _apart_ms(readings, free_s, _SHORT_WINDOW_S) < _BETTER * strayed_ms:
                envelope, fit_s, oscillator = free, free_s, "rc"
                notes = ("the oscillator wanders more than a crystal; fitted as RC",)
    window_s = OSCILLATORS[oscillator].window_s
    apart_ms = _apart_ms(readings, fit_s, window_s)
    if apart_ms > _ALARMING_MS:
        notes += (f"the two fits differ by {apart_ms:.2f} ms; look at this session",)
    all_s = envelope.to_host_s(everything.x_s, everything.segment)
    return CheckedFit(envelope, all_s, apart_ms, notes)


def _fit(
    readings: Readings, oscillator: Literal["crystal", "rc"]
) -> tuple[Envelope, NDArray[np.float64]]:
    envelope = fit_envelope(readings, OSCILLATORS[oscillator])
    return envelope, envelope.to_host_s(readings.x_s, readings.segment)


def _apart_ms(readings: Readings, fit_s: NDArray[np.float64], window_s: float) -> float:
    """Return how far the piecewise hull differs from a fit, RMS, but for a constant."""
    minima = delay_minima(readings, readings.y_s - fit_s, 1.0)
    other = piecewise_hull(readings.only(minima), window_s)
    apart = fit_s[minima] - readings.x_s[minima] - other
    return float(np.std(apart)) * 1e3
