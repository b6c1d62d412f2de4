"""How late a headset's samples are: pulses in the EEG against those in the sound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recorder.calibration.pulses import GRID_S, find_pulses, lowest, shift_costs
from recorder.errors import ProvisionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

FEWEST_PULSES = 30
CONNECTIONS = 8  # of the protocol, 2 minutes each
_FEWEST_IN_CONNECTION = 5
_FURTHEST_S = 0.35  # half the least spacing: beyond, a pulse has two partners
_SAME_S = 0.006  # how far a pair may be from the others to be looked at closely
_OUTLIER_MADS = 7.0
_NO_OUTLIER_S = 1e-3
_SPACING_SD_S = 0.02

# Published targets (RMS, ms) of each class of headset, several times what simulation
# shows. An interval of Bluetooth is fine where its comb's spacing is at most 1.25 ms.
TARGETS_MS: Mapping[str, float] = {
    "spi": 0.2,
    "serial": 0.5,
    "dongle": 0.5,
    "ble-fine": 1.0,
    "ble": 2.0,
    "bluetooth": 2.0,
    "none": 2.0,
}


@dataclass(frozen=True, slots=True)
class Latency:
    """What one connection showed.

    ``latency_s`` is EEG stamp less sound, by all its pulses together; ``pulses_s`` the
    same for each by itself, shape ``(n,)``, outliers left out.
    """

    latency_s: float
    pulses_s: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figures:
    """The result over all connections, and what is weak about it."""

    constant_ms: float
    spread_ms: float
    standard_error_ms: float
    n_connections: int
    n_pulses: int
    warnings: tuple[str, ...]


def measure_latency(
    *,
    at_s: NDArray[np.float64],
    uv: NDArray[np.float64],
    clicks_s: NDArray[np.float64],
    connections: Sequence[tuple[float, float]],
) -> tuple[Latency, ...]:
    """Measure each of ``connections`` (first and last stamp of each) by its pulses.

    ``at_s`` and ``uv`` are the EEG, shapes ``(n_rows,)`` and ``(n_rows, n_channels)`` with
    NaN for lost rows; ``clicks_s`` says when each pulse begins in the sound, host seconds.
    Connections with fewer than 5 usable pulses are left out. Raises ProvisionError where
    EEG or sound shows none, or where they don't belong together.
    """
    found = find_pulses(at_s, uv)
    if not found.begin_s.size or not clicks_s.size:
        where = "sound" if found.begin_s.size else "EEG"
        raise ProvisionError(
            f"there are no pulses in the {where}",
            hint="feed the same 20 ms pulses to one electrode and the microphone",
        )
    clicks_s, lag_s = _paired(clicks_s, found.begin_s)
    shift_s, costs = shift_costs(at_s, uv[:, found.channel], clicks_s + lag_s)
    alone = np.array([lowest(cost) for cost in costs])
    latency_s = lag_s + shift_s[0] + alone * GRID_S
    sound = _no_outliers(latency_s)
    measured = []
    for first_s, last_s in connections:
        inside = sound & (clicks_s + lag_s >= first_s) & (clicks_s + lag_s <= last_s)
        if np.sum(inside) >= _FEWEST_IN_CONNECTION:
            together = lowest(costs[inside].sum(axis=0))
            at = lag_s + shift_s[0] + together * GRID_S
            measured.append(Latency(float(at), latency_s[inside]))
    return tuple(measured)


def _paired(
    clicks_s: NDArray[np.float64], pulses_s: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Return the clicks with a pulse at the common distance, and about that distance."""
    after = np.clip(np.searchsorted(pulses_s, clicks_s), 1, max(1, pulses_s.size - 1))
    near = np.stack([pulses_s[after - 1], pulses_s[np.minimum(after, pulses_s.size - 1)]])
    apart = near - clicks_s
    closest = np.where(np.abs(apart[0]) < np.abs(apart[1]), apart[0], apart[1])
    possible = np.abs(closest) < _FURTHEST_S
    if not possible.any():
        raise ProvisionError(
            f"no pulse of the EEG lies within {_FURTHEST_S} s of one in the sound",
            hint="both must record the same pulses",
        )
    lag_s = float(np.median(closest[possible]))
    paired = possible & (np.abs(closest - lag_s) < _SAME_S)
    if np.sum(paired) * 2 < np.sum(possible):
        raise ProvisionError(
            f"only {np.sum(paired)} of {np.sum(possible)} pulses in EEG and sound are"
            f" equally far apart (within {_SAME_S * 1e3:g} ms)",
            hint="both must record the same pulses, and nothing else on that electrode",
        )
    return clicks_s[paired], lag_s


def _no_outliers(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    known = values[np.isfinite(values)]
    if not known.size:
        return np.zeros(values.shape, bool)
    middle = float(np.median(known))
    reach = _OUTLIER_MADS * float(np.median(np.abs(known - middle)))
    return np.abs(values - middle) < max(_NO_OUTLIER_S, reach)


def summarise(measured: Sequence[Latency], *, target_ms: float) -> Figures:
    """Return the median and the spread over connections.

    Raises ProvisionError where there is too little to say anything, or where connections
    differ by more than ``target_ms`` (SD): a constant would promise what doesn't hold.
    """
    n_pulses = sum(one.pulses_s.size for one in measured)
    n = len(measured)
    if not n or n_pulses < FEWEST_PULSES:
        raise ProvisionError(
            f"{n_pulses} usable pulses in {n} connections; needed are at least"
            f" {FEWEST_PULSES}",
            hint=f"record {CONNECTIONS} connections of 2 minutes",
        )
    latency_ms = np.array([one.latency_s for one in measured]) * 1e3
    warnings = []
    if n < CONNECTIONS:
        warnings.append(f"{n} connections; the protocol asks for {CONNECTIONS}")
    if n == 1:
        spread_ms = target_ms
        warnings.append("one connection: the spread is not measured but the class's target")
    else:
        spread_ms = float(np.std(latency_ms, ddof=1))
    if spread_ms > target_ms:
        raise ProvisionError(
            f"latency differs by {spread_ms:.2f} ms (SD) over {n} connections; allowed is"
            f" {target_ms:g} ms",
            hint="record longer connections; look at the link's interval and its quality",
        )
    return Figures(
        constant_ms=float(np.median(latency_ms)),
        spread_ms=spread_ms,
        standard_error_ms=spread_ms / math.sqrt(n),
        n_connections=n,
        n_pulses=n_pulses,
        warnings=tuple(warnings),
    )


def is_periodic(clicks_s: NDArray[np.float64]) -> bool:
    """Tell whether pulses come so evenly that they lock to the phase of the samples."""
    return clicks_s.size > 1 and float(np.std(np.diff(clicks_s))) < _SPACING_SD_S
