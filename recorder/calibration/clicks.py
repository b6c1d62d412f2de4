"""When a pulse or a click begins in the sound, to a fraction of a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recorder.calibration.peaks import find_peaks

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RISE_FRAMES = 4  # a codec's filter spreads an edge over two or three
_FLOOR = 2.0**-15  # full scale is 1
_PULSE_S = 0.030  # an edge's twin, where the pulse ends, comes within
_BEFORE_S = (-1.5e-3, -0.2e-3)  # where the level before the edge is read
_AFTER_S = (0.15e-3, 0.6e-3)  # and that behind it: a click lasts a millisecond


def find_clicks(sound: NDArray[np.float32], rate_hz: float) -> NDArray[np.float64]:
    """Return the frames at which pulses begin, shape ``(n_clicks,)``, not whole numbers.

    ``sound`` has shape ``(n_frames, n_channels)``, full scale 1; the channel in which they
    stand out most counts. A beginning is where the signal passes half its step.
    """
    best = np.empty(0)
    most = 0.0
    for channel in sound.T:
        steps = np.abs(channel[_RISE_FRAMES:] - channel[:-_RISE_FRAMES]).astype(np.float64)
        peaks = find_peaks(steps, rate_hz, floor=_FLOOR)
        if peaks.contrast > most:
            most = peaks.contrast
            begun = [_first_edge(steps, peak, rate_hz) for peak in peaks.index.tolist()]
            best = np.array([_onset(channel, at, rate_hz) for at in begun])
    return best[np.isfinite(best)]


def _first_edge(steps: NDArray[np.float64], peak: int, rate_hz: float) -> int:
    """Return the first step of a pulse: the one that ends it may be the taller."""
    start = max(0, peak - round(_PULSE_S * rate_hz))
    near = steps[start : peak + 1]
    begun = start + int(np.argmax(near >= 0.7 * steps[peak]))
    end = min(begun + 2 * _RISE_FRAMES, steps.size)
    return begun + int(np.argmax(steps[begun:end]))


def _onset(channel: NDArray[np.float32], at: int, rate_hz: float) -> float:
    """Return where the edge near frame ``at`` is half done; NaN where it isn't one."""
    centre = at + _RISE_FRAMES // 2
    before = _level(channel, centre, rate_hz, _BEFORE_S)
    height = _level(channel, centre, rate_hz, _AFTER_S) - before
    first = max(0, centre - _RISE_FRAMES)
    share = channel[first : centre + _RISE_FRAMES + 1].astype(np.float64) - before
    if not np.isfinite(height) or height == 0:
        return float("nan")
    share = share / height
    (above,) = np.nonzero((share[:-1] < 0.5) & (share[1:] >= 0.5))  # noqa: PLR2004 - half
    if not above.size:
        return float("nan")
    k = int(above[0])
    return first + k + float((0.5 - share[k]) / (share[k + 1] - share[k]))


def _level(
    channel: NDArray[np.float32], centre: int, rate_hz: float, span_s: tuple[float, float]
) -> float:
    first, last = (centre + round(edge_s * rate_hz) for edge_s in span_s)
    if first < 0 or last > channel.size:
        return float("nan")
    return float(np.median(channel[first:last]))
