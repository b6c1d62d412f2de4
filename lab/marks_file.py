"""Read a file of marks as a therapist sends it: TSV or CSV, as a spreadsheet saves it.

Columns: ``time`` (since the session's start: seconds, ``mm:ss`` or ``h:mm:ss``) or
``wall_time`` (``2026-11-23 14:05:10``, or ``14:05`` of the session's day); ``id`` of the
codebook; and, where wanted, ``end``, ``value`` and ``uncertainty`` (seconds).
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from lab.later_marks import DeliveredMark
from recorder.clock import NS_PER_S
from recorder.errors import FormatError

if TYPE_CHECKING:
    from datetime import tzinfo

    from recorder.format.codebook import Codebook, Mark
    from recorder.format.marks import Act

COLUMNS: Final = ("time", "wall_time", "id", "end", "value", "uncertainty")
_UNCERTAINTY_S: Final = 2.0  # of a moment that somebody remembers to the second
_MOST_ROWS: Final = 10_000
_CLOCK: Final = re.compile(r"(?:(\d{1,2}):)?(\d{1,3}):(\d{2}(?:[.,]\d+)?)")
_OF_DAY: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


@dataclass(frozen=True, slots=True)
class Frame:
    """The session that marks belong to; ``zone`` is that of wall times without one.

    None stands for this computer's, with summer time as it was on the session's day.
    """

    started: datetime
    length_s: float
    zone: tzinfo | None
    codebook: Codebook


def parse_marks(content: bytes, frame: Frame) -> tuple[DeliveredMark, ...]:
    """Return the marks in ``content``; FormatError with the line of what is wrong.

    Nothing is guessed: a mark outside the session or unknown to its codebook is refused,
    and with it the whole file.
    """
    text = _text(content)
    head = text.partition("\n")[0]
    delimiter = max("\t;,", key=head.count)
    rows = csv.DictReader(io.StringIO(text), delimiter=delimiter)
    names = [name.strip().lower() for name in rows.fieldnames or ()]
    rows.fieldnames = names
    unknown = [name for name in names if name not in COLUMNS]
    if unknown or "id" not in names or not {"time", "wall_time"} & set(names):
        raise FormatError(
            f"the file has the columns {', '.join(names) or 'none'}",
            hint=f"it needs id and time or wall_time; allowed are {', '.join(COLUMNS)}",
        )
    marks: list[DeliveredMark] = []
    for row in rows:
        cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
        if any(cells.values()):
            marks += _Line(cells, f"line {rows.line_num}", frame).marks()
        if len(marks) > _MOST_ROWS:
            raise FormatError(f"the file has more than {_MOST_ROWS} marks")
    if not marks:
        raise FormatError("the file holds no mark")
    return tuple(marks)


def _text(content: bytes) -> str:
    """Return the file's text: UTF-8, or what a Russian spreadsheet saves CSV as."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1251", "replace")


