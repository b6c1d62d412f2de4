"""Dates and ages said in Russian words or half in words: "двадцать третьего мая"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lab.deidentify.kinds import Found
from lab.deidentify.morphology import lemmas
from lab.deidentify.word_lists import word_list, word_set

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lab.deidentify.kinds import Kind
    from lab.deidentify.tokens import Token

_MONTHS: Final = word_set("ru", "months")
_UNITS: Final = word_list("ru", "units")
_TEENS: Final = word_list("ru", "teens")
_TENS: Final = word_list("ru", "tens")
_ORDINALS: Final = word_list("ru", "ordinals")
_ORDINAL_TENS: Final = word_list("ru", "ordinal_tens")
_CARDINAL: Final[Mapping[str, int]] = (
    dict(zip(_UNITS, range(10), strict=True))
    | dict(zip(_TEENS, range(10, 20), strict=True))
    | dict(zip(_TENS, range(20, 100, 10), strict=True))
    | {"сто": 100, "двести": 200, "тысяча": 1000}
)
_ORDINAL: Final[Mapping[str, int]] = (
    dict(zip(_ORDINALS, range(1, 20), strict=True))
    | dict(zip(_ORDINAL_TENS, range(20, 100, 10), strict=True))
    | {"сотый": 100, "двухтысячный": 2000}
)
_YEAR: Final = word_set("ru", "year")
_OLD: Final = 90
_OLDEST: Final = 125
_LONGEST: Final = 7  # words in a date: "двадцать третьего мая тысяча девятьсот ..."
_HUNDREDS: Final = word_set("ru", "hundreds")
_FEWEST: Final = 5  # number words in a row that are no date and no sum of money
_SPOKEN: Final = frozenset(
    (
        *_CARDINAL,
        "триста",
        "четыреста",
        "пятьсот",
        "шестьсот",
        "семьсот",
        *_HUNDREDS,
        "плюс",
    )
) - {"тысяча"}


def find_dates(tokens: Sequence[Token]) -> Iterator[Found]:
    """Yield dates: a month with what belongs to it, or a year in words."""
    number = 0
    while number < len(tokens):
        end = _date_from(tokens, number)
        if end > number:
            yield _found(tokens, number, end, "date")
            number = end
        else:
            number += 1


def find_ages(tokens: Sequence[Token]) -> Iterator[Found]:
    """Yield ages of 90 and more: so few people are so old that it tells who."""
    for number in range(len(tokens)):
        end, value = _cardinal_from(tokens, number)
        if end == number or not _OLD <= value <= _OLDEST:
            continue
        starts_number = number == 0 or _value(tokens[number - 1], _CARDINAL) is None
        with_year = end < len(tokens) and bool(lemmas(tokens[end].text) & _YEAR)
        if starts_number and (with_year or _is_age(tokens, number)):
            yield _found(tokens, number, end + with_year, "age")


def find_spoken_phones(tokens: Sequence[Token]) -> Iterator[Found]:
    """Yield long rows of number words: a phone or another number that somebody says."""
    first = 0
    while first < len(tokens):
        end = first
        while end < len(tokens) and _is_spoken_number(tokens[end]):
            end += 1
        if end - first >= _FEWEST:
            yield _found(tokens, first, end, "phone")
        first = max(end, first + 1)


def _is_spoken_number(token: Token) -> bool:
    known = lemmas(token.text)
    return bool(known & _SPOKEN) or token.text.isdigit()


def _is_age(tokens: Sequence[Token], number: int) -> bool:
    """Tell whether the word before a number says that it is somebody's age."""
    before = tokens[max(0, number - 3) : number]
    words = {lemma for token in before for lemma in lemmas(token.text)}
    return bool(
        words & {"исполниться", "дожить", "возраст", "стукнуть", "мне", "ему", "ей", "он"}
    )


def _date_from(tokens: Sequence[Token], first: int) -> int:
    """Return where the date that begins at ``first`` ends; ``first`` where none does."""
    day = _day_from(tokens, first)
    at = day
    if at < len(tokens) and lemmas(tokens[at].text) & _MONTHS:
        return _year_from(tokens, at + 1)
    year = _year_from(tokens, first)
    return year if year > first and _is_full_year(tokens[first:year]) else first


def _day_from(tokens: Sequence[Token], first: int) -> int:
    """Return where a day before a month ends: "9", "двадцать третьего"."""
    token = tokens[first]
    if token.text.isdigit() and 1 <= int(token.text) <= 31:  # noqa: PLR2004 - days
        return first + 1
    at = first
    if _value(token, _CARDINAL) in (20, 30):
        at += 1
    if at < len(tokens) and _value(tokens[at], _ORDINAL) is not None:
        return at + 1
    return first


def _year_from(tokens: Sequence[Token], first: int) -> int:
    """Return where a year in words or digits ends; the word год belongs to it."""
    at = first
    while at < min(len(tokens), first + _LONGEST) and _is_number(tokens[at]):
        at += 1
        if _value(tokens[at - 1], _ORDINAL) is not None:
            break
    ended = at > first and (
        _value(tokens[at - 1], _ORDINAL) is not None or _is_year(tokens[at - 1].text)
    )
    if not ended:
        return first
    if at < len(tokens) and lemmas(tokens[at].text) & _YEAR:
        at += 1
    return at


def _is_full_year(tokens: Sequence[Token]) -> bool:
    """Tell whether number words alone make a year: thousands, or tens with год."""
    words = {lemma for token in tokens for lemma in lemmas(token.text)}
    with_year = bool(lemmas(tokens[-1].text) & _YEAR)
    numbers = tokens[:-1] if with_year else tokens
    tens = [t for t in numbers if (_value(t, _CARDINAL) or _value(t, _ORDINAL) or 0) >= 20]  # noqa: PLR2004 - from 1920 on
    if words & {"тысяча", "двухтысячный"} | words & _HUNDREDS:
        return True
    return (bool(tens) and (with_year or len(numbers) > 1)) and not numbers[
        0
    ].text.isdigit()


def _cardinal_from(tokens: Sequence[Token], first: int) -> tuple[int, int]:
    """Return where the number that begins at ``first`` ends, and the number."""
    token = tokens[first]
    if token.text.isdigit():
        return first + 1, int(token.text)
    total, at, least = 0, first, 1000
    while at < len(tokens):
        value = _value(tokens[at], _CARDINAL)
        size = 0 if value is None else 100 if value >= 100 else 10 if value >= 10 else 1  # noqa: PLR2004 - digits
        if value is None or size >= least:
            break
        total, least = total + value, 1 if 10 <= value < 20 else size  # noqa: PLR2004 - teens
        at += 1
    return at, total


def _is_number(token: Token) -> bool:
    known = _value(token, _CARDINAL) is not None or _value(token, _ORDINAL) is not None
    return known or bool(lemmas(token.text) & _HUNDREDS) or _is_year(token.text)


def _is_year(text: str) -> bool:
    return text.isdigit() and 1900 <= int(text) <= 2100  # noqa: PLR2004 - years


def _value(token: Token, words: Mapping[str, int]) -> int | None:
    return next((words[word] for word in lemmas(token.text) if word in words), None)


def _found(tokens: Sequence[Token], first: int, end: int, kind: Kind) -> Found:
    key = " ".join(token.low for token in tokens[first:end])
    return Found(tokens[first].start, tokens[end - 1].end, kind, key, "rule", 0.9)
