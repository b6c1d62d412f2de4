"""All that finds identifying words in English: lists, capitals, neighbours, dates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lab.deidentify.english_forms import AGES, DATES, ORGS, PLACES, SPOKEN, find_forms
from lab.deidentify.english_lists import (
    bare,
    first_names,
    is_plain_word,
    last_names,
    towns,
)
from lab.deidentify.kinds import Found
from lab.deidentify.rules import find_by_form
from lab.deidentify.tokens import is_cased, tokens_of
from lab.deidentify.word_lists import word_set

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.deidentify.kinds import Kind, Source
    from lab.deidentify.tokens import Token

_NAMED: Final = re.compile(
    r"\b(?:name is|name was|named|called|name's|this is|i'm|i am) ([a-z]{3,})\b",
    re.IGNORECASE,
)
_TITLES: Final = word_set("en", "titles")
_KIN: Final = word_set("en", "kin")
HARMLESS: Final = word_set("en", "harmless")
_TWO: Final = 2


def find_english(texts: Sequence[str]) -> list[list[Found]]:
    """Return what may identify somebody in each text; findings may overlap."""
    cased = is_cased(list(texts))
    return [_find(text, cased=cased) for text in texts]


def _find(text: str, *, cased: bool) -> list[Found]:
    tokens = tokens_of(text)
    called = (
        *find_forms(text, PLACES, "place", 0.8),
        *find_forms(text, ORGS, "org", 0.8),
    )
    return [
        *find_by_form(text),
        *find_forms(text, DATES, "date", 0.9),
        *find_forms(text, AGES, "age", 0.9),
        *find_forms(text, SPOKEN, "phone", 0.85),
        *(found for found in called if _is_called(found, text, cased=cased)),
        *_words(tokens, cased=cased),
        *_after_title(text, tokens, cased=cased),
        *_by_name(text),
        *_towns_of_words(text, tokens, cased=cased),
    ]


def _is_called(found: Found, text: str, *, cased: bool) -> bool:
    """Tell whether a street or a school is called something, and is not just "a road"."""
    words = text[found.start : found.end].split()
    inner = [word for word in words[:-1] if word[0].isalpha()] or words
    if cased:
        return all(
            word[0].isupper() or word[0].isdigit() for word in (*inner[:1], words[-1])
        )
    if words[0][0].isdigit():
        return True
    return any(
        not is_plain_word(word) or word in first_names() or word.endswith(("'s", "’s"))
        for word in inner
    ) or (
        found.kind == "place" and words[-1] in ("avenue", "street", "road", "lane", "drive")
    )


def _words(tokens: Sequence[Token], *, cased: bool) -> Iterator[Found]:
    for token in tokens:
        kind, source, confidence = _judge(token, cased=cased)
        if kind is not None:
            end = token.start + len(bare(token.text))
            yield Found(token.start, end, kind, bare(token.low), source, confidence)


def _judge(token: Token, *, cased: bool) -> tuple[Kind | None, Source, float]:
    low = bare(token.low)
    if low in HARMLESS or not low[0].isalpha() or len(low) < _TWO:
        return None, "dictionary", 0.0
    if cased and not token.is_capital:
        return None, "dictionary", 0.0
    plain = is_plain_word(low)
    meaningful = cased and token.is_capital and not token.begins
    if plain and not meaningful:
        return None, "dictionary", 0.0
    return _listed(low, plain=plain, meaningful=meaningful)


def _listed(
    low: str, *, plain: bool, meaningful: bool
) -> tuple[Kind | None, Source, float]:
    """Judge a word that is no plain one, or has a capital that means something."""
    lists: tuple[tuple[frozenset[str], Kind, float], ...] = (
        (first_names(), "name", 0.7 if plain else 0.9),
        (towns(), "city", 0.85),
        (last_names(), "name", 0.75),
    )
    for words, kind, confidence in lists:
        if low in words:
            return kind, "dictionary", confidence
    if meaningful:
        return ("org" if plain else "name"), "dictionary", 0.5
    return "name", "dictionary", 0.4


def _after_title(text: str, tokens: Sequence[Token], *, cased: bool) -> Iterator[Found]:
    """Yield the name behind "Mrs", "aunt", "my son"."""
    for number, token in enumerate(tokens[:-1]):
        title = token.low in _TITLES
        if not title and token.low not in _KIN:
            continue
        end = number + 1
        while end < len(tokens) and end <= number + _TWO and _follows(text, tokens, end):
            if not _may_be_name(
                tokens[end], cased=cased, title=title and end == number + 1
            ):
                break
            end += 1
        if end > number + 1:
            part = tokens[number + 1 : end]
            key = " ".join(bare(t.low) for t in part)
            stop = part[-1].start + len(bare(part[-1].text))
            first = (
                number
                if token.low in ("mr", "mrs", "ms", "dr", "aunt", "uncle")
                else number + 1
            )
            yield Found(tokens[first].start, stop, "name", key, "context", 0.8)


def _follows(text: str, tokens: Sequence[Token], number: int) -> bool:
    return text[tokens[number - 1].end : tokens[number].start].strip(" .") == ""


def _may_be_name(token: Token, *, cased: bool, title: bool) -> bool:
    low = bare(token.low)
    if low in HARMLESS:
        return False
    if cased:
        return token.is_capital
    known = low in first_names() or low in last_names()
    return not is_plain_word(low) or (title and known) or low in first_names()


def _by_name(text: str) -> Iterator[Found]:
    """Yield a first name that is also a word where somebody is said to be called so."""
    for match in _NAMED.finditer(text):
        if match[1].lower() in first_names() | last_names():
            yield Found(*match.span(1), "name", match[1].lower(), "context", 0.85)


def _towns_of_words(text: str, tokens: Sequence[Token], *, cased: bool) -> Iterator[Found]:
    """Yield towns of two or three words: New York, Stoke-on-Trent."""
    for number, token in enumerate(tokens):
        for length in (3, 2):
            part = tokens[number : number + length]
            if len(part) < length or (cased and not token.is_capital):
                continue
            name = text[part[0].start : part[-1].end]
            if name.lower() in towns():
                yield Found(
                    part[0].start, part[-1].end, "city", name.lower(), "dictionary", 0.85
                )
                break
