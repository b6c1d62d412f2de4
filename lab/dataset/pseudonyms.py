"""Names in the dataset: given once, at random, and kept in the catalogue.

A subject's label tells nothing about the client's code, and all dates of one subject are
moved by the same whole number of weeks to before 1925. The list that ties them together
never leaves the lab; a withdrawal deletes a client's line of it.
"""

from __future__ import annotations

import secrets
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from lab.study_tables import NumberRow, SubjectRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lab.study_tables import FactsRow, StudyTables

_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_LABEL_LENGTH: Final = 5
_ALIAS_LENGTH: Final = 3
# BIDS: shifted dates are recommended to lie before 1925. First sessions come to lie here.
_FIRST_DAY: Final = date(1910, 1, 3)
_WEEKS: Final = 500


class Pseudonyms:
    """Gives out and looks up names; the caller holds the catalogue's transaction."""

    def __init__(
        self,
        tables: StudyTables,
        *,
        choose: Callable[[str], str] = secrets.choice,
        below: Callable[[int], int] = secrets.randbelow,
    ) -> None:
        self._tables = tables
        self._choose = choose
        self._below = below

    def subject(self, client: str, first_session: datetime) -> SubjectRow:
        """Return a client's name in the dataset, given now if there is none yet."""
        subjects = self._tables.subjects()
        if client in subjects:
            return subjects[client]
        taken = {row.label for row in subjects.values()}
        target = _FIRST_DAY + timedelta(weeks=self._below(_WEEKS))
        weeks = (target - first_session.date()).days // 7
        row = SubjectRow(client, self._new(taken, _LABEL_LENGTH), weeks * 7)
        self._tables.put_subject(row)
        return row

    def alias(self, kind: str, name: str) -> str:
        """Return what stands for a box's or headset's name."""
        known = self._tables.aliases()
        if (kind, name) not in known:
            taken = {alias.partition("-")[2] for alias in known.values()}
            alias = f"{kind}-{self._new(taken, _ALIAS_LENGTH)}"
            self._tables.put_alias(kind, name, alias)
            return alias
        return known[kind, name]

    def number(self, client: str, rows: Sequence[FactsRow]) -> dict[str, NumberRow]:
        """Return session and run of each of a client's recordings, given in their order.

        What continues a recording that was cut off is its next run. Numbers stay as they
        were given: a recording that comes late gets the next one.
        """
        known = self._tables.numbers()
        mine = {row.session: known[row.session] for row in rows if row.session in known}
        for row in _parents_first(rows):
            if row.session not in mine:
                number = self._next(client, row, mine)
                self._tables.put_number(number)
                mine[row.session] = number
        return mine

    def _next(self, client: str, row: FactsRow, mine: dict[str, NumberRow]) -> NumberRow:
        before = mine.get(row.facts.continues)
        if before is not None:
            runs = [n.run for n in mine.values() if n.number == before.number]
            return NumberRow(row.session, client, before.number, max(runs) + 1)
        last = max((n.number for n in mine.values()), default=0)
        return NumberRow(row.session, client, last + 1, 1)

    def _new(self, taken: Iterable[str], length: int) -> str:
        known = set(taken)
        while True:
            label = "".join(self._choose(_ALPHABET) for _ in range(length))
            if label not in known:
                return label


def _parents_first(rows: Sequence[FactsRow]) -> list[FactsRow]:
    """Return ``rows`` in their order, but each behind the one it continues."""
    waiting = list(rows)
    ordered: list[FactsRow] = []
    while waiting:
        missing = {row.session for row in waiting}
        ready = [row for row in waiting if row.facts.continues not in missing]
        # Sheets that name each other in a circle are in no order: take the first.
        chosen = ready[0] if ready else waiting[0]
        waiting.remove(chosen)
        ordered.append(chosen)
    return ordered


def shifted(moment: datetime, shift_days: int) -> str:
    """Return a moment moved by ``shift_days``, to the hour, as BIDS writes times."""
    moved = moment + timedelta(days=shift_days)
    return moved.strftime("%Y-%m-%dT%H:00:00")
