"""One picture of an opened session: EEG, sound and marks on one time axis.

Time is in seconds (minutes, in a long session) since the session's start. Where both
devices were simulated, a closer look lays every pulse of the first channel over the click
that the microphone heard at the same true moment.
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Final

import numpy as np
import soundfile
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from lab.closer_look import EEG_COLOUR, SOUND_COLOUR, draw_closer_look
from lab.mark_spans import mark_spans
from lab.opened_session import read_opened
from recorder.files import PRIVATE, write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from lab.mark_spans import MarkSpan
    from lab.opened_session import AudioClock, OpenedSession

_SIZE_INCH: Final = (16.0, 9.0)
_DOTS_PER_INCH: Final = 100
_BINS: Final = 1400  # about one for each dot of the time axis
_LONG_S: Final = 300.0  # from here on the axis counts minutes
_BLOCK_FRAMES: Final = 1 << 18
_SCALES_UV: Final = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
_LABEL_ROWS: Final = 3
_CHARACTER_SHARE: Final = 0.0068  # of the time axis, at the size of the marks' labels
_INK, _FAINT, _MARK, _PAUSE = "#1d2733", "#6d7884", "#b4480f", "#c9ced4"


def draw_overview(folder: Path) -> Path:
    """Draw the opened session in ``folder``; return the picture's path.

    Raises OpenError where ``folder`` is not an opened session with EEG.
    """
    drawn, picture = io.BytesIO(), io.BytesIO()
    _figure(read_opened(folder)).savefig(drawn, format="png")
    # Few colours make a third of the size; 128 keep the edges of letters smooth.
    few = Image.open(drawn).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    few.save(picture, "png", optimize=True)
    path = folder / "overview.png"
    write_atomic(path, picture.getvalue(), mode=PRIVATE)
    return path


class _TimeAxis:
    """The stretch of time that is drawn, cut into bins of equal length."""

    def __init__(self, session: OpenedSession) -> None:
        self._start_s = session.start_s
        ends_s = [float(session.eeg_s[-1])]
        if session.audio_clock is not None:
            ends_s.append(float(session.audio_clock.host_s[-1]))
        self.length_s = max(*ends_s, self._start_s + 1.0) - self._start_s
        self.unit, self._unit_s = "Seconds", 1.0
        if self.length_s > _LONG_S:
            self.unit, self._unit_s = "Minutes", 60.0
        self.end = self.length_s / self._unit_s

    def shown(self, host_s: float) -> float:
        """Return where ``host_s`` is on the axis, within its ends."""
        return min(max((host_s - self._start_s) / self._unit_s, 0.0), self.end)

    def bins_s(self, n: int) -> NDArray[np.float64]:
        """Return the ``n + 1`` edges of ``n`` bins in host-clock seconds."""
        return np.linspace(self._start_s, self._start_s + self.length_s + 1e-6, n + 1)

    def zigzag(
        self, low: NDArray[np.float64], high: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return a line through lowest and highest value of each bin."""
        n = low.size
        at = (np.repeat(np.arange(n), 2) + np.tile([0.25, 0.75], n)) * self.end / n
        return at, np.column_stack([low, high]).ravel()


