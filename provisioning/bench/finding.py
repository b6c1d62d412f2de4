"""What one check of the bench test found, in both languages."""

from __future__ import annotations

from typing import Literal

import msgspec

Grade = Literal["pass", "warn", "fail"]
Language = Literal["ru", "en"]


class Words(msgspec.Struct, frozen=True):
    """The same words in Russian and English."""

    ru: str
    en: str

    def in_(self, language: str) -> str:
        """Return the words in ``language``."""
        return self.ru if language == "ru" else self.en


NOTHING = Words("", "")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """``value`` is the number that decided, with ``unit`` and the ``limit`` for a pass."""

    id: str
    title: Words
    grade: Grade
    value: float | str | None = None
    unit: str = ""
    limit: str = ""
    todo: Words = NOTHING

    def line(self, language: str) -> str:
        """Return this finding for a terminal."""
        number = "" if self.value is None else f"{_shown(self.value)} {self.unit}".rstrip()
        limit = f" ({self.limit})" if self.limit else ""
        text = f"{self.grade:<5} {self.title.in_(language):<34} {number}{limit}".rstrip()
        if self.grade == "pass" or self.todo is NOTHING:
            return text
        return f"{text}\n      -> {self.todo.in_(language)}"


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
