"""Sign a reviewed transcript off, and tell later whether it is still what was signed.

What is signed is the very text that leaves the lab, with where it came from; the signature
is a named reviewer's own SSHSIG.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from lab.catalogue import Act
from lab.deidentify.leaks import Leak, LeakTest
from lab.review.cases import Cases
from lab.review.rendering import CleanTurn, blanked, render
from lab.transcripts.keeping import LEMMAS, SIGNED, Keeping
from lab.transcripts.model import (  # noqa: TC001 - msgspec reads them
    Language,
    Provenance,
    Transcript,
)
from lab.transcripts.reviewers import NAMESPACE_TRANSCRIPT, read_reviewers
from recorder import __version__
from recorder.errors import (
    FieldrecError,
    ReviewError,
    SignatureError,
    TranscriptError,
)
from recorder.format.sshsig import sign, verify

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from lab.review.cases import Case
    from lab.settings import Lab

SIGN_ACT = "sign transcript"
REOPEN_ACT = "open signed transcript again"


class Counts(msgspec.Struct, frozen=True):
    """How the review went, in numbers only."""

    turns: int
    proposed: int
    taken_out: int
    left: int
    marked_by_person: int
    looked_again: int
    signed_away: int


class SignedText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The text that leaves the lab, as its reviewer signed it."""

    version: int = 1
    device: str
    session: str
    manifest_sha256: str
    transcript_sha256: str
    language: Language
    turns: tuple[CleanTurn, ...]
    provenance: Provenance
    finders: tuple[str, ...] = ()
    counts: Counts
    reviewer: str
    signed_utc: datetime
    software: str


class Lemmas(msgspec.Struct, frozen=True):
    """All lemmas of one transcript, and whose they are."""

    client: str
    lemmas: frozenset[str]


class SignedFile(msgspec.Struct, frozen=True):
    """The signed bytes, as they are, and their signature."""

    content: bytes
    signature: str


TranscriptState = Literal["none", "unreviewed", "signed_off"]


def leaks_of(cases: Cases, case: Case) -> tuple[Leak, ...]:
    """Return what is left in the text and was not signed away yet."""
    test = _leak_test(cases, case, _elsewhere(cases.keeping, case.transcript))
    found = test.run(_left_of(case))
    return tuple(leak for leak in found if leak.id not in case.state.waived)


def protected_since(cases: Cases, case: Case) -> int:
    """Return how many protected words a signed text holds: they came later."""
    found = _leak_test(cases, case, frozenset()).protected_in(_left_of(case))
    return sum(leak.id not in case.state.waived for leak in found)


def _leak_test(cases: Cases, case: Case, elsewhere: frozenset[str]) -> LeakTest:
    words = cases.words(case.transcript.client).words
    return LeakTest(case.transcript.language, words, elsewhere)


def _left_of(case: Case) -> list[str]:
    """Return what is left of each turn, blanks for what is taken out."""
    return [
        blanked(turn.text, case.state.masks_of(number))
        for number, turn in enumerate(case.transcript.turns)
    ]


def unfinished(cases: Cases, case: Case) -> str:
    """Return what is still to be done before a signature; empty where nothing is."""
    state = case.state
    unread = len(case.transcript.turns) - len(state.read)
    if state.n_open or unread:
        return f"{state.n_open} proposals are open and {unread} turns are not read"
    if state.to_look or not state.drawn:
        return f"{len(state.to_look)} turns wait for a second look"
    n_leaks = len(leaks_of(cases, case))
    return f"the leak test found {n_leaks} places" if n_leaks else ""


def sign_off(
    cases: Cases, session: str, version: int, key: Ed25519PrivateKey
) -> SignedText:
    """Sign what the review made of a transcript; ReviewError where it is not finished."""
    with cases.hold(session) as case:
        if case.signed or version != case.state.version:
            raise ReviewError(f"session {session} changed since this page was shown")
        left = unfinished(cases, case)
        if left:
            raise ReviewError(f"this can't be signed yet: {left}")
        signed = _text(cases, case)
        content = msgspec.json.encode(signed)
        signature = sign(content, key, namespace=NAMESPACE_TRANSCRIPT)
        _verify(cases.keeping.lab, content, signature, cases.who)
        file = msgspec.json.encode(SignedFile(content, signature))
        cases.keeping.put(session, SIGNED, file)
    _log(cases, SIGN_ACT, case, text_digest(signed), signature)
    return signed


def reopen(cases: Cases, session: str) -> None:
    """Take a signature back, so that the review can go on; the log says who did."""
    with cases.hold(session) as case:
        if not case.signed:
            raise ReviewError(f"session {session} is not signed")
        (cases.keeping.folder(session) / SIGNED).unlink()
    _log(cases, REOPEN_ACT, case, "", "")


