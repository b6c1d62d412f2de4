"""What a reviewer can do at the desk: each wish becomes acts, written before it is told."""

from __future__ import annotations

import random
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from lab.deidentify.protected import ProtectedWord, find_protected
from lab.deidentify.tokens import tokens_of
from lab.review.acts import Decide, Draw, Look, Mark, NewMask, Read, Undo, Waive
from lab.review.cases import StaleError
from lab.review.signing import protected_since
from recorder.errors import ReviewError

if TYPE_CHECKING:
    from lab.deidentify.kinds import Kind
    from lab.review.acts import Act
    from lab.review.cases import Case, Cases
    from lab.review.state import Mask

SECOND_LOOK_SHARE: Final = 10  # every tenth turn
_LONGEST_MARK: Final = 200  # characters of a place that somebody marks


@dataclass(frozen=True, slots=True)
class _Everywhere:
    """A word that is decided about in all sessions of its client."""

    word: ProtectedWord
    chosen: Mask
    group: str
    yes: bool


@dataclass(frozen=True, slots=True)
class Protected:
    """How many reviews new protected words changed, and which signed texts hold them."""

    reviews: int
    signed: tuple[str, ...]


@dataclass(frozen=True)
class Desk:
    """One reviewer's desk."""

    cases: Cases
    lot: random.Random = field(default_factory=random.SystemRandom)

    def decide(self, session: str, version: int, mask: int, *, yes: bool) -> Case:
        """Take a proposal out, or leave it."""
        return self._do(
            session, version, lambda case: [Decide((_mask(case, mask).id,), yes)]
        )

    def accept_turn(self, session: str, version: int, turn: int) -> Case:
        """Take out what is still open in a turn, which was read to its end."""

        def acts(case: Case) -> list[Act]:
            _check_turn(case, turn)
            waiting = tuple(m.id for m in case.state.masks_of(turn) if m.verdict == "open")
            decide: list[Act] = [Decide(waiting, yes=True)] if waiting else []
            return [*decide, Read(turn)]

        return self._do(session, version, acts)

    def mark(
        self, session: str, version: int, turn: int, start: int, end: int, kind: Kind
    ) -> Case:
        """Take out a place of a turn that nobody had proposed."""

        def acts(case: Case) -> list[Act]:
            place = _place(case, turn, start, end, kind)
            return [Mark((place,))]

        return self._do(session, version, acts)

    def look(self, session: str, version: int, turn: int) -> Case:
        """Note that a drawn turn was looked at again."""

        def acts(case: Case) -> list[Act]:
            if turn not in case.state.to_look:
                raise ReviewError(f"turn {turn} was not drawn for a second look")
            return [Look(turn)]

        return self._do(session, version, acts)

    def waive(self, session: str, version: int, leak: str) -> Case:
        """Sign away one thing the leak test found."""
        return self._do(session, version, lambda _: [Waive(leak[:_LONGEST_MARK])])

    def undo(self, session: str, version: int) -> Case:
        """Take the last act back, in the client's other sessions too if done there."""
        with self.cases.hold(session) as case:
            _check(case, version)
            if not case.state.last:
                raise ReviewError("there is nothing to undo")
            entry = case.review.entries[case.state.last - 1]
            if not entry.group:
                return self.cases.add(case, [Undo(entry.number)])
            after = self.cases.undo_group(case, entry.group)
        self._forget_word(after, entry.group)
        for other in self.cases.of_client(case.transcript.client):
            if other != session:
                with self.cases.hold(other) as one:
                    self.cases.undo_group(one, entry.group)
        return after

    def decide_everywhere(
        self, session: str, version: int, mask: int, *, yes: bool
    ) -> Case:
        """Decide about a word wherever this client's sessions have it.

        Taken out, it becomes a protected word: sessions that come later have it proposed.
        """
        with self.cases.hold(session) as case:
            _check(case, version)
            chosen = _mask(case, mask)
        text = case.transcript.turns[chosen.turn].text[chosen.start : chosen.end]
        word = ProtectedWord(text, chosen.kind)
        group = f"{secrets.token_hex(8)}:{text}"
        if yes:
            with self.cases.hold_words(case.transcript.client) as held:
                held.words = held.words.with_word(word)
        wish = _Everywhere(word, chosen, group, yes=yes)
        return self._everywhere(session, case.transcript.client, wish)

    def protect(self, client: str, words: list[ProtectedWord]) -> Protected:
        """Keep protected words of a client, and take them out of every open review."""
        with self.cases.hold_words(client) as held:
            for word in words:
                held.words = held.words.with_word(word)
        changed = 0
        for session in self.cases.of_client(client):
            with self.cases.hold(session) as case:
                acts = [
                    act for word in words for act in _spread(case, word, None, yes=True)
                ]
                if acts:
                    self.cases.add(case, acts, group=secrets.token_hex(8))
                    changed += 1
        signed = (self.cases.read(one) for one in self.cases.of_client(client, signed=True))
        found = [case.session for case in signed if protected_since(self.cases, case)]
        return Protected(changed, tuple(found))

    def _everywhere(self, session: str, client: str, wish: _Everywhere) -> Case:
        result = None
        for one in self.cases.of_client(client):
            with self.cases.hold(one) as case:
                acts = _spread(case, wish.word, wish.chosen, yes=wish.yes)
                after = case
                if acts:
                    after = self._settled(self.cases.add(case, acts, group=wish.group))
            if one == session:
                result = after
        if result is None:
            raise ReviewError(f"session {session} is signed already")
        return result

    def _forget_word(self, case: Case, group: str) -> None:
        """Let a word that was protected by the act that is undone be protected no more."""
        text = group.partition(":")[2]
        if text:
            with self.cases.hold_words(case.transcript.client) as held:
                held.words = held.words.without_word(text)

    def _do(self, session: str, version: int, acts: _Acts) -> Case:
        with self.cases.hold(session) as case:
            _check(case, version)
            return self._settled(self.cases.add(case, acts(case)))

    def _settled(self, case: Case) -> Case:
        """Draw what is to be looked at again when everything was read and decided.

        Whoever finds something in the second look looks at another tenth.
        """
        state = case.state
        n_turns = len(case.transcript.turns)
        if state.n_open or len(state.read) < n_turns:
            return case
        found_late = _found_late(case)
        if state.drawn and (state.to_look or not found_late):
            return case
        left = sorted(set(range(n_turns)) - state.drawn)
        if not left:
            return case
        n_drawn = min(len(left), max(1, round(n_turns / SECOND_LOOK_SHARE)))
        drawn = tuple(sorted(self.lot.sample(left, n_drawn)))
        return self.cases.add(case, [Draw(drawn)])


