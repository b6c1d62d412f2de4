"""What the lab knows of its clients: ``LAB/participants.tsv``, which never leaves it.

A table of client codes, ages and a few groups; no names. Ages become bands of ten years
when they are read, so that nothing exact gets any further.
"""

from __future__ import annotations

import csv
import io
import os
from typing import TYPE_CHECKING, Final

import msgspec

from recorder.errors import ClientCodeError, FormatError
from recorder.files import read_private
from recorder.identifiers import parse_client_code

if TYPE_CHECKING:
    from lab.settings import Lab

_YOUNGEST, _OLDEST = 18, 120
_BAND: Final = 10
_OPEN_BAND: Final = 80  # from here on there is one band
_SEXES: Final = ("F", "M", "O")
_FREE: Final = ("handedness", "diagnosis_group", "medication", "education")
COLUMNS: Final = ("code", "age", "sex", *_FREE)
_LONGEST: Final = 40
EXAMPLE: Final = "\t".join(COLUMNS) + "\nK7QX3\t34\tF\tR\tanxiety\tno\thigher\n"


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """One client; None is not known. ``age_band`` is such as ``30-39`` or ``80+``."""

    age_band: str | None = None
    sex: str | None = None
    handedness: str | None = None
    diagnosis_group: str | None = None
    medication: str | None = None
    education: str | None = None

    @property
    def age(self) -> int | None:
        """The middle of the band, which is what BIDS has a column for."""
        if self.age_band is None:
            return None
        return int(self.age_band.rstrip("+").partition("-")[0]) + _BAND // 2


def read_people(lab: Lab) -> dict[str, Person]:
    """Return what the lab knows, by client code; nothing where it keeps no table.

    Raises FormatError with the line of what is wrong, KeyFileError where others may read
    the file.
    """
    path = lab.root / "participants.tsv"
    if not os.path.lexists(path):
        return {}
    try:
        text = read_private(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is not UTF-8", hint="save it as UTF-8 text") from error
    rows = csv.DictReader(io.StringIO(text), delimiter="\t")
    unknown = set(rows.fieldnames or ()).difference(COLUMNS)
    if "code" not in (rows.fieldnames or ()) or unknown:
        raise FormatError(
            f"{path} has the columns {', '.join(rows.fieldnames or ['none'])}",
            hint=f"allowed are {', '.join(COLUMNS)}; names never belong there",
        )
    people: dict[str, Person] = {}
    for row in rows:
        place = f"{path}, line {rows.line_num}"
        code = _code(row.get("code") or "", place)
        if code in people:
            raise FormatError(f"{place}: this client stands there twice")
        people[code] = _person(row, place)
    return people


def _code(text: str, place: str) -> str:
    try:
        return parse_client_code(text)
    except ClientCodeError as error:
        raise FormatError(f"{place}: {error.message}", hint=error.hint) from None


def _person(row: dict[str, str | None], place: str) -> Person:
    cells = {name: _cell(row.get(name)) for name in COLUMNS}
    for name in _FREE:
        value = cells[name]
        if value is not None and len(value) > _LONGEST:
            raise FormatError(f"{place}: {name} has more than {_LONGEST} characters")
    sex = cells["sex"]
    if sex is not None and sex not in _SEXES:
        raise FormatError(f"{place}: sex {sex[:8]!r}, allowed are {', '.join(_SEXES)}")
    free = {name: cells[name] for name in _FREE}
    return Person(age_band=_band(cells["age"], place), sex=sex, **free)


def _cell(text: str | None) -> str | None:
    stripped = (text or "").strip()
    return None if stripped in ("", "n/a") else stripped


def _band(text: str | None, place: str) -> str | None:
    if text is None:
        return None
    age = int(text) if text.isdecimal() else 0
    if not _YOUNGEST <= age <= _OLDEST:
        raise FormatError(f"{place}: age is not a number from {_YOUNGEST} to {_OLDEST}")
    if age >= _OPEN_BAND:
        return f"{_OPEN_BAND}+"
    start = max(age // _BAND * _BAND, _YOUNGEST) if age < 20 else age // _BAND * _BAND  # noqa: PLR2004 - the first band begins at 18
    return f"{start}-{age // _BAND * _BAND + _BAND - 1}"
