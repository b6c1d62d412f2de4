"""A signed transcript in a dataset: turns and pairs as JSON lines, words as events.

All in EEG time. Nothing is said in other words than it was: a paraphrase could not be laid
beside the EEG any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from lab.dataset.tables import json_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab.review.signing import SignedText
    from lab.transcripts.model import Speaker
    from lab.transcripts.sound_clock import SoundClock

_MS_DIGITS: Final = 3
_INSTRUCTION: Final = (
    "A client speaks in a session of psychotherapy. Words in brackets stand for what was"
    " taken out. Answer as the therapist did."
)


@dataclass(frozen=True, slots=True)
class SpokenRow:
    """One turn in seconds of EEG time, as it may leave the lab."""

    turn: int
    speaker: Speaker
    onset_s: float
    end_s: float
    text: str
    masks: tuple[dict[str, object], ...]


def spoken_rows(signed: SignedText, clock: SoundClock) -> tuple[SpokenRow, ...]:
    """Return the turns of a signed transcript in EEG time."""
    edges_s = np.array([[turn.start_s, turn.end_s] for turn in signed.turns])
    eeg_s = clock.eeg_s(edges_s.reshape(-1, 2)).tolist()
    return tuple(
        SpokenRow(
            turn=turn.turn,
            speaker=turn.speaker,
            onset_s=round(onset_s, _MS_DIGITS),
            end_s=round(end_s, _MS_DIGITS),
            text=turn.text,
            masks=tuple(
                {"start": m.start, "end": m.end, "kind": m.kind} for m in turn.masks
            ),
        )
        for turn, (onset_s, end_s) in zip(signed.turns, eeg_s, strict=True)
    )


def turns_jsonl(rows: tuple[SpokenRow, ...], subject: str, session: str) -> bytes:
    """Return one JSON line a turn: ``sub, ses, turn, speaker, t0, t1, text, masks``."""
    return _lines(
        {
            "sub": subject,
            "ses": session,
            "turn": row.turn,
            "speaker": row.speaker,
            "t0": row.onset_s,
            "t1": row.end_s,
            "text": row.text,
            "masks": row.masks,
        }
        for row in rows
    )


def pairs_jsonl(rows: tuple[SpokenRow, ...], subject: str, session: str) -> bytes:
    """Return one JSON line for each time the therapist answered the client.

    ``instruction``, ``input`` and ``output`` are the names that question-answer sets such
    as MentalChat16K have; the other fields lead back to the turns.
    """
    return _lines(
        {
            "instruction": _INSTRUCTION,
            "input": " ".join(row.text for row in asked),
            "output": " ".join(row.text for row in answered),
            "sub": subject,
            "ses": session,
            "input_turns": [row.turn for row in asked],
            "output_turns": [row.turn for row in answered],
            "t0": asked[0].onset_s,
            "t1": answered[-1].end_s,
        }
        for asked, answered in _exchanges(rows)
    )


def provenance_json(signed: SignedText) -> bytes:
    """Return where the words came from and how they were reviewed; no person by name."""
    made = signed.provenance
    return json_bytes(
        {
            "Description": "De-identified transcript: names, places, dates and numbers were"
            " taken out by a person, with proposals by rules, dictionaries and a name"
            " finder; turns are in seconds of EEG time",
            "Language": signed.language,
            "Speakers": "client, therapist, someone (one microphone can't tell who)",
            "Source": made.way,
            "Tool": made.tool,
            "Model": made.model,
            "SourceSHA256": made.sha256 if made.way == "recogniser" else "",
            "GuessedFromSound": list(made.guessed),
            "ProposedBy": list(signed.finders),
            "Review": {
                "Turns": signed.counts.turns,
                "Proposed": signed.counts.proposed,
                "TakenOut": signed.counts.taken_out,
                "LeftAfterDecision": signed.counts.left,
                "MarkedByPerson": signed.counts.marked_by_person,
                "LookedAtAgain": signed.counts.looked_again,
                "SignedAwayAtLeakTest": signed.counts.signed_away,
            },
            "SoftwareVersion": signed.software,
            "Paraphrased": False,
        }
    )


def _exchanges(
    rows: tuple[SpokenRow, ...],
) -> list[tuple[list[SpokenRow], list[SpokenRow]]]:
    """Return what the client said until the therapist answered, with the answer."""
    found: list[tuple[list[SpokenRow], list[SpokenRow]]] = []
    for row in rows:
        if row.speaker == "client":
            if not found or found[-1][1]:
                found.append(([], []))
            found[-1][0].append(row)
        elif row.speaker == "therapist" and found:
            found[-1][1].append(row)
    return [(asked, answered) for asked, answered in found if answered]


def _lines(rows: Iterable[dict[str, object]]) -> bytes:
    encoder = msgspec.json.Encoder()
    return encoder.encode_lines(rows)
