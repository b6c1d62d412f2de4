"""The leak test: what is left in a text after the review that might still tell who it is.

Each leak is taken out or signed away by a person, one by one.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from lab.deidentify.protected import find_protected, lemmatiser
from lab.deidentify.tokens import tokens_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from lab.deidentify.protected import ProtectedWord
    from lab.deidentify.tokens import Token

LeakCode = Literal["protected", "mail", "phone", "digits", "capital", "rare"]
_MAIL = re.compile(r"\S*@\S+|\b[\w-]+\.(?:ru|com|org|net|рф|uk)\b", re.IGNORECASE)
_PHONE = re.compile(r"\+?\d[\d\s()-]{5,}\d")
_DIGITS = re.compile(r"\d+")
_SHORTEST_RARE: Final = 4
_RARE_COUNT: Final = {"ru": 100, "en": 20}


class Leak(msgspec.Struct, frozen=True):
    """What was found; ``id`` names it for whoever signs it away.

    A rare word is one leak however often it stands there; its place is the first.
    """

    id: str
    code: LeakCode
    turn: int
    start: int
    end: int
    text: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class LeakTest:
    """What a text is judged by; ``elsewhere`` are lemmas that other clients use too."""

    language: str
    protected: Sequence[ProtectedWord]
    elsewhere: AbstractSet[str]

    def run(self, texts: Sequence[str]) -> tuple[Leak, ...]:
        """Return what is left in texts in which blanks stand for what is taken out."""
        tokens = [tokens_of(text) for text in texts]
        found = [*self.protected_in(texts), *_forms(texts), *self._capitals(tokens)]
        taken = {(leak.turn, leak.start) for leak in found}
        return (*found, *(r for r in self._rare(tokens) if (r.turn, r.start) not in taken))

    def protected_in(self, texts: Sequence[str]) -> Iterator[Leak]:
        """Yield the protected words that are left."""
        for turn, hits in enumerate(find_protected(texts, self.language, self.protected)):
            for hit in hits:
                yield _leak("protected", turn, hit.start, hit.end, texts[turn])

    def _capitals(self, tokens: Sequence[Sequence[Token]]) -> Iterator[Leak]:
        harmless = _harmless(self.language)
        for turn, some in enumerate(tokens):
            for token in some:
                if token.is_capital and not token.begins and token.low not in harmless:
                    yield Leak(
                        f"capital:{turn}:{token.start}:{token.low}",
                        "capital", turn, token.start, token.end, token.text,
                    )  # fmt: skip

    def _rare(self, tokens: Sequence[Sequence[Token]]) -> Iterator[Leak]:
        lemmas_of, is_common = lemmatiser(self.language), _common(self.language)
        first: dict[str, tuple[int, Token]] = {}
        times: dict[str, int] = {}
        for turn, some in enumerate(tokens):
            for token in some:
                if len(token.text) < _SHORTEST_RARE or not token.text[0].isalpha():
                    continue
                lemmas = lemmas_of(token.low)
                if lemmas & self.elsewhere or any(is_common(lemma) for lemma in lemmas):
                    continue
                key = min(lemmas)
                first.setdefault(key, (turn, token))
                times[key] = times.get(key, 0) + 1
        for key, (turn, token) in first.items():
            leak = Leak(f"rare:{key}", "rare", turn, token.start, token.end, token.text)
            yield msgspec.structs.replace(leak, times=times[key])


def words_of(texts: Sequence[str], language: str) -> frozenset[str]:
    """Return all lemmas of a transcript, which make another client's words less rare."""
    lemmas_of = lemmatiser(language)
    return frozenset(
        lemma
        for text in texts
        for token in tokens_of(text)
        if len(token.text) >= _SHORTEST_RARE
        for lemma in lemmas_of(token.low)
    )


def _forms(texts: Sequence[str]) -> Iterator[Leak]:
    """Yield mail addresses, phones and all other digits, each place once."""
    rules: tuple[tuple[LeakCode, re.Pattern[str]], ...] = (
        ("mail", _MAIL), ("phone", _PHONE), ("digits", _DIGITS),
    )  # fmt: skip
    for turn, text in enumerate(texts):
        left = text
        for code, pattern in rules:
            for match in pattern.finditer(left):
                yield _leak(code, turn, *match.span(), text)
            left = pattern.sub(lambda match: " " * len(match[0]), left)


def _leak(code: LeakCode, turn: int, start: int, end: int, text: str) -> Leak:
    said = text[start:end]
    return Leak(f"{code}:{turn}:{start}:{said.lower()}", code, turn, start, end, said)


def _harmless(language: str) -> frozenset[str]:
    if language == "ru":
        from lab.deidentify.russian_words import HARMLESS  # noqa: PLC0415 - loads slowly
    else:
        from lab.deidentify.english import HARMLESS  # noqa: PLC0415 - loads slowly
    return HARMLESS


@functools.cache
def _common(language: str) -> Callable[[str], bool]:
    """Return what tells whether a lemma is common in the language at large."""
    limit = _RARE_COUNT[language]
    if language == "ru":
        from lab.deidentify.name_finder import common_words  # noqa: PLC0415 - loads slowly

        counts = common_words()
        return lambda lemma: counts.get(lemma, 0) >= limit
    from lab.deidentify.english_lists import how_common  # noqa: PLC0415 - loads slowly

    return lambda lemma: how_common(lemma) >= limit
