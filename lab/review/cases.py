"""One transcript under review, read from where it lies sealed and written back in one step.

Whoever changes it holds its folder's lock meanwhile and says which version they saw, so
that two pages, or two programs, can't overwrite each other.
"""

from __future__ import annotations

import getpass
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from lab.deidentify.clients_words import ClientsFile, ClientWords
from lab.review.acts import Entry, Proposals, ReviewFile, Undo
from lab.review.state import fold
from lab.transcripts.keeping import PROPOSALS, REVIEW, SIGNED, TRANSCRIPT, Keeping
from lab.transcripts.model import Transcript
from recorder.errors import ReviewError, TranscriptError
from recorder.files import locked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.review.acts import Act
    from lab.review.state import ReviewState


class StaleError(ReviewError):
    """Somebody else changed the review since the version that was seen."""


@dataclass(frozen=True, slots=True)
class Case:
    """A transcript, what was proposed, and what was done about it so far."""

    session: str
    transcript: Transcript
    proposals: Proposals
    review: ReviewFile
    state: ReviewState
    signed: bool

    @property
    def texts(self) -> list[str]:
        """The words of each turn as they came."""
        return [turn.text for turn in self.transcript.turns]


@dataclass(frozen=True)
class Cases:
    """Reads and changes reviews; every change is on the disk before it is told."""

    keeping: Keeping
    who: str = ""

    def read(self, session: str) -> Case:
        """Return a session's case; TranscriptError where it has none."""
        transcript = self.keeping.read(session, TRANSCRIPT, Transcript)
        proposals = self.keeping.read(session, PROPOSALS, Proposals)
        review = self._review(session, transcript)
        return Case(
            session=session,
            transcript=transcript,
            proposals=proposals,
            review=review,
            state=fold(proposals.turns, review.entries),
            signed=self.keeping.has(session, SIGNED),
        )

    @contextmanager
    def hold(self, session: str) -> Iterator[Case]:
        """Yield a case that nobody else changes meanwhile."""
        with self.keeping.held(session):
            yield self.read(session)

    def add(self, case: Case, acts: Sequence[Act], *, group: str = "") -> Case:
        """Write acts down and return the case with them; only while it is held."""
        now = datetime.now(UTC)
        entries = list(case.review.entries)
        for act in acts:
            number = len(entries) + 1
            entries.append(Entry(number, now, self.who or getpass.getuser(), act, group))
        review = ReviewFile(case.review.transcript_sha256, tuple(entries))
        self.keeping.put(case.session, REVIEW, msgspec.json.encode(review))
        state = fold(case.proposals.turns, review.entries)
        return Case(
            case.session, case.transcript, case.proposals, review, state, case.signed
        )

    def undo_group(self, case: Case, group: str) -> Case:
        """Take back every act of a group that still counts."""
        undone = {e.act.of for e in case.review.entries if isinstance(e.act, Undo)}
        acts = [
            Undo(entry.number)
            for entry in case.review.entries
            if entry.group == group
            and entry.number not in undone
            and not isinstance(entry.act, Undo)
        ]
        return self.add(case, acts) if acts else case

    def of_client(self, client: str, *, signed: bool = False) -> tuple[str, ...]:
        """Return the client's sessions whose review still goes on, or is signed.

        One that can't be opened is left out: it can't be signed or released either.
        """
        found = []
        for session in self.keeping.sessions():
            if self.keeping.has(session, SIGNED) != signed:
                continue
            with suppress(TranscriptError):
                transcript = self.keeping.read(session, TRANSCRIPT, Transcript)
                if transcript.client == client:
                    found.append(session)
        return tuple(found)

    def words(self, client: str) -> ClientWords:
        """Return a client's protected words and placeholders."""
        file = self.keeping.read_protected(ClientsFile)
        return file.clients.get(client, ClientWords()) if file else ClientWords()

    @contextmanager
    def hold_words(self, client: str) -> Iterator[_WordsHeld]:
        """Yield a client's words to be changed; written when the block ends."""
        with locked(self.keeping.lab.root):
            file = self.keeping.read_protected(ClientsFile) or ClientsFile()
            before = file.clients.get(client, ClientWords())
            held = _WordsHeld(before)
            yield held
            if held.words != before:
                clients = {**file.clients, client: held.words}
                self.keeping.write_protected(ClientsFile(clients))

    def with_numbers(self, case: Case) -> ClientWords:
        """Return the client's words, with a number for every mask of this case."""
        client = case.transcript.client
        ordered = sorted(case.state.masks, key=lambda mask: (mask.turn, mask.start))
        wanted = [(mask.kind, mask.key) for mask in ordered if mask.verdict != "no"]
        words = self.words(client)
        if words.with_numbers(wanted) == words:
            return words
        with self.hold_words(client) as held:
            held.words = held.words.with_numbers(wanted)
        return held.words

    def _review(self, session: str, transcript: Transcript) -> ReviewFile:
        digest = transcript.digest()
        if not self.keeping.has(session, REVIEW):
            return ReviewFile(digest)
        review = self.keeping.read(session, REVIEW, ReviewFile)
        if review.transcript_sha256 != digest:
            raise ReviewError(
                f"the review of session {session} is of another transcript",
                hint="take the transcript in again: fieldrec-lab transcribe --replace",
            )
        return review


def forget_words(keeping: Keeping, client: str) -> None:
    """Delete a client's protected words and placeholders."""
    with locked(keeping.lab.root):
        file = keeping.read_protected(ClientsFile)
        if file is not None and client in file.clients:
            kept = {code: words for code, words in file.clients.items() if code != client}
            keeping.write_protected(ClientsFile(kept))


@dataclass
class _WordsHeld:
    """A client's words while they are held; set ``words`` to change them."""

    words: ClientWords
