"""The events of one run, in EEG time: marks, what was not measured, and who spoke when."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from lab.dataset.event_words import RECORDERS_OWN, WORD_COLUMNS, value_columns
from lab.dataset.tables import tsv
from lab.dataset.turns import ONSET_UNCERTAINTY_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lab.dataset.tables import Cell
    from lab.dataset.time_base import TimeBase, Unmeasured
    from lab.dataset.turns import Turn
    from lab.mark_spans import MarkSpan
    from lab.opened_session import AudioClock, OpenedSession
    from lab.transcripts.exporting import SpokenRow
    from recorder.format.codebook import Mark
    from recorder.format.marks import Source

# How far a moment is from what it marks (SD): a person reacts, a watchdog waits.
_SOURCE_UNCERTAINTY_S: Final[Mapping[Source, float]] = {
    "key": 0.4,
    "later": 2.0,
    "machine": 0.5,
}
_COLUMNS: Final = ("onset", "duration", "trial_type", "onset_uncertainty", "source")
_SHORTEST_SOUND_GAP_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event in seconds of EEG time."""

    onset_s: float
    duration_s: float
    trial_type: str
    uncertainty_s: float
    source: str
    value: float | None = None
    speaker: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Events:
    """The rows of one run, and marks that were left out because nobody may tell them."""

    rows: tuple[EventRow, ...]
    unknown: tuple[str, ...]


def collect_events(
    session: OpenedSession,
    base: TimeBase,
    *,
    spans: Sequence[MarkSpan],
    marks: Mapping[str, Mark],
    known: frozenset[str],
    gaps: Sequence[Unmeasured],
    turns: Sequence[Turn],
    spoken: Sequence[SpokenRow] = (),
    clock_uncertainty_s: float,
) -> Events:
    """Return every event of a run in the order of onset.

    ``marks`` are those that may be published, ``known`` all ids of the codebook: a mark
    that the codebook does not know is left out and told.
    """
    rows = [_gap(gap, base) for gap in gaps]
    unknown: set[str] = set()
    for span in spans:
        record = span.record
        if record is None or record.act == "erase" or record.id in RECORDERS_OWN:
            continue
        if record.id in marks:
            rows.append(_mark(span, session, base, clock_uncertainty_s))
        elif record.id not in known and record.act != "lost":
            unknown.add(record.id)
    if session.audio_clock is not None:
        rows += _sound_gaps(session.audio_clock, base, gaps)
    rows += (_turn(turn, clock_uncertainty_s) for turn in turns)
    rows += (_said(row, clock_uncertainty_s) for row in spoken)
    rows = [row for row in rows if -1 <= row.onset_s <= base.duration_s + 1]
    rows.sort(key=lambda row: (row.onset_s, row.trial_type, row.duration_s))
    return Events(tuple(rows), tuple(sorted(unknown)))


def events_table(
    rows: Iterable[EventRow],
    base: TimeBase,
    marks: Mapping[str, Mark],
    *,
    words: bool = False,
) -> bytes:
    """Return ``events.tsv``; with ``words`` it has columns for who said what."""
    own = value_columns(marks)
    lines: list[list[Cell]] = []
    for row in rows:
        has_own = row.trial_type in own
        line: list[Cell] = [
            *(row.onset_s, row.duration_s, row.trial_type),
            *(row.uncertainty_s, row.source, None if has_own else row.value),
            round(row.onset_s * base.rate_hz),
        ]
        line += (row.value if row.trial_type == name else None for name in own)
        line += (row.speaker, row.text) if words else ()
        lines.append(line)
    said = WORD_COLUMNS if words else ()
    return tsv([*_COLUMNS, "intensity", "sample", *own, *said], lines)


def _mark(
    span: MarkSpan, session: OpenedSession, base: TimeBase, clock_s: float
) -> EventRow:
    if span.record is None:
        raise ValueError("a span without its record")
    onset_s = base.at(span.start_s)
    end_s = base.duration_s if math.isinf(span.end_s) else base.at(span.end_s)
    source = span.record.source
    stated_s = session.stated_uncertainty_s.get(span.record.n)
    own_s = _SOURCE_UNCERTAINTY_S[source] if stated_s is None else stated_s
    return EventRow(
        onset_s,
        max(0.0, end_s - onset_s),
        span.record.id,
        math.hypot(own_s, clock_s),
        source,
        float(span.value) if isinstance(span.value, int | float) else None,
    )


def _gap(gap: Unmeasured, base: TimeBase) -> EventRow:
    return EventRow(
        gap.start / base.rate_hz,
        (gap.end - gap.start) / base.rate_hz,
        f"bad_{gap.why}",
        0.5 / base.rate_hz,
        "machine",
    )


def _turn(turn: Turn, clock_s: float) -> EventRow:
    uncertainty_s = math.hypot(ONSET_UNCERTAINTY_S, clock_s)
    length_s = turn.end_s - turn.start_s
    kind = f"speech_{turn.speaker}"
    return EventRow(turn.start_s, length_s, kind, uncertainty_s, "lab")


def _said(row: SpokenRow, clock_s: float) -> EventRow:
    return EventRow(
        row.onset_s,
        max(0.0, row.end_s - row.onset_s),
        "said",
        math.hypot(ONSET_UNCERTAINTY_S, clock_s),
        "lab",
        speaker=row.speaker,
        text=row.text,
    )


def _sound_gaps(
    clock: AudioClock, base: TimeBase, gaps: Sequence[Unmeasured]
) -> Iterable[EventRow]:
    """Yield where sound is missing within measured EEG."""
    jumps = np.flatnonzero(
        (np.diff(clock.frames) <= 1) & (np.diff(clock.host_s) > _SHORTEST_SOUND_GAP_S)
    )
    silent = [gap for gap in gaps if gap.why in ("paused", "erased")]
    for at in jumps.tolist():
        start_s, end_s = base.eeg_s(clock.host_s[at : at + 2]).tolist()
        inside = any(
            start_s < gap.end / base.rate_hz and end_s > gap.start / base.rate_hz
            for gap in silent
        )
        if not inside:
            yield EventRow(start_s, end_s - start_s, "sound_lost", 0.01, "machine")
