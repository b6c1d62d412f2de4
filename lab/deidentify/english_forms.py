"""What has a form of its own in English: dates, ages, spoken numbers, streets, schools."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lab.deidentify.kinds import Found

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.deidentify.kinds import Kind

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|march|april|may|june|july|aug(?:ust)?|sept(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_ORDINAL = (
    r"(?:\d{1,2}(?:st|nd|rd|th)|(?:twenty|thirty)?[- ]?(?:first|second|third|fourth|fifth"
    r"|sixth|seventh|eighth|ninth)|tenth|eleventh|twelfth|thirteenth|fourteenth|fifteenth"
    r"|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|thirtieth)"
)
_TENS = r"(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)"
_UNITS = r"(?:one|two|three|four|five|six|seven|eight|nine)"
_YEAR = (
    rf"(?:(?:19|20)\d\d|(?:nineteen|twenty)[ -](?:{_TENS}(?:[ -]{_UNITS})?|oh[ -]{_UNITS}"
    rf"|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen)"
    rf"|two thousand(?: and)?(?: {_UNITS}| ten| eleven| twelve| \w+teen)?)"
)
_HOLIDAY = (
    r"(?:christmas(?: eve| day)?|new year'?s(?: eve| day)?|easter|thanksgiving|halloween)"
)
DATES: Final = (
    re.compile(rf"\b(?:the )?{_ORDINAL} (?:of )?{_MONTH}(?:,? {_YEAR})?\b", re.IGNORECASE),
    re.compile(rf"\b\d{{1,2}} {_MONTH}(?:,? {_YEAR})?\b", re.IGNORECASE),
    re.compile(
        rf"\b{_MONTH} (?:the )?(?:{_ORDINAL}|\d{{1,2}})(?:,? {_YEAR})?\b", re.IGNORECASE
    ),
    re.compile(rf"\b(?:{_MONTH}|{_HOLIDAY}),? (?:of )?{_YEAR}\b", re.IGNORECASE),
    re.compile(rf"\b(?:in|of|since|until|by|year) ({_YEAR})\b", re.IGNORECASE),
    re.compile(
        r"\b(?:in|last|since|until|by|of|this|next) (january|february|april|june|july"
        r"|august|september|october|november|december)\b",
        re.IGNORECASE,
    ),
)
_OLD = rf"(?:9\d|1[01]\d|ninety(?:[ -]{_UNITS})?|(?:a|one) hundred(?: and {_UNITS})?)"
_DIGIT = (
    r"(?:zero|oh|o|double|triple|hundred|plus|one|two|three|four|five|six|seven|eight|nine"
    r"|ten|\d+)"
)
SPOKEN: Final = (re.compile(rf"\b{_DIGIT}(?:[ ,-]+{_DIGIT}){{5,}}\b", re.IGNORECASE),)
AGES: Final = (
    re.compile(rf"\b({_OLD})(?:[ -]years?(?:[ -]old)?)\b", re.IGNORECASE),
    re.compile(
        rf"\b(?:is|was|turned|turns|turning|to|aged|at|nearly|almost) ({_OLD})\b"
        r"(?! percent|%)",
        re.IGNORECASE,
    ),
)
_STREET = (
    r"(?:street|avenue|road|lane|drive|court|close|square|crescent|terrace|boulevard|place"
    r"|way|gardens|grove|row|hill|park)"
)
PLACES: Final = (
    re.compile(
        r"\b(?:\d{1,4}[a-z]? )?"
        r"(?:(?!(?:the|my|our|a|this|that|his|her|on|in|at|of|and|to)\b)"
        rf"[a-z][a-z']+ ){{1,2}}{_STREET}\b",
        re.IGNORECASE,
    ),
    re.compile(r"\b(?:flat|apartment|apt|house|room|number) \d+[a-z]?\b", re.IGNORECASE),
)
_ORG = (
    r"(?:university|college|school|hospital|clinic|church|academy|institute|surgery|bank"
    r"|prison|library|nursery|hospice|council|centre|center|ltd|limited|inc)"
)
ORGS: Final = (
    re.compile(
        rf"\b(?:st\.? )?(?:(?!(?:the|my|our|a|an|this|that|his|her|at|in|of|and|to|from"
        rf"|after|was|into|for|with|out|me|i|same|new|old|local|high|primary|secondary|middle"
        rf"|medical|private|psychiatric|day|law|art|music|sunday|whole|is|were|went|on)\b)"
        rf"[a-z][a-z'’]+ ){{1,2}}(?:primary |high |secondary |general |medical )?{_ORG}\b",
        re.IGNORECASE,
    ),
    re.compile(r"\b(?:university|college|bank|school) of [a-z]+\b", re.IGNORECASE),
)


def find_forms(
    text: str, patterns: tuple[re.Pattern[str], ...], kind: Kind, confidence: float
) -> Iterator[Found]:
    """Yield what ``patterns`` match; a group in one is what counts of it."""
    for pattern in patterns:
        for match in pattern.finditer(text):
            group = 1 if pattern.groups and match[1] else 0
            start, end = match.span(group)
            key = " ".join(match[group].lower().split())
            yield Found(start, end, kind, key, "rule", confidence)
