"""The codebook: which marks a study uses, their keys, names and HED strings.

It is a TOML file that the lab may edit, with a version; an id is never used again for
another meaning. Marks without a key are made by the recorder itself.
"""

from __future__ import annotations

import re
from importlib import resources
from typing import Literal

import msgspec

from recorder.errors import FormatError

MAX_VISIBLE = 12
# F1, F2, F6, F7, F10 and F12 are the screen's own: help, language, quiet, a moment ago,
# erase and rehearsal.
_KEYS = (*"1234567890", "F3", "F4", "F5", "F8", "F9", "F11")
_ID = re.compile(r"[a-z][a-z0-9_]{0,31}")

Kind = Literal["point", "on_off", "value"]


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of mark.

    ``key`` is a digit or one of F3 to F5, F8, F9 and F11, empty for marks the recorder
    makes. ``low`` and ``high`` bound a value mark. ``restricted`` marks are in no open
    dataset. ``hed`` is the mark's HED annotation; ``#`` in it stands for the value.
    """

    id: str
    ru: str
    en: str
    kind: Kind
    hed: str
    key: str = ""
    low: int | None = None
    high: int | None = None
    restricted: bool = False

    @property
    def is_visible(self) -> bool:
        """Whether the therapist has a key for it."""
        return self.key != ""


class Codebook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A study's marks, in the order in which the screen shows them."""

    version: str
    hed_version: str
    mark: tuple[Mark, ...]

    @property
    def visible(self) -> tuple[Mark, ...]:
        """Marks the therapist has a key for."""
        return tuple(mark for mark in self.mark if mark.is_visible)

    def get(self, mark_id: str) -> Mark:
        """Return the mark called ``mark_id``, or raise FormatError."""
        for mark in self.mark:
            if mark.id == mark_id:
                return mark
        raise FormatError(
            f"codebook {self.version} has no mark {mark_id!r}",
            hint=f"it has {', '.join(mark.id for mark in self.mark)}",
        )


def parse_codebook(text: str, *, place: str = "codebook.toml") -> Codebook:
    """Return the codebook written in ``text``; ``place`` names it in errors.

    Raises FormatError with the place of what is wrong, such as ``mark[3].kind``.
    """
    try:
        codebook = msgspec.toml.decode(text, type=Codebook)
    except msgspec.MsgspecError as error:
        raise FormatError(f"{place}: {str(error).replace('$.', '')}") from error
    if not codebook.version.strip():
        raise FormatError(f"{place}: version is empty")
    for index, mark in enumerate(codebook.mark):
        fault = _fault(mark)
        if fault:
            raise FormatError(f"{place}: mark[{index}] ({mark.id!r}): {fault}")
    _check_together(codebook, place)
    return codebook


def default_codebook_text() -> str:
    """Return the codebook a new lab starts with, as TOML."""
    return resources.files("recorder.format").joinpath("codebook.toml").read_text("utf-8")


def _fault(mark: Mark) -> str:
    if not _ID.fullmatch(mark.id):
        return "an id has 1 to 32 small letters, digits or _, and begins with a letter"
    if mark.key and mark.key not in _KEYS:
        return f"key {mark.key!r}: allowed are the digits, F3 to F5, F8, F9 and F11"
    if not (mark.ru.strip() and mark.en.strip() and mark.hed.strip()):
        return "ru, en and hed must not be empty"
    return _fault_of_range(mark)


def _fault_of_range(mark: Mark) -> str:
    if mark.low is None and mark.high is None:
        return "a value mark needs low and high" if mark.kind == "value" else ""
    if mark.low is None or mark.high is None or mark.low >= mark.high:
        return f"low {mark.low} must be a number below high {mark.high}"
    return "a point mark has no low and high" if mark.kind == "point" else ""


def _check_together(codebook: Codebook, place: str) -> None:
    ids = [mark.id for mark in codebook.mark]
    keys = [mark.key for mark in codebook.visible]
    for what, values in (("id", ids), ("key", keys)):
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise FormatError(f"{place}: {what} {twice[0]!r} is used twice")
    if not 1 <= len(keys) <= MAX_VISIBLE:
        raise FormatError(
            f"{place}: {len(keys)} marks have a key; allowed are 1 to {MAX_VISIBLE}"
        )
