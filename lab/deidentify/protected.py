"""Protected words: what a client's therapist says must never stand in a text.

Each is matched by lemma, in any of its forms, across all sessions of that client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lab.deidentify.kinds import Found, Kind
from lab.deidentify.tokens import tokens_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lab.deidentify.tokens import Token


class ProtectedWord(msgspec.Struct, frozen=True):
    """A word or a few words of one client's, and what kind of thing they name."""

    text: str
    kind: Kind


def find_protected(
    texts: Sequence[str], language: str, protected: Sequence[ProtectedWord]
) -> list[list[Found]]:
    """Return where protected words stand in each text, whatever their case or ending."""
    if not protected:
        return [[] for _ in texts]
    lemmas_of = lemmatiser(language)
    wanted = [
        (word, [lemmas_of(token.low) for token in tokens_of(word.text)])
        for word in protected
    ]
    alone = [
        (name, [lemmas_of(name.text.lower())]) for name in _names_alone(protected, language)
    ]
    found = []
    for text in texts:
        tokens = tokens_of(text)
        known = [_with_parts(token.low, lemmas_of) for token in tokens]
        hits = [hit for word, parts in wanted for hit in _hits(tokens, known, word, parts)]
        more = [hit for name, parts in alone for hit in _hits(tokens, known, name, parts)]
        found.append([*hits, *(one for one in more if not _is_inside(one, hits))])
    return found


def _names_alone(
    protected: Sequence[ProtectedWord], language: str
) -> Iterator[ProtectedWord]:
    """Yield the names within a person's full name; what is rather a plain word is none."""
    is_plain = _plain_words(language)
    for word in protected:
        tokens = tokens_of(word.text) if word.kind == "name" else ()
        for token in tokens if len(tokens) > 1 else ():
            if token.is_capital and not is_plain(token.low):
                yield ProtectedWord(token.text, "name")


def _is_inside(one: Found, hits: Sequence[Found]) -> bool:
    return any(hit.start < one.end and one.start < hit.end for hit in hits)


def _plain_words(language: str) -> Callable[[str], bool]:
    """Return what tells words that seldom name somebody."""
    if language == "ru":
        from lab.deidentify.morphology import is_seldom_name  # noqa: PLC0415 - loads slowly

        return is_seldom_name
    from lab.deidentify.english_lists import is_plain_word  # noqa: PLC0415 - loads slowly

    return is_plain_word


def lemmatiser(language: str) -> Callable[[str], frozenset[str]]:
    """Return what tells all lemmas of a word of ``language``."""
    if language == "ru":
        from lab.deidentify.morphology import lemmas  # noqa: PLC0415 - loads slowly
    else:
        from lab.deidentify.english_lists import lemmas  # noqa: PLC0415 - loads slowly
    return lemmas


def protected_key(word: ProtectedWord, language: str) -> str:
    """Return what makes two protected words the same one."""
    lemmas_of = lemmatiser(language)
    return " ".join(min(lemmas_of(token.low)) for token in tokens_of(word.text))


def _with_parts(low: str, lemmas_of: Callable[[str], frozenset[str]]) -> frozenset[str]:
    """Return a word's lemmas, those of what a hyphen joins: "Петровой-Ивановой".

    "Маринин муж" is about Марина: that is one of its lemmas here.
    """
    parts = low.split("-") if "-" in low else ()
    found = lemmas_of(low).union(*(lemmas_of(part) for part in parts if part))
    stems = [lemma[:-2] for lemma in found if lemma.endswith(("ин", "ын"))]
    return found.union(*({f"{stem}а", f"{stem}я"} for stem in stems))


def _hits(
    tokens: Sequence[Token],
    known: Sequence[frozenset[str]],
    word: ProtectedWord,
    parts: Sequence[frozenset[str]],
) -> list[Found]:
    hits = []
    length = len(parts)
    for first in range(len(tokens) - length + 1 if length else 0):
        window = known[first : first + length]
        if all(part & seen for part, seen in zip(parts, window, strict=True)):
            key = " ".join(token.low for token in tokens_of(word.text))
            start, end = tokens[first].start, tokens[first + length - 1].end
            hits.append(Found(start, end, word.kind, key, "protected", 1.0))
    return hits
