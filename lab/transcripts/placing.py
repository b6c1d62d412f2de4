"""Lay imported pieces of text along the session's sound: who says each, and when.

What a file does not say is worked out from when each person was heard to speak, and told
as guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from lab.transcripts.model import SpokenTurn, TimedWord
from lab.transcripts.speaker_text import named_role
from lab.transcripts.spreading import spread
from recorder.errors import TranscriptError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.transcripts.cues import Cue
    from lab.transcripts.heard import Sound
    from lab.transcripts.model import Speaker

_BEYOND_S: Final = 1.0  # how far a time may lie behind the sound's end
_LONGEST_PAUSE_S: Final = 2.0  # within a turn
_LONGEST_CHARACTERS: Final = 400  # of a turn: what fits a reader's eye
_MUCH_SPEECH: Final = 0.9
_LEAST_FIT: Final = 0.2


@dataclass(frozen=True, slots=True)
class PlacedCue:
    """A cue whose times and speaker are known."""

    text: str
    start_s: float
    end_s: float
    speaker: Speaker
    words: tuple[TimedWord, ...]


def place_times(cues: Sequence[Cue], sound: Sound) -> tuple[Cue, ...]:
    """Return cues that all have times; the missing ones follow the heard speech.

    Raises TranscriptError for a time behind the sound's end.
    """
    timed = _ends(cues, sound) if any(c.start_s is not None for c in cues) else None
    placed = timed or spread(cues, sound)
    limit_s = sound.length_s + _BEYOND_S
    for number, cue in enumerate(placed, start=1):
        end_s = cue.end_s or 0.0
        if end_s > limit_s:
            raise TranscriptError(
                f"piece {number} ends at {end_s:.1f} s,"
                f" the sound at {sound.length_s:.1f} s",
                hint="it is of another session, or its times are EEG time: --times eeg",
            )
    return tuple(replace(c, end_s=min(c.end_s or 0.0, sound.length_s)) for c in placed)


def overlap(cues: Sequence[Cue], sound: Sound) -> float | None:
    """Return how far the text lies where somebody speaks: 1 fully, 0 as chance has it.

    None where the sound can't tell: somebody speaks nearly always, or never.
    """
    share = sound.spoken_s(0, sound.length_s) / max(sound.length_s, 1e-9)
    total_s = sum((c.end_s or 0) - (c.start_s or 0) for c in cues)
    if not 0 < share < _MUCH_SPEECH or total_s <= 0:
        return None
    spoken_s = sum(sound.spoken_s(c.start_s or 0, c.end_s or 0) for c in cues)
    return (spoken_s / total_s - share) / (1 - share)


def check_overlap(found: float | None) -> None:
    """Raise TranscriptError where the text can't be what was said in this sound."""
    if found is not None and found < _LEAST_FIT:
        raise TranscriptError(
            f"its text does not lie where somebody speaks: fit {found:.2f}, at least"
            f" {_LEAST_FIT} is needed",
            hint="it is of another session; if you know better, say --anyway",
        )


def place_speakers(cues: Sequence[Cue], sound: Sound) -> tuple[PlacedCue, ...]:
    """Return cues with a speaker each: by label, or by who was heard at that time."""
    roles = _roles(cues, sound)
    placed: list[PlacedCue] = []
    for cue in cues:
        role = roles.get(cue.speaker) if cue.speaker else None
        placed += [_placed(cue, role)] if role else _by_hearing(cue, sound)
    return tuple(placed)


def has_guessed_speakers(cues: Sequence[Cue]) -> bool:
    """Tell whether some piece of the file does not say which of the two spoke."""
    return any(named_role(cue.speaker) is None for cue in cues)


def join_turns(cues: Sequence[PlacedCue]) -> tuple[SpokenTurn, ...]:
    """Return turns: neighbouring pieces of one person, as long as one can read at once."""
    turns: list[SpokenTurn] = []
    for cue in sorted(cues, key=lambda c: (c.start_s, c.end_s)):
        last = turns[-1] if turns else None
        joins = (
            last is not None
            and last.speaker == cue.speaker
            and cue.start_s - last.end_s < _LONGEST_PAUSE_S
            and len(last.text) + len(cue.text) < _LONGEST_CHARACTERS
        )
        if last is not None and joins:
            turns[-1] = _joined(last, cue)
        else:
            turns.append(
                SpokenTurn(cue.speaker, cue.start_s, cue.end_s, cue.text, cue.words)
            )
    return tuple(turns)


