"""Read the JSON that whisper programs write: segments with times, often words with times.

OpenAI's whisper, faster-whisper and whisperX (``segments``) and whisper.cpp
(``transcription``) are known.
"""

from __future__ import annotations

import msgspec

from lab.transcripts.cues import Cue, CueWord, plain
from recorder.errors import TranscriptError

_MS = 1000.0


class _Word(msgspec.Struct, frozen=True):
    word: str
    start: float | None = None
    end: float | None = None


class _Segment(msgspec.Struct, frozen=True):
    text: str
    start: float
    end: float
    words: tuple[_Word, ...] = ()
    speaker: str | None = None


class _Offsets(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    start: float
    end: float


class _Piece(msgspec.Struct, frozen=True):
    text: str
    offsets: _Offsets


class _File(msgspec.Struct, frozen=True):
    segments: tuple[_Segment, ...] | None = None
    transcription: tuple[_Piece, ...] | None = None


def read_whisper_json(text: str, path: str) -> list[Cue]:
    """Return the cues of a whisper program's JSON; TranscriptError where it is none."""
    try:
        found = msgspec.json.decode(text, type=_File)
    except (msgspec.MsgspecError, RecursionError):
        # Without its cause: that one may quote what was said.
        raise TranscriptError(f"{path} is no JSON of a whisper program") from None
    if found.segments is not None:
        return [_cue(segment) for segment in found.segments]
    if found.transcription is not None:
        return [
            Cue(plain(p.text), p.offsets.start / _MS, p.offsets.end / _MS)
            for p in found.transcription
        ]
    raise TranscriptError(f'{path} has neither "segments" nor "transcription"')


def _cue(segment: _Segment) -> Cue:
    words = tuple(
        CueWord(plain(w.word), w.start, w.end)
        for w in segment.words
        if w.start is not None and w.end is not None and w.word.strip()
    )
    whole = len(words) == len(segment.words)  # some programs time only some of them
    return Cue(
        plain(segment.text),
        segment.start,
        segment.end,
        segment.speaker or "",
        words if whole else (),
    )
