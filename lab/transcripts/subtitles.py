"""Read WebVTT and SubRip: pieces with times, and a voice where one is marked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lab.transcripts.cues import Cue, plain
from lab.transcripts.speaker_text import split_label
from recorder.errors import TranscriptError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLOCK = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[.,](\d{1,3})"
_TIMING = re.compile(rf"^\s*{_CLOCK}\s*-->\s*{_CLOCK}")
_VOICE = re.compile(r"^\s*<v(?:\.[^\s>]*)?\s+([^>]{1,80})>")
_NOT_CUES: Final = ("NOTE", "STYLE", "REGION")


def read_webvtt(text: str, path: str) -> list[Cue]:
    """Return the cues of a WebVTT file (W3C, WebVTT: The Web Video Text Tracks Format)."""
    if not re.match(r"WEBVTT(?:[ \t]|$)", text.lstrip("\ufeff").splitlines()[0]):
        raise TranscriptError(f"{path} does not begin with WEBVTT")
    blocks = list(_blocks(text))[1:]
    return _cues([b for b in blocks if not b[0].startswith(_NOT_CUES)], path)


def read_subrip(text: str, path: str) -> list[Cue]:
    """Return the cues of a SubRip file."""
    return _cues(list(_blocks(text)), path)


def _blocks(text: str) -> Iterator[list[str]]:
    block: list[str] = []
    for line in [*text.lstrip("\ufeff").splitlines(), ""]:
        if line.strip():
            block.append(line)
        elif block:
            yield block
            block = []


def _cues(blocks: list[list[str]], path: str) -> list[Cue]:
    cues: list[Cue] = []
    for number, block in enumerate(blocks, start=1):
        at = next((n for n in (0, 1) if n < len(block) and "-->" in block[n]), None)
        if at is None:
            raise TranscriptError(f"{path}, piece {number}: no line with times")
        timing = _TIMING.match(block[at])
        if timing is None:
            raise TranscriptError(f"{path}, piece {number}: its times can't be read")
        start_s, end_s = _seconds(timing.groups()[:4]), _seconds(timing.groups()[4:])
        spoken = " ".join(block[at + 1 :])
        voice = _VOICE.match(spoken)
        label, rest = (voice[1].strip(), spoken) if voice else split_label(spoken)
        cues.append(Cue(plain(rest), start_s, end_s, label))
    return cues


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = parts
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    return whole + float(f"0.{fraction}")
