"""Read plain text with a speaker's label before each piece, with or without a time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lab.transcripts.cues import Cue, plain
from recorder.errors import TranscriptError

if TYPE_CHECKING:
    from lab.transcripts.model import Speaker

_LABEL = re.compile(r"^\s*[-–—>]*\s*([^\W\d_][\w .\-]{0,30}?)\s*:\s+(?=\S)")
_TIME = re.compile(r"^\s*[\[(]?(?:(\d{1,2}):)?(\d{1,3}):(\d{2})(?:[.,](\d{1,3}))?[\])]?\s+")

CLIENT_LABELS: Final = frozenset(
    (
        "к",
        "кл",
        "клиент",
        "клиентка",
        "пациент",
        "пациентка",
        "c",
        "cl",
        "client",
        "patient",
    )
)
THERAPIST_LABELS: Final = frozenset(
    ("т", "п", "пс", "тер", "терапевт", "психолог", "психотерапевт", "t", "th", "therapist")
)


def split_label(text: str) -> tuple[str, str]:
    """Return the speaker's label before ``text`` and the rest; no label is empty.

    Only labels that name a role, or "speaker 1", count: "Мама: ..." is what was said.
    """
    found = _LABEL.match(text)
    if found is None or not is_label(found[1]):
        return "", text
    return found[1].strip(), text[found.end() :]


def is_label(text: str) -> bool:
    """Tell whether ``text`` names a speaker and is no part of what was said."""
    word = text.strip().casefold().rstrip(".")
    known = word in CLIENT_LABELS or word in THERAPIST_LABELS
    return known or bool(re.fullmatch(r"(speaker|спикер|говорящий)[ _]?\w{1,3}", word))


def named_role(label: str) -> Speaker | None:
    """Return whose label this is; None where its words don't say."""
    word = label.casefold().strip().rstrip(".")
    if word in CLIENT_LABELS:
        return "client"
    return "therapist" if word in THERAPIST_LABELS else None


def read_speaker_text(text: str, path: str) -> list[Cue]:
    """Return the cues of a plain text: a line with a label begins one.

    Raises TranscriptError where words come before the first label.
    """
    cues: list[Cue] = []
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), start=1):
        start_s, rest = _time(line)
        label, spoken = split_label(rest)
        if label:
            cues.append(Cue(plain(spoken), start_s, None, label))
        elif line.strip() and cues:
            last = cues[-1]
            cues[-1] = Cue(f"{last.text} {plain(rest)}", last.start_s, None, last.speaker)
        elif line.strip():
            raise TranscriptError(
                f"{path}, line {number}: it has no speaker",
                hint='begin it with "Клиент:", "Терапевт:", "Client:" or "Therapist:"',
            )
    return cues


def _time(line: str) -> tuple[float | None, str]:
    found = _TIME.match(line)
    if found is None:
        return None, line
    hours, minutes, seconds, fraction = found.groups()
    whole = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
    return whole + float(f"0.{fraction or 0}"), line[found.end() :]
