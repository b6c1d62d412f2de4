"""What ``alignment.json`` says: how well a session's streams are tied together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.audio_fit import AudioFit
    from lab.link_comb import Comb
    from lab.offline_fit import EegFit

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


def alignment_json(
    eeg: EegFit | None,
    audio: AudioFit | None,
    *,
    constant_ms: float | None,
    calibration: str | None,
) -> dict[str, Json]:
    """Return the record as JSON values; what could not be measured is null.

    ``constant_ms`` is the calibrated latency taken off the EEG stamps, ``calibration``
    names where it is from; both None for an uncalibrated headset.
    """
    streams: dict[str, Json] = {}
    if eeg is not None:
        streams["EEG"] = _eeg(eeg)
    if audio is not None:
        streams["Audio"] = _audio(audio)
    return {"streams": streams, "constant_ms": constant_ms, "calibration": calibration}


def _eeg(fit: EegFit) -> dict[str, Json]:
    return {
        "rate_hz": _rounded(fit.rate_hz, 6),
        "drift_ppm": _rounded(fit.drift_ppm, 3),
        "residual_ms": _rounded(fit.residual_ms, 4),
        "uncertainty_ms": _rounded(fit.uncertainty_ms, 3),
        "segments": [
            {
                "start_s": part.start_s,
                "end_s": part.end_s,
                "offset_ms": round(part.offset_ms, 4),
                "why": part.why,
                "lost_before": part.lost_before,
            }
            for part in fit.segments
        ],
        "lost_exact": fit.lost_exact,
        "lost_inferred": fit.lost_inferred,
        "fit_disagreement_ms": _rounded(fit.disagreement_ms, 4),
        "comb": _comb(fit.comb),
        "unsure": [{"start_s": start, "end_s": end} for start, end in fit.unsure_s],
        "notes": list(fit.notes),
    }


def _comb(comb: Comb | None) -> Json:
    if comb is None:
        return None
    return {
        "interval_ms": comb.interval.interval_ms,
        "interval_found_in_arrivals": comb.interval.found,
        "spacing_ms": comb.interval.spacing_ms,
        "teeth": round(comb.teeth, 2),
        "observed": comb.observed,
    }


def _audio(fit: AudioFit) -> dict[str, Json]:
    return {
        "rate_hz": _rounded(fit.rate_hz, 4),
        "drift_ppm": _rounded(fit.drift_ppm, 3),
        "residual_ms": _rounded(fit.residual_ms, 4),
        "uncertainty_ms": _rounded(fit.uncertainty_ms, 3),
        "segments": [
            {
                "start_s": float(part.host_s[0]),
                "end_s": float(part.host_s[-1]),
                "offset_ms": 0.0,
                "first_frame": part.first,
                "lost_before": part.lost_before,
            }
            for part in fit.segments
        ],
        "lost_exact": 0,
        "lost_inferred": fit.lost_inferred,
        "notes": list(fit.notes),
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
