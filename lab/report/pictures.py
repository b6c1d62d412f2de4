"""The report's pictures, as PNG in a few colours; numbers and channel names only."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from lab.overview import envelope

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from lab.opened_session import OpenedSession
    from lab.report.measure import Baseline, Measured, Spectrum

_INK, _FAINT, _BLUE, _GREEN, _RUST = "#1d2733", "#8a949e", "#24518a", "#2b7a5b", "#b4480f"
_BINS: Final = 1400
_DOTS_PER_INCH: Final = 100
_COLOURS: Final = 64


def traces(measured: Measured) -> str:
    """Return the whole EEG as lowest and highest values, a line a channel."""
    session, base = measured.session, measured.base
    n_channels = len(session.labels)
    figure = _figure(12.6, 0.55 * n_channels + 0.5)
    axes = figure.add_axes((0.045, 0.35 / (0.55 * n_channels + 0.5), 0.945, 0.92))
    edges_s = base.to_host_s(np.linspace(0, base.duration_s, _BINS + 1))
    step_uv = step_between_uv(session)
    at_min = (np.repeat(np.arange(_BINS), 2) + np.tile([0.25, 0.75], _BINS)) / _BINS
    at_min *= base.duration_s / 60
    for n, label in enumerate(session.labels):
        values = session.eeg_uv[:, n]
        known = np.isfinite(values)
        middle = float(np.median(values[known])) if known.any() else 0.0
        low, high = envelope(session.eeg_s, (values - middle) / step_uv - n, edges_s)
        low, high = (np.clip(edge, -n - 1.4, -n + 1.4) for edge in (low, high))
        line = np.column_stack([low, high]).ravel()
        axes.plot(at_min, line, color=_BLUE, linewidth=0.6)
        axes.text(-0.006, -n, label, transform=axes.get_yaxis_transform(), **_label())
    axes.set_ylim(-n_channels + 0.3, 0.8)
    axes.set_xlim(0, base.duration_s / 60)
    axes.set_yticks([])
    _dress(axes)
    return _data_uri(figure)


def spectra(measured: Measured) -> str:
    """Return each channel's spectrum."""
    if measured.spectrum is None:
        return ""
    figure = _figure(6.1, 2.9)
    axes = figure.add_axes((0.11, 0.17, 0.86, 0.78))
    colours = _channel_colours(len(measured.session.labels))
    for n, label in enumerate(measured.session.labels):
        _draw_spectrum(axes, measured.spectrum, [n], colour=colours[n], label=label)
    axes.legend(fontsize=8, ncols=2, frameon=False, loc="upper right")
    return _data_uri(figure)


def alpha(baseline: Baseline, session: OpenedSession) -> str:
    """Return the spectra at the back of the head, eyes open (thin) and closed (bold)."""
    figure = _figure(6.1, 2.9)
    axes = figure.add_axes((0.11, 0.17, 0.86, 0.78))
    back = [session.labels.index(label) for label in baseline.channels]
    _draw_spectrum(axes, baseline.opened, back, colour=_FAINT, label="")
    _draw_spectrum(axes, baseline.closed, back, colour=_RUST, label="", width=2.0)
    axes.axvspan(8, 13, color=_RUST, alpha=0.08, linewidth=0)
    axes.set_xlim(0, 30)
    return _data_uri(figure)


def loudness(measured: Measured) -> str:
    """Return the loudness of each microphone over time, in dB of full scale."""
    sound = measured.heard.loudness
    if sound is None:
        return ""
    figure = _figure(12.6, 0.75 * sound.n_channels + 0.6)
    axes = figure.add_axes((0.045, 0.28, 0.945, 0.68))
    n_bins = min(_BINS, len(sound.rms))
    edges = np.linspace(0, len(sound.rms), n_bins + 1).astype(int)
    at_min = (sound.start_s + (edges[:-1] + edges[1:]) / 200) / 60
    for n, colour in zip(range(sound.n_channels), (_GREEN, _RUST), strict=False):
        level_db = 20 * np.log10(np.maximum(np.nan_to_num(sound.rms[:, n]), 1e-5))
        loudest = np.maximum.reduceat(level_db, edges[:-1])
        axes.plot(at_min, loudest, color=colour, linewidth=0.7, alpha=0.9)
    axes.set_ylim(-90, 0)
    axes.set_yticks([-80, -60, -40, -20, 0])
    axes.set_xlim(0, measured.base.duration_s / 60)
    axes.text(0.998, 0.95, "dB", transform=axes.transAxes, ha="right", va="top", fontsize=9)
    axes.grid(axis="y", color="#dfe3e7", linewidth=0.6)
    _dress(axes)
    return _data_uri(figure)


def _draw_spectrum(
    axes: Axes,
    spectrum: Spectrum,
    channels: list[int],
    *,
    colour: str | tuple[float, float, float],
    label: str,
    width: float = 1.0,
) -> None:
    power = spectrum.power[channels].mean(axis=0)
    shown = spectrum.hz >= 0.5  # noqa: PLR2004 - drift is no EEG
    level_db = 10 * np.log10(np.maximum(power[shown], 1e-6))
    axes.plot(spectrum.hz[shown], level_db, color=colour, linewidth=width, label=label)
    axes.set_xlim(0, float(spectrum.hz[-1]))
    axes.set_xlabel("Hz", fontsize=9, color=_INK)
    axes.set_ylabel("dB (\N{MICRO SIGN}V\N{SUPERSCRIPT TWO}/Hz)", fontsize=9, color=_INK)
    axes.grid(color="#dfe3e7", linewidth=0.6)
    _dress(axes)


def _channel_colours(n: int) -> list[tuple[float, float, float]]:
    """Return colours from blue over green to rust, so that neighbours differ."""
    stops = np.array([[0.14, 0.32, 0.54], [0.17, 0.48, 0.36], [0.71, 0.28, 0.06]])
    at = np.linspace(0, 2, n)
    columns = [np.interp(at, [0, 1, 2], stops[:, k]) for k in range(3)]
    return [(float(r), float(g), float(b)) for r, g, b in zip(*columns, strict=True)]


def step_between_uv(session: OpenedSession) -> float:
    """Return how many microvolts lie between two channels' lines."""
    values = session.eeg_uv[np.isfinite(session.eeg_uv).all(axis=1)]
    if not values.size:
        return 50.0
    spread: NDArray[np.float64] = np.percentile(values, 99, axis=0)
    spread = spread - np.percentile(values, 1, axis=0)
    wanted = 1.5 * float(np.median(spread))
    return next((s for s in (10, 20, 50, 100, 200, 500, 1000) if s >= wanted), 2000)


def _label() -> dict[str, Any]:
    return {"ha": "right", "va": "center", "fontsize": 9, "color": _INK}


def _dress(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#c9ced4")
    axes.tick_params(labelsize=9, colors=_INK, length=3)


def _figure(width_inch: float, height_inch: float) -> Figure:
    figure = Figure(
        figsize=(width_inch, height_inch), dpi=_DOTS_PER_INCH, facecolor="white"
    )
    FigureCanvasAgg(figure)
    return figure


def _data_uri(figure: Figure) -> str:
    drawn, picture = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", metadata={"Software": None})
    few = Image.open(drawn).convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    few.save(picture, "png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()}"
