"""A closer look at simulated devices: each pulse laid over the click of the same moment.

The simulated headset shows a pulse and the simulated microphone a click at the same true
moments. What is left between them is the link's constant delay, which a calibration of
the headset tells, and a spread, which is what the alignment of the clocks got wrong.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
import soundfile

from recorder.simulation import PULSE_UV

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from lab.opened_session import AudioClock, OpenedSession

EEG_COLOUR: Final = "#24518a"
SOUND_COLOUR: Final = "#2b7a5b"
_SPAN_S: Final = (-0.012, 0.032)
_CLICK_SHARE: Final = 0.25  # half of the simulated click, well above the voices
_HALF: Final = 0.5


def draw_closer_look(axes: Axes, session: OpenedSession) -> None:
    """Draw every pulse of the first channel and the click beside it."""
    clock = session.audio_clock
    if clock is None:
        return
    moments_s = pulse_moments_s(session.eeg_s, session.eeg_uv[:, 0])
    second = axes.twinx()
    leads_ms: list[float] = []
    for moment_s in moments_s:
        _draw_pulse(axes, session, moment_s)
        at_ms, shares = _sound_around(session, clock, moment_s)
        second.plot(at_ms, shares, color=SOUND_COLOUR, linewidth=0.7, alpha=0.5)
        (loud,) = np.nonzero(shares >= _CLICK_SHARE)
        if loud.size:
            leads_ms.append(-float(at_ms[loud[0]]))
    _label(axes, second, session.labels[0] or "channel 1")
    _write_heading(axes, leads_ms)


def pulse_moments_s(
    at_s: NDArray[np.float64], values_uv: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return when ``values_uv`` rises through half a simulated pulse.

    A simulated sample is the mean under a triangle two periods wide, so an edge is two
    parabolas; each moment is read off the one that is steeper at its sample.
    """
    share = values_uv / PULSE_UV
    (rises,) = np.nonzero((share[:-1] < _HALF) & (share[1:] >= _HALF))
    before, after = share[rises].clip(0, 1), share[rises + 1].clip(0, 1)
    waited = 1 - np.sqrt(2 * before)
    periods = np.where(waited < _HALF, waited, np.sqrt(2 * (1 - after)))
    return np.asarray(at_s[rises] + periods * (at_s[rises + 1] - at_s[rises]))


def _draw_pulse(axes: Axes, session: OpenedSession, moment_s: float) -> None:
    first, last = np.searchsorted(session.eeg_s, np.add(moment_s, _SPAN_S))
    axes.plot(
        (session.eeg_s[first:last] - moment_s) * 1000,
        session.eeg_uv[first:last, 0],
        color=EEG_COLOUR,
        linewidth=0.9,
        alpha=0.5,
        marker=".",
        markersize=3,
    )


def _sound_around(
    session: OpenedSession, clock: AudioClock, moment_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return milliseconds from the pulse, and the first channel's frames there."""
    first = math.ceil(clock.frame(moment_s + _SPAN_S[0]))
    last = math.floor(clock.frame(moment_s + _SPAN_S[1]))
    frames, _ = soundfile.read(session.audio_path, start=first, stop=last, always_2d=True)
    at_s = clock.seconds(np.arange(first, first + len(frames)))
    return (at_s - moment_s) * 1000, np.asarray(frames[:, 0])


def _label(axes: Axes, second: Axes, label: str) -> None:
    axes.set_xlim(1000 * _SPAN_S[0], 1000 * _SPAN_S[1])
    axes.set_ylim(-0.55 * PULSE_UV, 1.15 * PULSE_UV)
    second.set_ylim(-0.15, 1.55)
    axes.set_yticks([0, PULSE_UV / 2, PULSE_UV])
    second.set_yticks([0, 0.25, 0.5])
    axes.set_xlabel("Milliseconds since the pulse's rise", fontsize=11)
    axes.set_ylabel(f"{label}, \N{MICRO SIGN}V", color=EEG_COLOUR, fontsize=11, labelpad=0)
    second.set_ylabel("sound, full scale = 1", color=SOUND_COLOUR, fontsize=11, y=0.25)
    axes.grid(color="#c9ced4", linewidth=0.5, alpha=0.6)


def _write_heading(axes: Axes, leads_ms: list[float]) -> None:
    axes.text(
        *(-0.25, 1.15, f"Closer: {len(leads_ms)} pulses and clicks"),
        transform=axes.transAxes,
        fontsize=13,
        fontweight="bold",
    )
    if not leads_ms:
        return
    lead, spread = np.mean(leads_ms), np.std(leads_ms)
    text = (
        f"{lead:.2f} ms apart: the link's constant\n"
        f"delay. Spread of all: {spread:.3f} ms (SD)."
    )
    axes.text(-0.25, 1.03, text, transform=axes.transAxes, fontsize=11, color="#6d7884")
