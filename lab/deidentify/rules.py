"""What has a form of its own in both languages: mail, links, phones, numbers, dates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lab.deidentify.kinds import Found

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.deidentify.kinds import Kind

_D = r"(?:0?[1-9]|[12]\d|3[01])"
_M = r"(?:0?[1-9]|1[0-2])"
# Letters that Russian number plates have.
_PLATE = "АВЕКМНОРСТУХавекмнорстух"
_ENDINGS = "ru|com|org|net|me|io|su|рф|uk|info"
_RULES: Final[tuple[tuple[Kind, float, str], ...]] = (
    ("mail", 0.99, r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    ("link", 0.99, r"(?:https?://|www\.)\S+[\w/]"),
    (
        "link",
        0.99,
        (
            rf"\b[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*\.(?:{_ENDINGS})"
            r"(?:/[\w./?=&%-]*[\w/])?(?![\w@])"
        ),
    ),
    ("link", 0.99, r"(?<![\w@])@[a-z0-9_.]{2,}\w"),
    # A nickname: letters with a dot, a digit or an underscore between them.
    ("link", 0.8, r"\b(?=\w*[a-z])[a-z][\w.]*[_\d][\w.]*\b"),
    ("phone", 0.97, r"\+\d[\d\s().-]{7,18}\d"),
    (
        "phone",
        0.95,
        (
            r"(?<![\d.])\(?\b[078]?[\s(-]*\d{3,5}\)?"
            r"[\s-]\d{2,3}[\s-]?\d{2,3}(?:[\s-]\d{2})?\b"
        ),
    ),
    ("phone", 0.95, r"\b0\d{4}[\s-]?\d{6}\b"),
    ("id", 0.97, r"\b\d{4}(?:[\s-]\d{4}){2,4}\b|\b\d{4}[\s-]\d{6}\b|\b\d{10,20}\b"),
    ("id", 0.95, r"\b[A-Z]{2}(?:\s?\d{2}){3}\s?[A-Z]\b"),
    ("id", 0.95, rf"\b[{_PLATE}]\s?\d{{3}}\s?[{_PLATE}]{{2}}\s?\d{{2,3}}\b"),
    ("id", 0.9, r"(?:№\s*)?\b(?:[A-ZА-Я]{1,4}-?)?\d{1,8}(?:[-/]\w{1,8})+\b|№\s*\d+"),
    ("id", 0.9, r"\b[A-ZА-Я]{2,4}-\d{3,}\b"),
    ("date", 0.98, rf"\b{_D}[./-]{_M}[./-](?:19|20)?\d\d\b|\b(?:19|20)\d\d-{_M}-{_D}\b"),
    ("date", 0.9, r"\b(?:19[2-9]\d|20[0-4]\d)(?:\s?(?:год\w*|г\.))?(?![\d/-])"),
    ("number", 0.6, r"\b\d{3,}\b"),
)
_COMPILED: Final = tuple(
    (kind, confidence, re.compile(pattern, re.IGNORECASE))
    for kind, confidence, pattern in _RULES
)


def find_by_form(text: str) -> Iterator[Found]:
    """Yield what the rules match, best rule first where several do."""
    for kind, confidence, pattern in _COMPILED:
        for match in pattern.finditer(text):
            start, end = match.span()
            if end > start:
                key = "".join(c for c in match[0].lower() if c.isalnum() or c in "@./_")
                yield Found(start, end, kind, key, "rule", confidence)