if TYPE_CHECKING:
    from collections.abc import Callable

    _Acts = Callable[[Case], list[Act]]


def _found_late(case: Case) -> bool:
    """Tell whether something was taken out after the last draw, when all was decided."""
    undone = {e.act.of for e in case.review.entries if isinstance(e.act, Undo)}
    for entry in reversed(case.review.entries):
        if isinstance(entry.act, Draw):
            return False
        takes_out = isinstance(entry.act, Mark) or (
            isinstance(entry.act, Decide) and entry.act.yes
        )
        if takes_out and entry.number not in undone:
            return True
    return False


def _check(case: Case, version: int) -> None:
    if case.signed:
        raise ReviewError(
            "this transcript is signed", hint="open it again first, then sign it anew"
        )
    if version != case.state.version:
        raise StaleError(
            f"the review is at version {case.state.version}, this page saw {version}",
            hint="it was changed in another window; the page shows it as it is now",
        )


def _check_turn(case: Case, turn: int) -> None:
    if not 0 <= turn < len(case.transcript.turns):
        raise ReviewError(f"there is no turn {turn}")


def _mask(case: Case, number: int) -> Mask:
    found = next((mask for mask in case.state.masks if mask.id == number), None)
    if found is None:
        raise ReviewError(f"there is no proposal {number}")
    return found


def _place(case: Case, turn: int, start: int, end: int, kind: Kind) -> NewMask:
    _check_turn(case, turn)
    text = case.transcript.turns[turn].text
    if not 0 <= start < end <= len(text) or end - start > _LONGEST_MARK:
        raise ReviewError(f"characters {start} to {end} of turn {turn} can't be marked")
    return NewMask(
        turn, start, end, kind, key_of(text[start:end], case.transcript.language)
    )


def key_of(text: str, language: str) -> str:
    """Return what makes a place the same as others: its lemmas."""
    if language == "ru":
        from lab.deidentify.morphology import lemma  # noqa: PLC0415 - loads slowly

        return " ".join(lemma(token.text) for token in tokens_of(text)) or text.lower()
    from lab.deidentify.english_lists import bare  # noqa: PLC0415 - loads slowly

    return " ".join(bare(token.low) for token in tokens_of(text)) or text.lower()


def _spread(
    case: Case, word: ProtectedWord, chosen: Mask | None, *, yes: bool
) -> list[Act]:
    """Return the acts that decide about a word everywhere in one transcript."""
    language = case.transcript.language
    found = find_protected(case.texts, language, [word])
    # To leave a full name in says nothing about its parts.
    whole = " ".join(token.low for token in tokens_of(word.text))
    places = [
        (turn, hit.start, hit.end)
        for turn, hits in enumerate(found)
        for hit in hits
        if yes or hit.key == whole
    ]
    same = tuple(
        mask.id
        for mask in case.state.masks
        if mask.verdict != ("yes" if yes else "no")
        and (_is_same(mask, chosen) or _is_within(mask, places))
    )
    acts: list[Act] = [Decide(same, yes)] if same else []
    if yes:
        covered = [m for m in case.state.masks if m.verdict == "yes" or m.id in same]
        key = chosen.key if chosen else key_of(word.text, language)
        missing = tuple(
            NewMask(turn, start, end, word.kind, key)
            for turn, start, end in places
            if not any(
                m.turn == turn and m.start <= start and end <= m.end for m in covered
            )
        )
        if missing:
            acts.append(Mark(missing, "protected"))
    return acts


def _is_same(mask: Mask, chosen: Mask | None) -> bool:
    return chosen is not None and (mask.kind, mask.key) == (chosen.kind, chosen.key)


def _is_within(mask: Mask, places: list[tuple[int, int, int]]) -> bool:
    return any(
        mask.turn == turn and start <= mask.start and mask.end <= end
        for turn, start, end in places
    )
