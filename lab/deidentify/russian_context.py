"""Russian names that only their neighbours give away: "зовут Вера", "к свете"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lab.deidentify.morphology import is_known, lemmas, readings, share
from lab.deidentify.russian_places import (
    find_house,
    find_lone_adjective,
    find_organisation,
    find_place,
)
from lab.deidentify.russian_reading import (
    Words,
    is_noun,
    is_plain_noun,
)
from lab.deidentify.russian_words import pet_names
from lab.deidentify.word_lists import word_set

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lab.deidentify.kinds import Found
    from lab.deidentify.tokens import Token

_ROLES: Final = word_set("ru", "roles")

# People call somebody by these together with the name: "тётя Рая".
_ADDRESSES: Final = word_set("ru", "addresses")
_CALLS: Final = word_set("ru", "calls")
_CITY_BEGINS: Final = word_set("ru", "city_begins")
_TO_AND_FROM: Final = word_set("ru", "to_and_from")
# As words they stand in every third hour of therapy.
_FIRST_OF_ALL_WORDS: Final = word_set("ru", "first_of_all_words")
_GOVERNS: Final[Mapping[str, frozenset[str]]] = {
    "к": frozenset({"datv"}),
    "ко": frozenset({"datv"}),
    "у": frozenset({"gent"}),
    "от": frozenset({"gent"}),
    "для": frozenset({"gent"}),
    "без": frozenset({"gent"}),
    "про": frozenset({"accs"}),
}


def find_in_context(text: str, tokens: Sequence[Token], *, cased: bool) -> Iterator[Found]:
    """Yield what the neighbouring words say is a name, an organisation or a place."""
    words = Words(tokens, text, cased)
    for number in range(len(tokens)):
        yield from _after_role(words, number)
        yield from _who_does(words, number)
        yield from _to_whom(words, number)
        yield from _city(words, number)
        yield from find_organisation(words, number)
        yield from find_place(words, number)
        yield from find_house(words, number)
        yield from find_lone_adjective(words, number)


def _after_role(words: Words, number: int) -> Iterator[Found]:
    """Yield the name behind "подруга", "врач" or "зовут"."""
    calls = words.is_one_of(number, _CALLS)
    if not calls and not words.is_one_of(number, _ROLES):
        return
    end = number + 1
    while words.has(end) and end <= number + 3 and words.joined(end):
        if not _may_be_name(words, end, boldly=calls or end > number + 1):
            break
        end += 1
    if end > number + 1:
        first = number if words.is_one_of(number, _ADDRESSES) else number + 1
        yield words.found(first, end, "name", 0.75)


def _may_be_name(words: Words, number: int, *, boldly: bool) -> bool:
    """Tell whether a word behind a role can be the name of who has it."""
    token = words.tokens[number]
    low = token.low
    if words.cased:
        return token.is_capital
    if share(low, "Patr") > 0 or (not is_known(low) and is_noun(low)):
        return True
    likely = share(low, "Name", "Surn")
    return likely > (0.05 if boldly else 0.1) or (
        bool(lemmas(low) & pet_names()) and boldly and likely > 0
    )


def _who_does(words: Words, number: int) -> Iterator[Found]:
    """Yield a word that may be a name and does something: "мишка пил", "Вера не пришла"."""
    token = words.tokens[number]
    low = token.low
    begins = words.cased and token.begins and token.is_capital
    if not lemmas(low) & pet_names() or (words.cased and not token.is_capital):
        return
    if lemmas(low) & _FIRST_OF_ALL_WORDS and not begins:
        return
    nominative = any({"NOUN", "nomn", "sing"} <= r.tags for r in readings(low))
    if nominative and _is_doing(words, number + 1):
        yield words.found(number, number + 1, "name", 0.5)


def _is_doing(words: Words, number: int) -> bool:
    """Tell whether a verb of one person comes next, an adverb may stand between."""
    for at in (number, number + 1):
        if not words.has(at) or not words.close(at):
            return False
        tags = readings(words.tokens[at].low)[0].tags
        if "VERB" in tags:
            return "sing" in tags and bool(tags & {"past", "3per"})
        if not tags & {"ADVB", "PRCL"}:
            return False
    return False


def _to_whom(words: Words, number: int) -> Iterator[Found]:
    """Yield "к свете", "у веры": in the case that word asks for, only the name is left."""
    cases = _GOVERNS.get(words.tokens[number].low)
    if cases is None or not words.has(number + 1) or not words.close(number + 1):
        return
    low = words.tokens[number + 1].low
    fitting = [r for r in readings(low) if r.known and r.tags & cases]
    if fitting and all(r.is_name for r in fitting):
        yield words.found(number + 1, number + 2, "name", 0.7)


def _city(words: Words, number: int) -> Iterator[Found]:
    """Yield a town that is also an adjective, or has one before its name."""
    token = words.tokens[number]
    if words.cased and not token.is_capital:
        return
    town = share(token.low, "Geox")
    if town > 0 and number and words.close(number):
        if words.is_one_of(number - 1, _CITY_BEGINS):
            yield words.found(number - 1, number + 1, "city", 0.9)
        elif words.tokens[number - 1].low in _TO_AND_FROM and not is_plain_noun(token.low):
            yield words.found(number, number + 1, "city", 0.7)
