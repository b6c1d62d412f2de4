"""The kinds of identifying information, and what stands in a text in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal[
    "name", "city", "place", "org", "date", "phone", "mail", "link", "id", "age", "number",
    "other",
]  # fmt: skip
Source = Literal["rule", "finder", "dictionary", "context", "protected", "person"]

KINDS: Final[tuple[Kind, ...]] = (
    "name", "city", "place", "org", "date", "phone", "mail", "link", "id", "age", "number",
    "other",
)  # fmt: skip
# Who and where are told apart by number; a second date or phone says nothing by itself.
NUMBERED: Final[frozenset[Kind]] = frozenset({"name", "city", "place", "org", "other"})
_WORDS: Final[Mapping[str, Mapping[Kind, str]]] = {
    "ru": {
        "name": "ИМЯ", "city": "ГОРОД", "place": "МЕСТО", "org": "ОРГ", "date": "ДАТА",
        "phone": "ТЕЛЕФОН", "mail": "ПОЧТА", "link": "ССЫЛКА", "id": "НОМЕР",
        "age": "ВОЗРАСТ", "number": "ЧИСЛО", "other": "СКРЫТО",
    },
    "en": {
        "name": "NAME", "city": "CITY", "place": "PLACE", "org": "ORG", "date": "DATE",
        "phone": "PHONE", "mail": "MAIL", "link": "LINK", "id": "ID", "age": "AGE",
        "number": "NUMBER", "other": "HIDDEN",
    },
}  # fmt: skip


class Found(msgspec.Struct, frozen=True):
    """Characters ``start`` up to ``end`` of a text that may identify somebody.

    ``key`` is what makes two of them the same: lemmas, in lower case. ``source`` says what
    found it, ``confidence`` how sure that is, from 0 to 1.
    """

    start: int
    end: int
    kind: Kind
    key: str
    source: Source
    confidence: float


def placeholder(kind: Kind, number: int, language: str) -> str:
    """Return what stands in the text: ``[ИМЯ_1]``, ``[DATE]``."""
    word = _WORDS[language][kind]
    return f"[{word}_{number}]" if kind in NUMBERED else f"[{word}]"
