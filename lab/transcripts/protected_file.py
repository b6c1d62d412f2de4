"""Read a file of protected words: one a line, with its kind before a colon or without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lab.deidentify.kinds import KINDS
from lab.deidentify.protected import ProtectedWord
from recorder.errors import FormatError

if TYPE_CHECKING:
    from pathlib import Path

    from lab.deidentify.kinds import Kind

_MAX_BYTES: Final = 1 << 20
_MAX_WORDS: Final = 5000
_LONGEST: Final = 100


def read_words(path: Path) -> list[ProtectedWord]:
    """Return the words in ``path``; FormatError names a wrong line, not its text."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise FormatError(
                f"{path} has {path.stat().st_size} bytes, the limit is {_MAX_BYTES}",
                hint="it is a list: one word or name a line",
            )
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise FormatError(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise FormatError(f"{path} is not UTF-8", hint="save it as UTF-8 text") from None
    lines = [line.strip() for line in text.splitlines()]
    words = [_word(line, f"{path}, line {n}") for n, line in enumerate(lines, 1) if line]
    if not 0 < len(words) <= _MAX_WORDS:
        raise FormatError(f"{path} holds {len(words)} words, allowed are 1 to {_MAX_WORDS}")
    return words


def _word(line: str, place: str) -> ProtectedWord:
    before, colon, after = line.partition(":")
    kind = _kind(before) if colon else "name"
    text = " ".join((after if colon else line).split())
    if kind is None:
        raise FormatError(
            f"{place}: no such kind", hint=f"before the colon: {', '.join(KINDS)}"
        )
    if not any(c.isalnum() for c in text) or len(text) > _LONGEST:
        raise FormatError(f"{place}: a word has 1 to {_LONGEST} characters")
    return ProtectedWord(text, kind)


def _kind(text: str) -> Kind | None:
    return next((kind for kind in KINDS if kind == text.strip().lower()), None)
