"""Russian words that name somebody or somewhere by themselves: dictionary and capitals."""

from __future__ import annotations

import functools
from importlib import resources
from typing import TYPE_CHECKING, Final

from lab.deidentify.kinds import Found
from lab.deidentify.morphology import (
    is_known,
    is_plain_word,
    lemma,
    lemmas,
    readings,
    share,
)
from lab.deidentify.name_finder import common_words, first_names
from lab.deidentify.word_lists import word_set

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.deidentify.kinds import Kind, Source
    from lab.deidentify.tokens import Token

# Written with a capital, or all in capitals, and telling nobody who the client is.
HARMLESS: Final = word_set("ru", "harmless")
_WHERE: Final = word_set("ru", "where")
_SURE: Final = 0.5  # how likely a reading must be where a small letter says nothing
_COMMON: Final = 3000  # of the same counts
_OFTEN_SAID: Final = word_set("ru", "often_said")
# Forms whose other meaning hardly anybody ever says.
_HARDLY_WORDS: Final = word_set("ru", "hardly_words")
_RARE: Final = 3000  # of 250 000 words' counts in news


def find_words(tokens: Sequence[Token], *, cased: bool) -> Iterator[Found]:
    """Yield every single word that is a name, a place or an organisation."""
    for number, token in enumerate(tokens):
        before = tokens[number - 1].low if number else ""
        kind, source, confidence = _judge(token, before, cased=cased)
        if kind is not None:
            key = lemma(token.text, _TAGS.get(kind, ""))
            yield Found(token.start, token.end, kind, key, source, confidence)


_TAGS: Final = {"name": "Name", "city": "Geox", "org": "Orgn"}
_Verdict = tuple["Kind | None", "Source", float]
_NOTHING: Final[_Verdict] = (None, "dictionary", 0.0)


def _judge(token: Token, before: str, *, cased: bool) -> _Verdict:
    low = token.low
    if low in HARMLESS or len(low) < 2 or not low[0].isalpha() or low.isascii():  # noqa: PLR2004 - initials
        return _foreign(token)
    if lemmas(low) & organisations() and _is_called(token, before, cased=cased):
        return "org", "dictionary", 0.85
    if cased and not (token.is_capital and token.begins):
        return _of_capital(token) if token.is_capital else _NOTHING
    return _of_dictionary(low)


def _is_called(token: Token, before: str, *, cased: bool) -> bool:
    """Tell whether "магнит" is the shop: by its capital, or by where one goes."""
    if not is_plain_word(token.low):
        return True
    return token.is_capital and not token.begins if cased else before in _WHERE


def _foreign(token: Token) -> _Verdict:
    """Latin letters within Russian: a brand, a nickname, a foreign name."""
    if token.text.isascii() and token.text.isalpha() and len(token.text) > 3:  # noqa: PLR2004 - sms, dvd
        return "org", "dictionary", 0.4
    return _NOTHING


def _of_capital(token: Token) -> _Verdict:
    """Judge a word that somebody wrote with a capital within a sentence."""
    kind = _likeliest(token.low)
    if kind is not None:
        return kind, "dictionary", 0.7 if is_plain_word(token.low) else 0.9
    if token.text.isupper() and len(token.text) > 1:
        return "org", "dictionary", 0.6
    return "name", "dictionary", 0.5


def _of_dictionary(low: str) -> _Verdict:
    """Judge a word whose letter case says nothing."""
    kind = _likeliest(low)
    sure = max(share(low, "Name", "Surn", "Patr"), share(low, "Geox"), share(low, "Orgn"))
    if kind is not None and sure > _SURE and not _is_usual(low):
        return kind, "dictionary", 0.8
    if lemmas(low) & pet_names() and not is_plain_word(low):
        return "name", "dictionary", 0.75
    return _of_homonym(low)


def _of_homonym(low: str) -> _Verdict:
    """Judge a word that is a first name among other things, or that nobody knows."""
    if is_first_name(low) and not is_common_homonym(low):
        return "name", "dictionary", 0.65
    if not is_known(low) and common_words().get(low, 0) < _RARE and "-" not in low:
        return "name", "dictionary", 0.4
    return _NOTHING


def is_first_name(low: str) -> bool:
    """Tell whether the dictionary has ``low`` as a first name, however unlikely."""
    named = (r.lemma for r in readings(low) if r.known and "Name" in r.tags)
    return any(lemma in pet_names() for lemma in named)


def is_common_homonym(low: str) -> bool:
    """Tell whether ``low`` is, or may be a form of, a word that people often say.

    The dictionary's own shares are of print, where plants and ships are as common as girls
    of that name.
    """
    if low.replace("ё", "е") in _HARDLY_WORDS:
        return False
    names = {r.lemma for r in readings(low) if r.is_name}
    plain = {r.lemma for r in readings(low) if r.known and not _names(r.tags)}
    if plain & _OFTEN_SAID:
        return True
    counts = common_words()
    return any(counts.get(lemma, 0) > _COMMON for lemma in plain - names)


def _likeliest(low: str) -> Kind | None:
    """Return what kind of name ``low`` can be; None where the dictionary knows none."""
    kinds: dict[Kind, float] = {
        "name": share(low, "Name", "Surn", "Patr"),
        "city": share(low, "Geox"),
        "org": share(low, "Orgn"),
    }
    best = max(kinds, key=lambda kind: kinds[kind])
    return best if kinds[best] > 0 else None


def _is_usual(low: str) -> bool:
    """Tell whether a word's plain meaning is about as likely as its being a name."""
    plain = sum(r.score for r in readings(low) if r.known and not _names(r.tags))
    return plain > 1 - _SURE


def _names(tags: frozenset[str]) -> bool:
    return bool(tags & {"Name", "Surn", "Patr", "Geox", "Orgn"})


@functools.cache
def organisations() -> frozenset[str]:
    """Return the organisations that we list, as lemmas."""
    text = (
        resources.files("lab.deidentify").joinpath("organisations.txt").read_text("utf-8")
    )
    words = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return frozenset(word for line in words for word in line)


@functools.cache
def pet_names() -> frozenset[str]:
    """Return first names and pet names, without the letter ё."""
    return frozenset(name.replace("ё", "е") for name in first_names() if len(name) > 2)  # noqa: PLR2004 - "ян" and "на"
