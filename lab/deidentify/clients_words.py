"""What a lab knows of each client's words: protected ones, and which placeholder is whose.

The same person is ``[NAME_1]`` in all sessions of a client, so that a reader can follow.
Numbers are given once and never again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lab.deidentify.kinds import NUMBERED, Kind
from lab.deidentify.protected import ProtectedWord  # noqa: TC001 - msgspec reads it

if TYPE_CHECKING:
    from collections.abc import Iterable


class ClientWords(msgspec.Struct, frozen=True):
    """One client's protected words, and the number of each key by kind."""

    words: tuple[ProtectedWord, ...] = ()
    numbers: dict[Kind, dict[str, int]] = {}

    def number(self, kind: Kind, key: str) -> int:
        """Return the number of a placeholder; 0 where none was given."""
        known = self.numbers.get(kind, {})
        if key in known or kind != "name":
            return known.get(key, 0)
        return _of_same_person(known, key)

    def with_numbers(self, wanted: Iterable[tuple[Kind, str]]) -> ClientWords:
        """Return these words, with a number for each of ``wanted`` too."""
        numbers = {kind: dict(keys) for kind, keys in self.numbers.items()}
        known = ClientWords(self.words, numbers)
        for kind, key in wanted:
            of_kind = numbers.setdefault(kind, {})
            if kind in NUMBERED and key not in of_kind:
                # Written down also where another name gave it: it must never change.
                following = max(of_kind.values(), default=0) + 1
                of_kind[key] = known.number(kind, key) or following
        return known

    def with_word(self, word: ProtectedWord) -> ClientWords:
        """Return these words with one more; the same one is kept once."""
        same = [one for one in self.words if one.text.lower() == word.text.lower()]
        return self if same else ClientWords((*self.words, word), self.numbers)

    def without_word(self, text: str) -> ClientWords:
        """Return these words without one."""
        kept = tuple(word for word in self.words if word.text.lower() != text.lower())
        return ClientWords(kept, self.numbers)


class ClientsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The words of all clients, by client code."""

    clients: dict[str, ClientWords] = {}
    version: int = 1


def _of_same_person(known: dict[str, int], key: str) -> int:
    """Return the number of whoever has all words of a name, where that is one person only.

    "Иван Петрович" and "Иван Петрович Сидоров" are one; of two Ivans none is meant.
    """
    words = set(key.split())
    numbers = {
        number
        for other, number in known.items()
        if words <= set(other.split()) or words >= set(other.split())
    }
    return numbers.pop() if len(numbers) == 1 else 0
