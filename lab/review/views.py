"""What the page is told, as plain values for JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.deidentify.kinds import placeholder
from lab.review.signing import leaks_of, protected_since
from recorder.errors import FieldrecError

if TYPE_CHECKING:
    from lab.review.cases import Case, Cases


def session_list(cases: Cases) -> list[dict[str, object]]:
    """Return every session that has a transcript, and how far its review is."""
    return [_row(cases, session) for session in cases.keeping.sessions()]


def _row(cases: Cases, session: str) -> dict[str, object]:
    try:
        case = cases.read(session)
    except FieldrecError as error:
        return {"session": session, "problem": str(error)}
    state = case.state
    return {
        "session": session,
        "client": case.transcript.client,
        "language": case.transcript.language,
        "minutes": round(case.transcript.sound_s / 60, 1),
        "turns": len(case.transcript.turns),
        "read": len(state.read),
        "open": state.n_open,
        "to_look": len(state.to_look),
        "signed": case.signed,
        "found_since": protected_since(cases, case) if case.signed else 0,
        "made": case.transcript.provenance.made_utc.date().isoformat(),
    }


def case_view(cases: Cases, case: Case) -> dict[str, object]:
    """Return a whole transcript for the page."""
    transcript = case.transcript
    return {
        "session": case.session,
        "client": transcript.client,
        "language": transcript.language,
        "sound_s": transcript.sound_s,
        "provenance": {
            "way": transcript.provenance.way,
            "tool": transcript.provenance.tool,
            "model": transcript.provenance.model,
            "guessed": transcript.provenance.guessed,
        },
        "turns": [
            {
                "speaker": turn.speaker,
                "start_s": round(turn.start_s, 3),
                "end_s": round(turn.end_s, 3),
                "text": turn.text,
                "words": [
                    [w.start, w.end, round(w.start_s, 2), round(w.end_s, 2)]
                    for w in turn.words
                ],
            }
            for turn in transcript.turns
        ],
        **state_view(cases, case),
    }


def state_view(cases: Cases, case: Case) -> dict[str, object]:
    """Return what acts change."""
    words = cases.with_numbers(case)
    language, state = case.transcript.language, case.state
    return {
        "version": state.version,
        "masks": [
            [
                *(mask.id, mask.turn, mask.start, mask.end, mask.kind, mask.source),
                *(round(mask.confidence, 2), mask.verdict),
                placeholder(mask.kind, words.number(mask.kind, mask.key), language),
            ]
            for mask in state.masks
        ],
        "read": sorted(state.read),
        "drawn": sorted(state.drawn),
        "looked": sorted(state.looked),
        "waived": len(state.waived),
        "can_undo": bool(state.last) and not case.signed,
        "signed": case.signed,
    }


def leak_view(cases: Cases, case: Case) -> dict[str, object]:
    """Return what the leak test finds, and what else is still to be done."""
    return {
        "version": case.state.version,
        "leaks": [
            {
                "id": leak.id,
                "code": leak.code,
                "turn": leak.turn,
                "start": leak.start,
                "end": leak.end,
                "text": leak.text,
                "times": leak.times,
            }
            for leak in leaks_of(cases, case)
        ],
        "open": case.state.n_open,
        "unread": len(case.transcript.turns) - len(case.state.read),
        "to_look": len(case.state.to_look),
        "reviewer": cases.who,
    }
