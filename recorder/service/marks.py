"""The marks of a session: which may be made, which are running, which are undone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from recorder.clock import NS_PER_S
from recorder.errors import MarkError
from recorder.format.marks import MarkRecord
from recorder.protocol.lines import KEY_OLDEST_S
from recorder.protocol.state import LoggedMark

if TYPE_CHECKING:
    from recorder.format.codebook import Codebook, Mark
    from recorder.protocol import calls
    from recorder.store.writer import Written

UNDO_S = 10.0
_GRACE_S = 2.0  # for a key pressed in the last of them
_FUTURE_NS = 5_000_000  # clocks read one after the other by two programs
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class _Entry:
    record: MarkRecord
    part: int


class MarkLog:
    """Checks marks against the codebook and remembers them. Owned by one thread."""

    def __init__(self, codebook: Codebook) -> None:
        self._marks = {mark.id: mark for mark in codebook.mark}
        self._entries: list[_Entry] = []

    @property
    def running(self) -> tuple[str, ...]:
        """Ids of marks that are on, in the order in which they were begun."""
        on: dict[str, None] = {}
        for record in self._standing():
            if record.act == "on":
                on[record.id] = None
            elif record.act == "off":
                on.pop(record.id, None)
        return tuple(on)

    @property
    def newest(self) -> tuple[LoggedMark, ...]:
        """The newest marks, oldest of them first; undone ones say so."""
        undone = self._undone()
        shown = [e.record for e in self._entries if e.record.act != "undo"][-_SHOWN:]
        return tuple(
            LoggedMark(
                n=record.n,
                id=record.id,
                act=record.act,
                key_ns=record.stamp_ns,
                value=record.value,
                back_s=record.back_s,
                undone=record.n in undone,
            )
            for record in shown
        )

    def check(self, call: calls.Mark, *, now_ns: int, since_ns: int) -> MarkRecord:
        """Return what to write for ``call``, which arrived at ``now_ns``.

        Nothing was recorded before ``since_ns``. Raises MarkError.
        """
        _check_key(call.key_ns, now_ns=now_ns, since_ns=since_ns)
        if call.act == "undo":
            return self._check_undo(call)
        mark = self._marks.get(call.id)
        if mark is None or not mark.is_visible:
            known = [each.id for each in self._marks.values() if each.is_visible]
            raise MarkError(
                "the codebook has no such mark for a key",
                hint=f"it has {', '.join(known)}",
            )
        _check_act(call, mark)
        _check_value(call, mark)
        if call.act in ("on", "off") and (call.id in self.running) == (call.act == "on"):
            raise MarkError(f"{call.id} is {call.act} already")
        return _record(call)

    def add(self, written: Written) -> None:
        """Remember a mark that was written."""
        self._entries.append(_Entry(written.record, written.part))

    def drop_parts(self, parts: tuple[int, ...]) -> None:
        """Forget the marks in parts that were erased."""
        self._entries = [entry for entry in self._entries if entry.part not in parts]

    def _check_undo(self, call: calls.Mark) -> MarkRecord:
        undone = self._undone()
        found = next(
            (
                entry.record
                for entry in self._entries
                if entry.record.n == call.of and entry.record.act != "undo"
            ),
            None,
        )
        if found is None or found.source != "key" or found.n in undone:
            raise MarkError("there is no such mark to undo")
        if call.key_ns - found.stamp_ns > (UNDO_S + _GRACE_S) * NS_PER_S:
            raise MarkError(f"a mark can be undone for {UNDO_S:.0f} s")
        return MarkRecord(
            n=0, id=found.id, act="undo", stamp_ns=call.key_ns, of=found.n, source="key"
        )

    def _undone(self) -> set[int | None]:
        return {e.record.of for e in self._entries if e.record.act == "undo"}

    def _standing(self) -> list[MarkRecord]:
        undone = self._undone()
        return [e.record for e in self._entries if e.record.n not in undone]


def _check_key(key_ns: int, *, now_ns: int, since_ns: int) -> None:
    age_s = (now_ns - key_ns) / NS_PER_S
    if age_s > KEY_OLDEST_S:
        raise MarkError(
            f"the key was pressed {age_s:.1f} s ago; the limit is {KEY_OLDEST_S:.0f} s",
            hint="press it again, or mark it as a moment ago",
        )
    if key_ns > now_ns + _FUTURE_NS:
        raise MarkError(
            f"the key was pressed {-age_s:.3f} s in the future",
            hint="key times are host time: CLOCK_MONOTONIC_RAW",
        )
    if key_ns < since_ns:
        raise MarkError("nothing was recorded when the key was pressed")


def _check_act(call: calls.Mark, mark: Mark) -> None:
    allowed = {"point": ("point",), "on_off": ("on", "off"), "value": ("value",)}
    if call.act not in allowed[mark.kind]:
        raise MarkError(
            f"{mark.id} can't be {call.act}", hint=f"use {' or '.join(allowed[mark.kind])}"
        )


def _check_value(call: calls.Mark, mark: Mark) -> None:
    if call.value is None:
        if mark.kind == "value":
            raise MarkError(f"{mark.id} needs a value, {mark.low} to {mark.high}")
        return
    if mark.low is None or mark.high is None:
        raise MarkError(f"{mark.id} takes no value")
    if not mark.low <= call.value <= mark.high:
        raise MarkError(f"{mark.id}: {call.value}, allowed are {mark.low} to {mark.high}")


def _record(call: calls.Mark) -> MarkRecord:
    return MarkRecord(
        n=0,
        id=call.id,
        act=call.act,
        stamp_ns=call.key_ns,
        value=call.value,
        back_s=call.back_s,
        source="key",
    )
