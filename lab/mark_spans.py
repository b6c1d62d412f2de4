"""What happened from when to when: marks as a reader of the session wants them.

The log keeps every act as it was pressed. Here ``undo`` and ``back_s`` are applied, and
what goes on and off again becomes one stretch of time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from recorder.clock import NS_PER_S
from recorder.format.marks import plain_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from recorder.format.marks import MarkRecord

_ENDS: Final = {"off": "on", "resume": "pause", "back": "lost"}
_LASTING: Final = frozenset(_ENDS.values())


@dataclass(frozen=True, slots=True)
class MarkSpan:
    """One mark in host-clock seconds.

    A point has ``end_s == start_s``; what never ended has infinity. ``record`` is the act
    it began with, ``value`` the one given last.
    """

    start_s: float
    end_s: float
    text: str
    record: MarkRecord | None = field(default=None, compare=False)
    value: float | str | None = field(default=None, compare=False)

    @property
    def is_point(self) -> bool:
        """Whether it is one moment."""
        return self.end_s == self.start_s


def mark_spans(records: Iterable[MarkRecord]) -> tuple[MarkSpan, ...]:
    """Return the marks that still count, in the order of their beginnings."""
    kept = list(records)
    undone = {record.of for record in kept if record.act == "undo"}
    collected = _Spans()
    for record in kept:
        if record.act != "undo" and record.n not in undone:
            collected.take(record)
    return tuple(sorted(collected.spans, key=lambda span: span.start_s))


@dataclass(slots=True)
class _Spans:
    """What was collected so far; lives only inside `mark_spans`."""

    spans: list[MarkSpan] = field(default_factory=list)
    _running: dict[str, int] = field(default_factory=dict)
    _by_number: dict[int, int] = field(default_factory=dict)

    def take(self, record: MarkRecord) -> None:
        """Begin a span, end one, or give one its value."""
        at_s, name = _event_s(record), _name(record)
        if record.act in _ENDS:
            index = self._running.pop(name, None)
            if index is not None:
                self.spans[index] = replace(self.spans[index], end_s=at_s)
        elif record.act == "value" and record.of in self._by_number:
            index = self._by_number[record.of]
            self.spans[index] = replace(self.spans[index], value=record.value)
        else:
            lasts = record.act in _LASTING
            if lasts:
                self._running[name] = len(self.spans)
            self._by_number[record.n] = len(self.spans)
            end_s = math.inf if lasts else at_s
            self.spans.append(MarkSpan(at_s, end_s, name, record, record.value))


def _event_s(record: MarkRecord) -> float:
    # An erase's back_s says how much was erased, not when.
    back_s = 0.0 if record.act == "erase" else record.back_s
    return record.stamp_ns / NS_PER_S - back_s


def _name(record: MarkRecord) -> str:
    """Return one name for both ends of what lasts, and the plain text otherwise."""
    act = _ENDS.get(record.act, record.act)
    if act == "lost":
        return f"{record.id} lost"
    if act == "pause":
        return "pause"
    return record.id if act == "on" else plain_text(record)
