"""A session's EEG clock less the constant latency that a calibration tells of."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.offline_fit import EegFit
    from recorder.format.sheet import AppliedCalibration


def calibrated(fit: EegFit, calibration: AppliedCalibration) -> EegFit:
    """Return ``fit`` with all its host times moved back by the constant.

    What differs from connection to connection adds to the uncertainty, as independent
    errors do.
    """
    late_s = calibration.constant_ms / 1e3
    uncertainty_ms = fit.uncertainty_ms
    if uncertainty_ms is not None:
        uncertainty_ms = math.hypot(uncertainty_ms, calibration.spread_ms)
    return replace(
        fit,
        packet_fit_s=fit.packet_fit_s - late_s,
        segments=tuple(
            replace(one, start_s=one.start_s - late_s, end_s=one.end_s - late_s)
            for one in fit.segments
        ),
        unsure_s=tuple((start - late_s, end - late_s) for start, end in fit.unsure_s),
        uncertainty_ms=uncertainty_ms,
    )
