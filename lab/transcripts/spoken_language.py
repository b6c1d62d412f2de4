"""Tell by its letters that a text is not of the language it is said to be.

A Russian finder sees no name in English, nor an English one in Russian: all would go
through unproposed.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

from recorder.errors import TranscriptError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

_NAMES: Final = {"ru": "Russian", "en": "English"}
_SCRIPTS: Final = {"ru": "CYRILLIC", "en": "LATIN"}


def check_language(texts: Iterable[str], language: Literal["ru", "en"]) -> None:
    """Raise TranscriptError unless most letters are of the language's script."""
    letters = [c for text in texts for c in text if c.isalpha()]
    script = _SCRIPTS[language]
    own = sum(unicodedata.name(c, "").startswith(script) for c in letters)
    if own <= len(letters) / 2:
        other = next(one for one in _NAMES if one != language)
        raise TranscriptError(
            f"{own} of {len(letters)} letters are {_NAMES[language]} ones",
            hint=f"is it {_NAMES[other]}? Then say --language {other}",
        )