def _joined(turn: SpokenTurn, cue: PlacedCue) -> SpokenTurn:
    offset = len(turn.text) + 1
    words = tuple(
        TimedWord(w.start + offset, w.end + offset, w.start_s, w.end_s) for w in cue.words
    )
    return SpokenTurn(
        turn.speaker,
        turn.start_s,
        max(turn.end_s, cue.end_s),
        f"{turn.text} {cue.text}",
        (*turn.words, *words),
    )


def _placed(cue: Cue, speaker: Speaker) -> PlacedCue:
    start_s, end_s = cue.start_s or 0.0, cue.end_s or 0.0
    words: list[TimedWord] = []
    at = 0
    for word in cue.words:
        found = cue.text.find(word.text, at)
        if found < 0:
            words = []
            break
        at = found + len(word.text)
        words.append(TimedWord(found, at, word.start_s, word.end_s))
    pieces = words or [TimedWord(0, len(cue.text), start_s, end_s)]
    return PlacedCue(cue.text, start_s, end_s, speaker, tuple(pieces))


def _by_hearing(cue: Cue, sound: Sound) -> list[PlacedCue]:
    """Return the cue, cut between two words where another one was heard to go on."""
    if not cue.words:
        return [_placed(cue, _heard(cue.start_s or 0, cue.end_s or 0, sound))]
    groups: list[tuple[Speaker, list[int]]] = []
    for n, word in enumerate(cue.words):
        speaker = _heard(word.start_s, word.end_s, sound)
        if groups and groups[-1][0] == speaker:
            groups[-1][1].append(n)
        else:
            groups.append((speaker, [n]))
    pieces = []
    for speaker, numbers in groups:
        words = cue.words[numbers[0] : numbers[-1] + 1]
        text = " ".join(word.text for word in words)
        part = replace(
            cue, text=text, start_s=words[0].start_s, end_s=words[-1].end_s, words=words
        )
        pieces.append(_placed(part, speaker))
    return pieces


def _heard(start_s: float, end_s: float, sound: Sound) -> Speaker:
    """Return who spoke most between two moments; else who spoke nearest to them."""
    names: tuple[Speaker, ...] = ("client", "therapist", "someone")
    spoken = {name: sound.spoken_s(start_s, end_s, name) for name in names}
    best = max(names, key=lambda name: spoken[name])
    if spoken[best] > 0:
        return best
    middle_s = (start_s + end_s) / 2
    nearest = min(
        sound.turns,
        key=lambda t: max(t.start_s - middle_s, middle_s - t.end_s, 0.0),
        default=None,
    )
    return nearest.speaker if nearest else "someone"


def _roles(cues: Sequence[Cue], sound: Sound) -> dict[str, Speaker]:
    """Return who each label is: by its name, else by whom it was heard with most."""
    roles: dict[str, Speaker] = {}
    unnamed = []
    for label in sorted({cue.speaker for cue in cues} - {""}):
        named = named_role(label)
        if named:
            roles[label] = named
        else:
            unnamed.append(label)
    if len(unnamed) != 2 or roles:  # noqa: PLR2004 - two people, no more, no less
        return roles
    first, second = (_lean(label, cues, sound) for label in unnamed)
    if first == second:
        return roles
    pair: tuple[Speaker, Speaker] = ("client", "therapist")
    roles[unnamed[0]], roles[unnamed[1]] = pair if first > second else pair[::-1]
    return roles


def _lean(label: str, cues: Sequence[Cue], sound: Sound) -> float:
    """Return by how many seconds more a label was heard as the client."""
    return sum(
        sound.spoken_s(c.start_s or 0, c.end_s or 0, "client")
        - sound.spoken_s(c.start_s or 0, c.end_s or 0, "therapist")
        for c in cues
        if c.speaker == label
    )


def _ends(cues: Sequence[Cue], sound: Sound) -> tuple[Cue, ...]:
    """Return cues that know when they begin with their ends: where the next one begins."""
    placed = []
    for number, cue in enumerate(cues):
        if cue.start_s is None:
            raise TranscriptError(
                f"piece {number + 1} has no time, but others have",
                hint="give every piece a time, or none",
            )
        following = next((c.start_s for c in cues[number + 1 :]), None)
        end_s = cue.end_s if cue.end_s is not None else following or sound.length_s
        placed.append(replace(cue, end_s=max(cue.start_s, end_s)))
    return tuple(placed)
