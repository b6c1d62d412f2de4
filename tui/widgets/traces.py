"""Live waves: the last seconds of every channel, one below the other."""

from __future__ import annotations

import math
from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widget import Widget

from tui.widgets.canvas import COLUMNS, ROWS, Canvas
from tui.widgets.glyphs import LOOKS, glyphs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from recorder.protocol.state import Electrode, Trace

_SECONDS = 4.0
_RANGE_UV = 30.0  # from the middle of a channel's place to its edge
_LABEL_CELLS = 5


class Traces(Widget):
    """Waves as they come in, the newest at the right; two columns for many channels."""

    DEFAULT_CSS = "Traces { width: 1fr; height: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows: list[deque[float]] = []
        self._electrodes: tuple[Electrode, ...] = ()

    def show(self, trace: Trace | None, electrodes: Sequence[Electrode]) -> None:
        """Add new samples."""
        if trace is None or trace.rate_hz <= 0 or not trace.rows_uv:
            return
        kept = max(2, round(_SECONDS * trace.rate_hz))
        if len(self._rows) != len(trace.rows_uv) or self._rows[0].maxlen != kept:
            self._rows = [deque(maxlen=kept) for _ in trace.rows_uv]
        for row, new in zip(self._rows, trace.rows_uv, strict=True):
            row.extend(new)
        self._electrodes = tuple(electrodes)
        self.refresh()

    def render(self) -> Content:
        """Return the picture."""
        width, height = self.content_size
        if not self._rows or height < 1:
            return Content("")
        n_columns = math.ceil(len(self._rows) / height)
        per_column = math.ceil(len(self._rows) / n_columns)
        columns = [
            self._column(first, first + per_column, width // n_columns, height)
            for first in range(0, len(self._rows), per_column)
        ]
        lines = [Content.assemble(*row) for row in zip(*columns, strict=True)]
        return Content("\n").join(lines)

    def _column(self, first: int, last: int, width: int, height: int) -> list[Content]:
        """Return ``height`` lines with the channels from ``first`` to below ``last``."""
        rows = self._rows[first:last]
        canvas = Canvas(max(1, width - _LABEL_CELLS), height, braille=glyphs().braille)
        place = height * ROWS / len(rows)
        for index, row in enumerate(rows):
            draw_wave(canvas, row, middle=(index + 0.5) * place, reach=place / 2)
        labelled = {int((index + 0.5) * place / ROWS): index for index in range(len(rows))}
        lines = []
        for y, wave in enumerate(canvas.rows()):
            label, _ = self._label(first + labelled[y]) if y in labelled else ("", "")
            nearest = min(len(rows) - 1, int((y + 0.5) * ROWS / place))
            _, look = self._label(first + nearest)
            cell = f"{label:<{_LABEL_CELLS}}"[:_LABEL_CELLS]
            lines.append(Content.assemble((cell, look), (wave, look)))
        return lines

    def _label(self, index: int) -> tuple[str, str]:
        if index >= len(self._electrodes):
            return "", "$hint"
        electrode = self._electrodes[index]
        return electrode.label, LOOKS[electrode.verdict]


def draw_wave(
    canvas: Canvas, samples_uv: Sequence[float], *, middle: float, reach: float
) -> None:
    """Draw ``samples_uv`` over the canvas' width, ``reach`` dots around ``middle``."""
    if len(samples_uv) < 2:  # noqa: PLR2004 - a line has two ends
        return
    per_sample = (canvas.width * COLUMNS - 1) / (len(samples_uv) - 1)
    points = [
        (n * per_sample, middle - 0.5 - reach * max(-1.0, min(1.0, value / _RANGE_UV)))
        if math.isfinite(value)
        else None
        for n, value in enumerate(samples_uv)
    ]
    for begin, end in pairwise(points):
        if begin is not None and end is not None:  # a lost sample leaves a hole
            canvas.line(*begin, *end)
