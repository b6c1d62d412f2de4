"""Russian places and institutions that a word before or behind gives away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lab.deidentify.morphology import is_known, lemma, lemmas, readings, share
from lab.deidentify.russian_reading import (
    Words,
    is_adjective,
    is_noun,
    is_noun_or_adjective,
    is_numeral,
    is_small_word,
)
from lab.deidentify.word_lists import word_set

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.deidentify.kinds import Found

_ORG_HEADS: Final = word_set("ru", "org_heads")
_PLACE_HEADS: Final = word_set("ru", "place_heads")
_AFTER_ADJECTIVE: Final = word_set("ru", "after_adjective")
_STATIONS: Final = word_set("ru", "stations")
_TONGUES: Final = word_set("ru", "tongues")
_OWN_ADJECTIVES: Final = word_set("ru", "own_adjectives")
_HOUSE: Final = word_set("ru", "house")
_NUMBER_WORDS: Final = word_set("ru", "number_words")


def find_organisation(words: Words, number: int) -> Iterator[Found]:
    """Yield an institution with its number or name."""
    if not words.is_one_of(number, _ORG_HEADS):
        return
    end = number + 1
    if words.is_one_of(end, _NUMBER_WORDS) or _is_number_sign(words, end):
        end = _name_end(words, end + words.is_one_of(end, _NUMBER_WORDS), boldly=True)
    else:
        end = _name_end(words, end, boldly=False)
    if end > number + 1:
        first = number - _has_adjective(words, number)
        yield words.found(first, end, "org", 0.8)


def _name_end(words: Words, first: int, *, boldly: bool) -> int:
    """Return where the name of an institution ends; ``first`` where there is none."""
    end = first
    while words.has(end) and end < first + 3 and words.close(end):
        token = words.tokens[end]
        if token.text[0].isdigit():
            return end + 1
        if not _names_something(words, end, boldly=boldly and end == first):
            break
        end += 1
    return end


def _names_something(words: Words, number: int, *, boldly: bool) -> bool:
    token = words.tokens[number]
    if words.cased:
        return token.is_capital or (boldly and is_numeral(token.low))
    if boldly:
        return not is_small_word(token.low)
    named = share(token.low, "Surn", "Geox", "Orgn", "Name")
    return named > 0.3 or (not is_known(token.low) and is_noun(token.low))  # noqa: PLR2004 - likely enough behind a head


def find_place(words: Words, number: int) -> Iterator[Found]:
    """Yield a street, a village, a station, with the house behind it."""
    if words.is_one_of(number, _AFTER_ADJECTIVE) and _has_own_adjective(words, number):
        yield words.found(number - 1, _house_end(words, number + 1), "place", 0.8)
    if words.is_one_of(number, _STATIONS):
        end = _street_end(words, number + 1)
        if end > number + 1:
            yield words.found(number + 1, end, "place", 0.75)
    elif words.is_one_of(number, _PLACE_HEADS):
        end = _street_end(words, number + 1)
        if end > number + 1:
            yield words.found(number, _house_end(words, end), "place", 0.85)


def _street_end(words: Words, first: int) -> int:
    end = first
    while words.has(end) and end < first + 3 and words.close(end):
        token = words.tokens[end]
        fits = token.is_capital if words.cased else not is_small_word(token.low)
        if not fits or words.is_one_of(end, _HOUSE):
            break
        end += 1
        if not words.cased and not is_adjective(token.low):
            break  # one noun is the name; what follows is talk again
    return end


def _house_end(words: Words, first: int) -> int:
    """Return where "дом 12, корпус 2, квартира 47" behind a street ends."""
    end = first
    while (
        words.is_one_of(end, _HOUSE)
        and words.has(end + 1)
        and words.joined(end)
        and is_numeral(words.tokens[end + 1].low)
    ):
        end += 2
    return end


def find_house(words: Words, number: int) -> Iterator[Found]:
    """Yield a house or flat by its number alone."""
    end = _house_end(words, number)
    if end > number and not (number and words.is_one_of(number - 1, _PLACE_HEADS)):
        yield words.found(number, end, "place", 0.8)


def find_lone_adjective(words: Words, number: int) -> Iterator[Found]:
    """Yield "на тверской": an adjective of a place without the street it belongs to."""
    low = words.tokens[number].low
    if words.cased or not number or not words.close(number) or not is_adjective(low):
        return
    of_place = lemma(low).endswith(("ский", "цкий")) and not lemmas(low) & _TONGUES
    ends = not words.has(number + 1) or not (
        words.close(number + 1) and is_noun_or_adjective(words.tokens[number + 1].low)
    )
    before = number - 1
    if of_place and ends and words.tokens[before].low == "на":
        yield words.found(number, number + 1, "place", 0.6)
    elif of_place and ends and words.is_one_of(before, _ORG_HEADS):
        yield words.found(before, number + 1, "org", 0.7)


def _has_own_adjective(words: Words, number: int) -> bool:
    """Tell whether the adjective before a square or an island is its name."""
    if not number or not words.close(number):
        return False
    token = words.tokens[number - 1]
    if words.cased:
        return token.is_capital and is_adjective(token.low)
    of_place = token.low.endswith(("ском", "ской", "ский", "ская", "цкой", "цком"))
    known = words.is_one_of(number - 1, _OWN_ADJECTIVES)
    return is_adjective(token.low) and (of_place or known)


def _has_adjective(words: Words, number: int) -> bool:
    """Tell whether "районная", "детская" before an institution belongs to its name."""
    if not number or not words.close(number):
        return False
    token = words.tokens[number - 1]
    tags = readings(token.low)[0].tags if readings(token.low) else frozenset()
    return "ADJF" in tags and not tags & {"Apro", "Anum"}


def _is_number_sign(words: Words, number: int) -> bool:
    return (
        words.has(number) and words.close(number) and words.tokens[number].text[0].isdigit()
    )
