"""One thing that was looked at, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from recorder.errors import FieldrecError

Grade = Literal["pass", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """``what`` was looked at; ``hint`` says what to do where it did not pass."""

    what: str
    grade: Grade
    text: str
    hint: str = ""


def failed(what: str, error: FieldrecError) -> Check:
    """Return the check that ``error`` ended."""
    return Check(what, "fail", error.message, error.hint)


def warned(what: str, error: FieldrecError) -> Check:
    """Return the check that ``error`` spoiled without doing harm to recordings."""
    return Check(what, "warn", error.message, error.hint)
