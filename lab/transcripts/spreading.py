"""Lay text without times over the speech that was heard, in its order and by its length."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lab.transcripts.heard import HeardTurn
from lab.transcripts.speaker_text import named_role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.transcripts.cues import Cue
    from lab.transcripts.heard import Sound
    from lab.transcripts.model import Speaker

_SNAP_S: Final = 3.0


def spread(cues: Sequence[Cue], sound: Sound) -> tuple[Cue, ...]:
    """Return cues without times laid over the speech by their length, in order.

    Each beginning then goes to the nearest beginning of a turn of that speaker.
    """
    total = sum(len(cue.text) for cue in cues)
    speech = sound.turns or (HeardTurn(0, sound.length_s, "someone"),)
    total_s = sum(turn.end_s - turn.start_s for turn in speech)
    edges_s, done = [], 0
    for cue in cues:
        edges_s.append(_at_speech(speech, total_s * done / total))
        done += len(cue.text)
    snapped: list[float] = []
    for cue, edge_s in zip(cues, edges_s, strict=True):
        near = _snap(edge_s, named_role(cue.speaker), sound)
        snapped.append(max(near, snapped[-1]) if snapped else near)
    last_s = max(snapped[-1], speech[-1].end_s)
    ends_s = [*snapped[1:], last_s]
    return tuple(
        replace(cue, start_s=start_s, end_s=end_s)
        for cue, start_s, end_s in zip(cues, snapped, ends_s, strict=True)
    )


def _at_speech(turns: Sequence[HeardTurn], spoken_s: float) -> float:
    """Return when ``spoken_s`` seconds of speech had gone by."""
    left_s = spoken_s
    for turn in turns:
        if left_s < turn.end_s - turn.start_s:
            return turn.start_s + left_s
        left_s -= turn.end_s - turn.start_s
    return turns[-1].end_s


def _snap(at_s: float, speaker: Speaker | None, sound: Sound) -> float:
    starts_s = [
        turn.start_s
        for turn in sound.turns
        if turn.speaker == speaker and abs(turn.start_s - at_s) <= _SNAP_S
    ]
    return min(starts_s, key=lambda s: abs(s - at_s), default=at_s)
