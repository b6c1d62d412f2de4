"""Words of a text with their places, and whether the text tells names by capitals."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
_SENTENCE_END: Final = ".!?…"


@dataclass(frozen=True, slots=True)
class Token:
    """One word: its place, and whether a sentence begins with it."""

    start: int
    end: int
    text: str
    begins: bool

    @property
    def low(self) -> str:
        """The word in lower case, with one kind of apostrophe."""
        return self.text.lower().replace("’", "'")

    @property
    def is_capital(self) -> bool:
        """Whether it begins with a capital letter."""
        return self.text[:1].isupper()


def tokens_of(text: str) -> tuple[Token, ...]:
    """Return the words of ``text`` in order."""
    found: list[Token] = []
    before = 0
    for match in _WORD.finditer(text):
        between = text[before : match.start()]
        begins = not found or any(c in _SENTENCE_END for c in between)
        begins = begins or any(c in '«"“—–:' for c in between)
        found.append(Token(match.start(), match.end(), match[0], begins))
        before = match.end()
    return tuple(found)


def is_cased(texts: list[str]) -> bool:
    """Tell whether these texts begin sentences with capitals, so that a small one means."""
    first = [t for text in texts for t in tokens_of(text)[:1] if t.text[0].isalpha()]
    return sum(token.is_capital for token in first) > len(first) / 2
