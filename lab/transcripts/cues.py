"""What an imported file says: pieces of text, with times and speakers if it has any."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from recorder.errors import TranscriptError

_LONGEST_CHARACTERS: Final = 20_000  # of a piece: minutes of speech without a pause
MAX_CUES: Final = 50_000
_TAG = re.compile(r"<[^<>]{0,200}>")


@dataclass(frozen=True, slots=True)
class CueWord:
    """One word and when it was said, in seconds."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Cue:
    """A piece of text; times are None and ``speaker`` is empty where nothing says them."""

    text: str
    start_s: float | None = None
    end_s: float | None = None
    speaker: str = ""
    words: tuple[CueWord, ...] = ()


def plain(text: str) -> str:
    """Return ``text`` without mark-up, control characters, stress marks, doubled spaces."""
    # Letters such as й and ё are one character after NFC; marks that are left are none.
    without = _TAG.sub("", unicodedata.normalize("NFC", text))
    printable = "".join(
        " " if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Zs") else c
        for c in without
        if unicodedata.category(c) not in ("Cf", "Cs", "Co", "Mn")
    )
    return " ".join(printable.split())


def check_cues(cues: list[Cue], path: str) -> tuple[Cue, ...]:
    """Return the cues that hold a word; TranscriptError for none, too many, bad times."""
    kept = tuple(cue for cue in cues if any(c.isalnum() for c in cue.text))
    if not kept:
        raise TranscriptError(f"{path} holds no words")
    if len(kept) > MAX_CUES:
        raise TranscriptError(f"{path} has {len(kept)} pieces, the limit is {MAX_CUES}")
    for number, cue in enumerate(kept, start=1):
        _check(cue, f"{path}, piece {number}")
    return kept


def _check(cue: Cue, place: str) -> None:
    if len(cue.text) > _LONGEST_CHARACTERS:
        raise TranscriptError(
            f"{place} has {len(cue.text)} characters, the limit is {_LONGEST_CHARACTERS}"
        )
    moments = [cue.start_s, cue.end_s, *(w.start_s for w in cue.words)]
    for moment_s in moments:
        if moment_s is not None and not 0 <= moment_s < 1e6:  # noqa: PLR2004 - eleven days
            raise TranscriptError(f"{place} has the time {moment_s:g} s")
    if cue.start_s is not None and cue.end_s is not None and cue.end_s < cue.start_s:
        raise TranscriptError(
            f"{place} ends at {cue.end_s:g} s, before it starts at {cue.start_s:g} s"
        )
