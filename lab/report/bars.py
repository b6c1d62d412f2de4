"""Time bars: what was when, as coloured stretches on one axis from 0 to 1000."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from lab.contact import stretches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lab.dataset.time_base import TimeBase
    from lab.report.measure import Measured

WIDTH: Final = 1000.0
_LEAST: Final = 1.2  # what is shorter is still drawn so wide
_LEAST_GAP_S: Final = 0.25  # single samples are counted, not drawn
_SCORES: Final = ("dead", "bad", "warn", "good")


@dataclass(frozen=True, slots=True)
class Bar:
    """One stretch; ``kind`` is its class in the style sheet."""

    x: float
    width: float
    kind: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of bars; ``text`` names it, or is a key of the pages' words."""

    text: str
    is_key: bool
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the time axis."""

    x: float
    text: str


def rows_of(measured: Measured) -> tuple[Row, ...]:
    """Return the lines of a session's time bars, top to bottom."""
    axis = _Axis(measured.base)
    rows = [
        Row("bars_missing", is_key=True, bars=tuple(_gap_bars(measured, axis))),
        *_contact_rows(measured, axis),
    ]
    for speaker in ("client", "therapist", "someone"):
        turns = [turn for turn in measured.heard.turns if turn.speaker == speaker]
        if turns:
            bars = tuple(axis.bar(t.start_s, t.end_s, f"speech {speaker}") for t in turns)
            rows.append(Row(f"bars_{speaker}", is_key=True, bars=joined(bars)))
    marks = tuple(_mark_bars(measured, axis))
    for name in sorted({bar.title for bar in marks}):
        mine = tuple(bar for bar in marks if bar.title == name)
        rows.append(Row(name, is_key=False, bars=mine))
    return tuple(rows)


def ticks(measured: Measured) -> tuple[Tick, ...]:
    """Return the time axis in minutes."""
    minutes = measured.base.duration_s / 60
    step = next((s for s in (0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30) if minutes / s <= 12), 60)  # noqa: PLR2004 - as many have room
    n = int(minutes / step)
    return tuple(Tick(k * step / minutes * WIDTH, f"{k * step:g}") for k in range(n + 1))


def joined(bars: Iterable[Bar]) -> tuple[Bar, ...]:
    """Join neighbours of one kind that nobody could tell apart."""
    found: list[Bar] = []
    for _, group in groupby(sorted(bars, key=lambda bar: (bar.kind, bar.x)), _kind):
        for bar in group:
            last = found[-1] if found else None
            if last and last.kind == bar.kind and bar.x <= last.x + last.width + _LEAST / 2:
                width = max(last.width, bar.x + bar.width - last.x)
                found[-1] = Bar(last.x, width, last.kind, last.title)
            else:
                found.append(bar)
    return tuple(found)


def _kind(bar: Bar) -> str:
    return bar.kind


class _Axis:
    def __init__(self, base: TimeBase) -> None:
        self._base = base

    def bar(self, start_s: float, end_s: float, kind: str, title: str = "") -> Bar:
        """Return the bar from one moment of EEG time to another."""
        length_s = self._base.duration_s
        low, high = (min(max(edge_s / length_s, 0.0), 1.0) for edge_s in (start_s, end_s))
        return Bar(
            round(low * WIDTH, 2), round(max((high - low) * WIDTH, _LEAST), 2), kind, title
        )

    def host_bar(self, start_s: float, end_s: float, kind: str, title: str = "") -> Bar:
        """Return the bar from one moment of the host clock to another."""
        end = self._base.duration_s if math.isinf(end_s) else self._base.at(end_s)
        return self.bar(self._base.at(start_s), end, kind, title)


def _gap_bars(measured: Measured, axis: _Axis) -> tuple[Bar, ...]:
    rate_hz = measured.base.rate_hz
    return joined(
        axis.bar(gap.start / rate_hz, gap.end / rate_hz, f"gap {gap.why}")
        for gap in measured.gaps
        if gap.why != "padding" and gap.end - gap.start >= _LEAST_GAP_S * rate_hz
    )


def _contact_rows(measured: Measured, axis: _Axis) -> Iterator[Row]:
    session = measured.session
    end_s = float(session.eeg_s[-1])
    for n, label in enumerate(session.labels):
        found = stretches(session.device, n, end_s=end_s)
        bars = tuple(
            axis.host_bar(s.start_s, s.end_s, f"contact {_SCORES[s.score]}") for s in found
        )
        yield Row(label or str(n + 1), is_key=False, bars=bars)


def _mark_bars(measured: Measured, axis: _Axis) -> Iterator[Bar]:
    for span in measured.spans:
        record = span.record
        if record is None or record.act in ("pause", "erase", "lost"):
            continue
        kind = "mark later" if record.source == "later" else "mark"
        yield axis.host_bar(span.start_s, span.end_s, kind, record.id)