@dataclass(frozen=True, slots=True)
class _Line:
    """One row of the file."""

    cells: dict[str, str]
    place: str
    frame: Frame

    def marks(self) -> list[DeliveredMark]:
        """Return the row's mark, or its beginning and its end."""
        mark = self._known(self.cells["id"])
        uncertainty_s = self._number("uncertainty", _UNCERTAINTY_S)
        if uncertainty_s <= 0:
            raise FormatError(f"{self.place}: uncertainty must be above 0 seconds")
        value = self._value(mark)
        begin = "time" if self.cells["time"] else "wall_time"
        acts: list[tuple[str, Act]] = [(self.cells[begin], "point")]
        if mark.kind == "value":
            acts = [(self.cells[begin], "value")]
        elif self.cells["end"]:
            if mark.kind != "on_off":
                raise FormatError(f"{self.place}: {mark.id} is a moment and has no end")
            acts = [(self.cells[begin], "on"), (self.cells["end"], "off")]
        made = [
            self._delivered(text, act, begin, value, uncertainty_s) for text, act in acts
        ]
        if self._since_start_s(made[-1]) < self._since_start_s(made[0]):
            raise FormatError(f"{self.place}: it ends before it begins")
        return made

    def _known(self, mark_id: str) -> Mark:
        try:
            return self.frame.codebook.get(mark_id)
        except FormatError as error:
            raise FormatError(f"{self.place}: {error.message}", hint=error.hint) from None

    def _delivered(
        self, text: str, act: Act, column: str, value: float | None, uncertainty_s: float
    ) -> DeliveredMark:
        since_s, wall_ns = None, None
        if column == "time":
            since_s = self._since(text)
        else:
            wall_ns = round(self._wall(text).timestamp() * NS_PER_S)
        mark = DeliveredMark(
            id=self.cells["id"],
            act=act,
            since_start_s=since_s,
            wall_ns=wall_ns,
            value=value if act != "off" else None,
            uncertainty_s=uncertainty_s,
        )
        at_s = self._since_start_s(mark)
        if not 0 <= at_s <= self.frame.length_s:
            raise FormatError(
                f"{self.place}: {text} is {at_s:.0f} s after the session's start, which"
                f" lasted {self.frame.length_s:.0f} s"
            )
        return mark

    def _since_start_s(self, mark: DeliveredMark) -> float:
        if mark.since_start_s is not None:
            return mark.since_start_s
        return (mark.wall_ns or 0) / NS_PER_S - self.frame.started.timestamp()

    def _since(self, text: str) -> float:
        match = _CLOCK.fullmatch(text)
        if match:
            hours, minutes, seconds = match.groups()
            return int(hours or 0) * 3600 + int(minutes) * 60 + _float(seconds)
        try:
            return _float(text)
        except ValueError:
            raise FormatError(
                f"{self.place}: {text[:20]!r} is no time since the session's start",
                hint="write seconds, mm:ss or h:mm:ss",
            ) from None

    def _wall(self, text: str) -> datetime:
        match = _OF_DAY.fullmatch(text)
        day = self.frame.started.astimezone(self.frame.zone)
        if match:
            hour, minute, second = (int(part or 0) for part in match.groups())
            try:
                moment = day.replace(hour=hour, minute=minute, second=second, microsecond=0)
            except ValueError:
                raise self._no_wall(text) from None
            # A session may run over midnight.
            return moment if moment >= day - timedelta(hours=12) else moment + timedelta(1)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise self._no_wall(text) from None
        if moment.tzinfo or self.frame.zone:
            return moment if moment.tzinfo else moment.replace(tzinfo=self.frame.zone)
        return moment.astimezone()

    def _no_wall(self, text: str) -> FormatError:
        return FormatError(
            f"{self.place}: {text[:30]!r} is no wall time",
            hint="write 2026-11-23 14:05:10, or 14:05 of the session's day",
        )

    def _value(self, mark: Mark) -> float | None:
        if not self.cells["value"]:
            if mark.kind == "value":
                raise FormatError(f"{self.place}: {mark.id} needs a value")
            return None
        if mark.low is None or mark.high is None:
            raise FormatError(f"{self.place}: {mark.id} takes no value")
        value = self._number("value", 0)
        if not mark.low <= value <= mark.high:
            raise FormatError(
                f"{self.place}: {mark.id} is {value:g}, allowed are {mark.low} to"
                f" {mark.high}"
            )
        return value

    def _number(self, name: str, default: float) -> float:
        text = self.cells[name]
        if not text:
            return default
        try:
            return _float(text)
        except ValueError:
            raise FormatError(f"{self.place}: {name} {text[:20]!r} is no number") from None


def _float(text: str) -> float:
    """Read a number with a point or, as Russian spreadsheets write it, a comma."""
    number = float(text.replace(",", "."))
    if not abs(number) < float("inf"):
        raise ValueError(text)
    return number
