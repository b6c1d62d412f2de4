"""The one door to pymorphy3: what a Russian word may be, and its lemma."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Final

from recorder.errors import SetupError

_NAMES: Final = frozenset({"Name", "Surn", "Patr"})
_TAGS: Final = ("Name", "Surn", "Patr", "Geox", "Orgn")


@dataclass(frozen=True, slots=True)
class Reading:
    """One thing a word may be: its lemma, its tags, and how likely that is."""

    lemma: str
    tags: frozenset[str]
    score: float
    known: bool

    @property
    def is_name(self) -> bool:
        """Whether it names a person."""
        return bool(self.tags & _NAMES)


@functools.lru_cache(maxsize=100_000)
def readings(word: str) -> tuple[Reading, ...]:
    """Return what ``word``, in lower case, may be, likeliest first."""
    return tuple(
        Reading(
            lemma=plain_yo(parse.normal_form),
            tags=frozenset(str(parse.tag).replace(" ", ",").split(",")),
            score=parse.score,
            known=parse.is_known,
        )
        for parse in _analyzer().parse(word)
    )


@functools.lru_cache(maxsize=100_000)
def lemmas(word: str) -> frozenset[str]:
    """Return every lemma that ``word`` may have, itself included."""
    low = word.lower()
    return frozenset({plain_yo(low), *(reading.lemma for reading in readings(low))})


def lemma(word: str, tag: str = "") -> str:
    """Return the likeliest lemma of ``word``, as what ``tag`` says if it can be that."""
    found = readings(word.lower())
    fitting = [reading for reading in found if tag in reading.tags] if tag else []
    best = (fitting or list(found))[:1]
    return best[0].lemma if best else plain_yo(word.lower())


def share(word: str, *tags: str) -> float:
    """Return how likely ``word`` is one of ``tags``, from 0 to 1, among known words."""
    found = [reading for reading in readings(word.lower()) if reading.known]
    return sum(reading.score for reading in found if reading.tags & set(tags))


def is_known(word: str) -> bool:
    """Tell whether the dictionary has ``word``."""
    return any(reading.known for reading in readings(word.lower()))


def is_plain_word(word: str) -> bool:
    """Tell whether ``word`` has a likely meaning that names nobody and no place."""
    return any(
        reading.known and not reading.tags & set(_TAGS) and reading.score > 0.05  # noqa: PLR2004 - a rare reading
        for reading in readings(word.lower())
    )


def is_seldom_name(word: str) -> bool:
    """Tell whether ``word`` has a plain meaning, and a person's name is the rarer one."""
    return is_plain_word(word) and share(word, *_NAMES) < 0.5  # noqa: PLR2004 - half


def plain_yo(word: str) -> str:
    """Return ``word`` as most people write it: without the letter ё."""
    return word.replace("ё", "е").replace("Ё", "Е")


@functools.cache
def _analyzer() -> Any:  # noqa: ANN401 - pymorphy3 has no types
    try:
        import pymorphy3  # noqa: PLC0415 - an extra of its own
    except ImportError as error:
        raise missing_extra("pymorphy3") from error
    return pymorphy3.MorphAnalyzer(lang="ru")


def missing_extra(name: str) -> SetupError:
    """Return what to say where a library of the extra is missing."""
    return SetupError(
        f"{name} is not installed", hint="install fieldrec with the extra [transcripts]"
    )