def check_signed(cases: Cases, session: str) -> SignedText:
    """Return the text that may leave the lab.

    Raises ReviewError unless a reviewer signed it, it still is what the review makes of
    the transcript, and the leak test by today's protected words still finds nothing.
    """
    case = cases.read(session)
    if not case.signed:
        raise ReviewError(
            f"the transcript of session {session} is not signed",
            hint="have it reviewed: fieldrec-lab review --serve --lab LAB",
        )
    file = cases.keeping.read(session, SIGNED, SignedFile)
    signed = _decoded(file.content, session)
    _verify(cases.keeping.lab, file.content, file.signature, signed.reviewer)
    words = cases.words(case.transcript.client)
    same = (
        signed.session == session
        and signed.transcript_sha256 == case.transcript.digest()
        and signed.turns == render(case.transcript, case.state.masks, words)
    )
    if not same:
        raise ReviewError(
            f"the transcript of session {session} changed after it was signed",
            hint="open it again in the review and sign it anew",
        )
    leaks = leaks_of(cases, case)
    if leaks:
        raise ReviewError(
            f"the leak test finds {len(leaks)} places in the signed transcript of session"
            f" {session}",
            hint="words were protected since, or other clients' texts are gone, so that"
            " words are rare now: open it again in the review",
        )
    return signed


def text_digest(signed: SignedText) -> str:
    """Return what the log calls exactly this signed text."""
    return hashlib.sha256(msgspec.json.encode(signed)).hexdigest()


def transcript_states(lab: Lab, sessions: Iterable[str]) -> dict[str, TranscriptState]:
    """Return how far each session's transcript is."""
    cases = Cases(Keeping(lab))
    known = set(cases.keeping.sessions())
    states: dict[str, TranscriptState] = {}
    for session in sessions:
        if session not in known:
            states[session] = "none"
            continue
        try:
            check_signed(cases, session)
            states[session] = "signed_off"
        except FieldrecError:
            states[session] = "unreviewed"
    return states


def _text(cases: Cases, case: Case) -> SignedText:
    transcript, state = case.transcript, case.state
    words = cases.with_numbers(case)
    verdicts = [mask.verdict for mask in state.masks]
    return SignedText(
        device=transcript.device,
        session=transcript.session,
        manifest_sha256=transcript.manifest_sha256,
        transcript_sha256=transcript.digest(),
        language=transcript.language,
        turns=render(transcript, state.masks, words),
        provenance=transcript.provenance,
        finders=case.proposals.finders,
        counts=Counts(
            turns=len(transcript.turns),
            proposed=sum(len(found) for found in case.proposals.turns),
            taken_out=verdicts.count("yes"),
            left=verdicts.count("no"),
            marked_by_person=sum(mask.source == "person" for mask in state.masks),
            looked_again=len(state.looked),
            signed_away=len(state.waived),
        ),
        reviewer=cases.who,
        signed_utc=datetime.now(UTC),
        software=__version__,
    )


def _verify(lab: Lab, content: bytes, signature: str, reviewer: str) -> None:
    try:
        verify(
            content,
            signature,
            namespace=NAMESPACE_TRANSCRIPT,
            principal=reviewer,
            signers=read_reviewers(lab),
        )
    except SignatureError as error:
        raise ReviewError(f"its signature does not count: {error.message}") from error


def _decoded(content: bytes, session: str) -> SignedText:
    try:
        return msgspec.json.decode(content, type=SignedText)
    except msgspec.MsgspecError:
        raise ReviewError(f"the signed transcript of session {session} is broken") from None


def _elsewhere(keeping: Keeping, mine: Transcript) -> frozenset[str]:
    """Return the lemmas that other clients' transcripts have.

    One that can't be opened counts for nothing: then more words are rare.
    """
    found: set[str] = set()
    for session in keeping.sessions():
        if session != mine.session:
            with suppress(TranscriptError):
                lemmas = keeping.read(session, LEMMAS, Lemmas)
                if lemmas.client != mine.client:
                    found.update(lemmas.lemmas)
    return frozenset(found)


def _log(cases: Cases, what: str, case: Case, text_sha256: str, signature: str) -> None:
    facts = {
        "text_sha256": text_sha256,
        "transcript_sha256": case.transcript.digest(),
        "reviewer": cases.who,
        "signature": signature,
    }
    transcript = case.transcript
    cases.keeping.log(
        Act(
            what,
            transcript.device,
            transcript.session,
            msgspec.json.encode(facts).decode(),
            who=cases.who,
        )
    )
