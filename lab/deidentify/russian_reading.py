"""The words of one Russian text while it is searched, and what each can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lab.deidentify.kinds import Found
from lab.deidentify.morphology import lemma, lemmas, readings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.deidentify.kinds import Kind
    from lab.deidentify.tokens import Token

_SMALL_WORDS: Final = frozenset(
    {"PREP", "CONJ", "PRCL", "NPRO", "VERB", "INFN", "ADVB", "PRED"}
)


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one text while it is searched."""

    tokens: Sequence[Token]
    text: str
    cased: bool

    def joined(self, number: int) -> bool:
        """Tell whether no more than a blank or a comma parts a word from the one before."""
        between = self.text[self.tokens[number - 1].end : self.tokens[number].start]
        return between.strip(" ,№\u00a0") == ""

    def close(self, number: int) -> bool:
        """Tell whether only a blank or a number sign parts a word from the one before."""
        between = self.text[self.tokens[number - 1].end : self.tokens[number].start]
        return between.strip(' №«"\u00a0') == ""

    def has(self, number: int) -> bool:
        """Tell whether there is a word of that number."""
        return 0 <= number < len(self.tokens)

    def is_one_of(self, number: int, words: frozenset[str]) -> bool:
        """Tell whether a word has one of these lemmas."""
        return self.has(number) and bool(lemmas(self.tokens[number].text) & words)

    def found(self, first: int, end: int, kind: Kind, confidence: float) -> Found:
        """Return the words from ``first`` up to ``end`` as one finding."""
        part = self.tokens[first:end]
        key = " ".join(lemma(token.text) for token in part)
        return Found(part[0].start, part[-1].end, kind, key, "context", confidence)


def is_numeral(low: str) -> bool:
    """Tell whether a word is a number, in digits or letters."""
    return low[0].isdigit() or any(
        r.tags & {"NUMR", "Anum"} for r in readings(low) if r.known
    )


def is_small_word(low: str) -> bool:
    """Tell whether a word can be no name: a verb, a preposition, an adverb."""
    best = readings(low)[:1]
    return bool(best) and bool(best[0].tags & _SMALL_WORDS)


def is_adjective(low: str) -> bool:
    """Tell whether a word is first of all an adjective."""
    best = readings(low)[:1]
    return bool(best) and "ADJF" in best[0].tags and "Apro" not in best[0].tags


def is_plain_noun(low: str) -> bool:
    """Tell whether a word may well be a noun that names no place."""
    plain = (r for r in readings(low) if r.known and "NOUN" in r.tags)
    return sum(r.score for r in plain if "Geox" not in r.tags) > 0.2  # noqa: PLR2004 - not a rare reading


def is_noun(low: str) -> bool:
    """Tell whether a word is first of all a noun."""
    best = readings(low)[:1]
    return bool(best) and "NOUN" in best[0].tags


def is_noun_or_adjective(low: str) -> bool:
    """Tell whether a noun goes on here."""
    return bool(readings(low)[0].tags & {"NOUN", "ADJF", "PRTF"})
