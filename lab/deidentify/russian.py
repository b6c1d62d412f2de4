"""Everything that finds identifying words in Russian, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lab.deidentify.kinds import Found
from lab.deidentify.morphology import is_plain_word, lemma, share
from lab.deidentify.name_finder import find_names
from lab.deidentify.rules import find_by_form
from lab.deidentify.russian_context import find_in_context
from lab.deidentify.russian_numbers import find_ages, find_dates, find_spoken_phones
from lab.deidentify.russian_words import find_words
from lab.deidentify.tokens import is_cased, tokens_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lab.deidentify.kinds import Kind
    from lab.deidentify.tokens import Token


_LIKELY: Final = 0.5  # likelier than not


def find_russian(texts: Sequence[str]) -> list[list[Found]]:
    """Return what may identify somebody in each text; findings may overlap."""
    cased = is_cased(list(texts))
    words = [tokens_of(text) for text in texts]
    raised = [_recased(t, w) for t, w in zip(texts, words, strict=True)]
    named = find_names(texts if cased else raised)
    return [
        [
            *find_by_form(text),
            *find_dates(tokens),
            *find_ages(tokens),
            *find_spoken_phones(tokens),
            *find_words(tokens, cased=cased),
            *find_in_context(text, tokens, cased=cased),
            *_of_finder(tokens, spans, cased=cased),
        ]
        for text, tokens, spans in zip(texts, words, named, strict=True)
    ]


def _recased(text: str, tokens: Iterable[Token]) -> str:
    """Return ``text`` with capitals where the dictionary knows a name; no longer."""
    letters = list(text)
    for token in tokens:
        if share(token.low, "Name", "Surn", "Patr", "Geox", "Orgn") > _LIKELY:
            letters[token.start] = letters[token.start].upper()
    return "".join(letters)


def _of_finder(
    tokens: Sequence[Token],
    spans: Iterable[tuple[int, int, Kind]],
    *,
    cased: bool,
) -> Iterable[Found]:
    """Yield what the finder found, without plain words that only begin a sentence."""
    for start, end, kind in spans:
        inside = [t for t in tokens if start <= t.start and t.end <= end]
        while inside and _only_begins(inside[0]):
            inside = inside[1:]
        if inside:
            key = " ".join(lemma(token.text) for token in inside)
            confidence = 0.84 if cased else 0.6
            yield Found(inside[0].start, end, kind, key, "finder", confidence)


def _only_begins(token: Token) -> bool:
    """Tell whether a plain word has its capital only from standing first."""
    named = share(token.low, "Name", "Surn", "Patr", "Geox", "Orgn") > 0
    return token.begins and is_plain_word(token.low) and not named
