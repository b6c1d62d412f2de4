"""A session's transcript as the lab keeps it: who said what when, and where it came from.

Times are seconds of the opened session's ``audio.flac``: a later, better fit of the clocks
moves nothing in it. Whoever exports it places it in EEG time.
"""

from __future__ import annotations

import hashlib
from datetime import datetime  # noqa: TC003 - msgspec reads the annotations
from typing import Final, Literal

import msgspec

VERSION: Final = 1
Language = Literal["ru", "en"]
LANGUAGES: Final[tuple[Language, Language]] = ("ru", "en")
Speaker = Literal["client", "therapist", "someone"]


class TimedWord(msgspec.Struct, frozen=True, array_like=True):
    """Characters ``start`` up to ``end`` of a turn's text, and when they were said."""

    start: int
    end: int
    start_s: float
    end_s: float


class SpokenTurn(msgspec.Struct, frozen=True):
    """What one person said until the other one spoke; ``words`` where each is timed."""

    speaker: Speaker
    start_s: float
    end_s: float
    text: str
    words: tuple[TimedWord, ...] = ()


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Where the words came from: a recogniser with its model, or a file that was brought.

    ``sha256`` is the model's or the file's. ``guessed`` names what the file did not say
    and was worked out from the sound: speakers, times.
    """

    way: Literal["recogniser", "import"]
    tool: str
    model: str = ""
    sha256: str
    guessed: tuple[Literal["speakers", "times"], ...] = ()
    speech_overlap: float | None = None
    made_utc: datetime
    who: str
    software: str


class Transcript(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The words of one session, before anything was taken out of them."""

    version: int = VERSION
    device: str
    session: str
    client: str
    manifest_sha256: str
    language: Language
    sound_s: float
    turns: tuple[SpokenTurn, ...]
    provenance: Provenance

    def digest(self) -> str:
        """Return what identifies exactly this transcript."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()
