"""A transcript as others may read it: what was decided is taken out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lab.deidentify.kinds import Kind, placeholder
from lab.transcripts.model import Speaker  # noqa: TC001 - msgspec reads the annotations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.deidentify.clients_words import ClientWords
    from lab.review.state import Mask
    from lab.transcripts.model import Transcript


class TakenOut(msgspec.Struct, frozen=True):
    """Where a placeholder stands in the text, and of what kind it is."""

    start: int
    end: int
    kind: Kind


class CleanTurn(msgspec.Struct, frozen=True):
    """One turn without what was taken out; times are seconds of the session's sound."""

    turn: int
    speaker: Speaker
    start_s: float
    end_s: float
    text: str
    masks: tuple[TakenOut, ...]


def render(
    transcript: Transcript, masks: Sequence[Mask], words: ClientWords
) -> tuple[CleanTurn, ...]:
    """Return every turn with placeholders for what was decided to be taken out."""
    by_turn: dict[int, list[Mask]] = {}
    for mask in masks:
        if mask.verdict == "yes":
            by_turn.setdefault(mask.turn, []).append(mask)
    return tuple(
        _clean(transcript, number, by_turn.get(number, []), words)
        for number in range(len(transcript.turns))
    )


def blanked(text: str, masks: Sequence[Mask]) -> str:
    """Return ``text`` as long as before, with blanks for what is taken out."""
    letters = list(text)
    for mask in masks:
        if mask.verdict == "yes":
            letters[mask.start : mask.end] = " " * (mask.end - mask.start)
    return "".join(letters)


def _clean(
    transcript: Transcript, number: int, masks: Sequence[Mask], words: ClientWords
) -> CleanTurn:
    turn = transcript.turns[number]
    pieces: list[str] = []
    taken: list[TakenOut] = []
    length, at = 0, 0
    for mask in sorted(masks, key=lambda m: (m.start, m.end)):
        start, end = max(mask.start, at), mask.end
        if end <= at:
            continue
        stand_in = placeholder(
            mask.kind, words.number(mask.kind, mask.key), transcript.language
        )
        between = turn.text[at:start]
        length += len(between)
        taken.append(TakenOut(length, length + len(stand_in), mask.kind))
        pieces += [between, stand_in]
        length += len(stand_in)
        at = end
    pieces.append(turn.text[at:])
    return CleanTurn(
        number, turn.speaker, turn.start_s, turn.end_s, "".join(pieces), tuple(taken)
    )