def envelope(
    at_s: NDArray[np.float64], values: NDArray[np.float64], edges_s: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest and the highest value in each bin, NaN in an empty one.

    ``at_s`` only grows and ``values`` is as long; NaN values don't count.
    """
    low, high = np.full((2, edges_s.size - 1), math.nan)
    firsts = np.searchsorted(at_s, edges_s)
    filled = np.flatnonzero(np.diff(firsts))
    if filled.size:
        inside = values[firsts[0] : firsts[-1]]
        starts = firsts[filled] - firsts[0]
        low[filled] = np.fmin.reduceat(inside, starts)
        high[filled] = np.fmax.reduceat(inside, starts)
    return low, high


def _figure(session: OpenedSession) -> Figure:
    figure = Figure(figsize=_SIZE_INCH, dpi=_DOTS_PER_INCH, facecolor="white")
    FigureCanvasAgg(figure)
    closer = _both_simulated(session)
    grid = figure.add_gridspec(
        *(3, 1),
        height_ratios=(0.75, 5.2, 1.7),
        hspace=0.04,
        left=0.055,
        right=0.735 if closer else 0.95,
        top=0.875,
        bottom=0.075,
    )
    axis = _TimeAxis(session)
    lane, eeg, sound = (figure.add_subplot(grid[row]) for row in range(3))
    spans = mark_spans(session.marks)
    _draw_eeg(eeg, session, axis)
    _draw_sound(sound, session, axis)
    _draw_marks(lane, (eeg, sound), spans, axis)
    for axes in (lane, eeg, sound):
        _dress(axes, axis, is_last=axes is sound)
    if closer:
        draw_closer_look(figure.add_axes((0.835, 0.075, 0.12, 0.5)), session)
    _write_title(figure, session)
    return figure


def _both_simulated(session: OpenedSession) -> bool:
    sheet = session.sheet
    return (
        sheet is not None
        and session.audio_clock is not None
        and sheet.headset.simulated
        and sheet.microphone.simulated
    )


def _write_title(figure: Figure, session: OpenedSession) -> None:
    integrity = session.integrity
    words = [f"Session {integrity.session[:8]}", integrity.device or "unknown box"]
    if session.is_simulated:
        words.append("simulated devices")
    figure.text(
        *(0.055, 0.945, "  \N{MIDDLE DOT}  ".join(words)),
        fontsize=19,
        fontweight="bold",
        color=_INK,
    )
    facts = [
        f"{len(session.labels)} EEG channels at {session.rate_hz:g} Hz",
        "signed" if integrity.signed else "NOT SIGNED",
        f"{integrity.parts} parts",
        f"{integrity.lost_samples} samples lost",
        f"{integrity.xruns} audio overruns",
        f"{len(integrity.problems)} problems",
    ]
    if integrity.erased:
        facts.append(f"{len(integrity.erased)} parts erased")
    figure.text(0.055, 0.91, ", ".join(facts), fontsize=12, color=_FAINT)


def _draw_eeg(axes: Axes, session: OpenedSession, axis: _TimeAxis) -> None:
    n_channels = len(session.labels)
    edges_s = axis.bins_s(min(_BINS, max(1, session.eeg_s.size // 2)))
    step_uv = _scale_uv(session.eeg_uv)
    highest = 0.0
    for n, label in enumerate(session.labels):
        values = session.eeg_uv[:, n]
        middle = float(np.nanmedian(values)) if np.isfinite(values).any() else 0.0
        low, high = envelope(session.eeg_s, (values - middle) / step_uv - n, edges_s)
        highest = max(highest, float(np.nanmax(high, initial=-n)))
        axes.plot(*axis.zigzag(low, high), color=EEG_COLOUR, linewidth=0.7, zorder=3)
        axes.text(
            *(-0.008, -n, label or f"{n + 1}"),
            transform=axes.get_yaxis_transform(),
            ha="right",
            va="center",
            fontsize=12,
            color=_INK,
        )
    axes.set_ylim(-n_channels + 0.35, min(max(0.5, highest) + 0.1, 2.2))
    axes.set_yticks([])
    _draw_scale(axes, n_channels, f"{step_uv} \N{MICRO SIGN}V")


def _draw_scale(axes: Axes, n_channels: int, text: str) -> None:
    """Draw a bar as high as one channel's step beside the lowest channels."""
    transform = axes.get_yaxis_transform()
    low = -n_channels + 0.6
    at = ([1.006, 1.006], [low, low + 1])
    axes.plot(*at, transform=transform, clip_on=False, color=_INK, linewidth=2)
    axes.text(1.012, low + 0.5, text, transform=transform, va="center", fontsize=11)


def _scale_uv(eeg_uv: NDArray[np.float64]) -> int:
    """Return the step between channels: a round figure, fit for the usual channel."""
    if not np.isfinite(eeg_uv).any():
        return _SCALES_UV[0]
    spread = np.nanpercentile(eeg_uv, 99, axis=0) - np.nanpercentile(eeg_uv, 1, axis=0)
    wanted = 1.6 * float(np.nanmedian(spread))
    return next((scale for scale in _SCALES_UV if scale >= wanted), _SCALES_UV[-1])


def _draw_sound(axes: Axes, session: OpenedSession, axis: _TimeAxis) -> None:
    axes.set_ylabel("sound, full scale = 1", fontsize=11, color=_INK)
    if session.audio_clock is None:
        axes.text(0.5, 0.5, "no sound was recorded", transform=axes.transAxes, ha="center")
        axes.set_yticks([])
        return
    edges_s = axis.bins_s(_BINS)
    low, high = _sound_envelope(session.audio_path, session.audio_clock, edges_s)
    axes.plot(*axis.zigzag(low, high), color=SOUND_COLOUR, linewidth=0.7, zorder=3)
    loudest = float(np.nanmax(np.fmax(high, -low), initial=0.05))
    axes.set_ylim(-1.1 * loudest, 1.1 * loudest)
    axes.tick_params(axis="y", labelsize=10, colors=_INK)


def _sound_envelope(
    path: Path, clock: AudioClock, edges_s: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the envelope of the first channel; memory does not grow with its length."""
    low, high = np.full((2, edges_s.size - 1), math.nan)
    first = 0
    for block in soundfile.blocks(path, blocksize=_BLOCK_FRAMES, always_2d=True):
        at_s = clock.seconds(np.arange(first, first + len(block)))
        block_low, block_high = envelope(at_s, block[:, 0], edges_s)
        low, high = np.fmin(low, block_low), np.fmax(high, block_high)
        first += len(block)
    return low, high


def _draw_marks(
    lane: Axes, below: tuple[Axes, ...], spans: tuple[MarkSpan, ...], axis: _TimeAxis
) -> None:
    lane.set_ylim(-_LABEL_ROWS + 0.4, 0.6)
    lane.set_yticks([])
    lane.text(
        *(-0.008, 0.5, "marks"),
        transform=lane.transAxes,
        ha="right",
        va="center",
        fontsize=12,
        color=_INK,
    )
    for span, row in zip(spans, label_rows(spans, axis.shown, axis.end), strict=True):
        start, end = axis.shown(span.start_s), axis.shown(span.end_s)
        off_record = span.text == "pause"
        for axes in (lane, *below):
            if off_record:
                axes.axvspan(start, end, color=_PAUSE, alpha=0.5, linewidth=0)
            elif not span.is_point:
                axes.axvspan(start, end, color=_MARK, alpha=0.10, linewidth=0)
            if not off_record:
                axes.axvline(start, color=_MARK, linewidth=0.9, alpha=0.7, zorder=2)
        colour = _INK if off_record else _MARK
        place = (start + 0.004 * axis.end, -row)
        lane.text(*place, span.text, fontsize=11, color=colour, va="center", clip_on=True)


def label_rows(
    spans: tuple[MarkSpan, ...], shown: Callable[[float], float], length: float
) -> list[int]:
    """Return the row of each mark's label: the first where it hits no other."""
    free_from = [0.0] * _LABEL_ROWS
    rows: list[int] = []
    for span in spans:
        start = shown(span.start_s)
        row = next(
            (n for n, free in enumerate(free_from) if free <= start),
            int(np.argmin(free_from)),
        )
        free_from[row] = start + (len(span.text) + 2) * _CHARACTER_SHARE * length
        rows.append(row)
    return rows


def _dress(axes: Axes, axis: _TimeAxis, *, is_last: bool) -> None:
    axes.set_xlim(0, axis.end)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=12, steps=[1, 2, 5, 10]))
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_color(_PAUSE)
    axes.grid(axis="x", color=_PAUSE, linewidth=0.5, alpha=0.6)
    axes.tick_params(axis="x", labelsize=11, colors=_INK, labelbottom=is_last, length=3)
    if is_last:
        axes.set_xlabel(f"{axis.unit} since the session's start", fontsize=12, color=_INK)
