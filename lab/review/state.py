"""Where a review stands: all acts folded over the machine's proposals. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import msgspec

from lab.deidentify.kinds import Found, Kind, Source
from lab.review.acts import Decide, Draw, Look, Mark, Read, Undo, Waive

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lab.review.acts import Act, Entry, NewMask

Verdict = Literal["open", "yes", "no"]


class Mask(msgspec.Struct, frozen=True):
    """A place in a turn that may be taken out, and what was decided about it."""

    id: int
    turn: int
    start: int
    end: int
    kind: Kind
    key: str
    source: Source
    confidence: float
    verdict: Verdict = "open"


@dataclass(frozen=True, slots=True)
class ReviewState:
    """A review at one moment; ``version`` counts its acts, undone ones included."""

    version: int
    masks: tuple[Mask, ...]
    read: frozenset[int]
    drawn: frozenset[int]
    looked: frozenset[int]
    waived: frozenset[str]
    last: int  # number of the act an undo would take back; 0 for none

    def masks_of(self, turn: int) -> tuple[Mask, ...]:
        """Return a turn's masks in order."""
        found = (mask for mask in self.masks if mask.turn == turn)
        return tuple(sorted(found, key=lambda mask: (mask.start, mask.end)))

    @property
    def n_open(self) -> int:
        """How many proposals wait for a decision."""
        return sum(mask.verdict == "open" for mask in self.masks)

    @property
    def to_look(self) -> frozenset[int]:
        """Drawn turns that still wait for the second look."""
        return self.drawn - self.looked


def fold(proposals: Sequence[Sequence[Found]], entries: Iterable[Entry]) -> ReviewState:
    """Return where a review with these acts stands."""
    kept = tuple(entries)
    undone = {entry.act.of for entry in kept if isinstance(entry.act, Undo)}
    folding = _Folding(proposals)
    last = 0
    for entry in kept:
        if entry.number in undone or isinstance(entry.act, Undo):
            continue
        folding.take(entry.act)
        if not isinstance(entry.act, Draw):
            last = entry.number
    return folding.state(len(kept), last)


@dataclass
class _Folding:
    """The state while acts are folded; lives only inside `fold`."""

    proposals: Sequence[Sequence[Found]]
    masks: dict[int, Mask] = field(default_factory=dict)
    read: set[int] = field(default_factory=set)
    drawn: set[int] = field(default_factory=set)
    looked: set[int] = field(default_factory=set)
    waived: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._next = 1
        for turn, found in enumerate(self.proposals):
            for one in found:
                self._add(turn, one)

    def take(self, act: Act) -> None:
        """Let one act count."""
        match act:
            case Decide(masks=masks, yes=yes):
                self._decide(masks, yes=yes)
            case Mark(places=places, source=source):
                for place in places:
                    self._mark(place, source)
            case _:
                self._note(act)

    def _note(self, act: Act) -> None:
        match act:
            case Read(turn=turn):
                self.read.add(turn)
            case Draw(turns=turns):
                self.drawn.update(turns)
            case Look(turn=turn):
                self.looked.add(turn)
            case Waive(leak=leak):
                self.waived.add(leak)
            case _:
                pass  # an undo was heeded before

    def state(self, version: int, last: int) -> ReviewState:
        return ReviewState(
            version=version,
            masks=tuple(self.masks.values()),
            read=frozenset(self.read),
            drawn=frozenset(self.drawn),
            looked=frozenset(self.looked),
            waived=frozenset(self.waived),
            last=last,
        )

    def _decide(self, masks: Iterable[int], *, yes: bool) -> None:
        for number in masks:
            mask = self.masks.get(number)
            if mask is not None:
                self.masks[number] = msgspec.structs.replace(
                    mask, verdict="yes" if yes else "no"
                )

    def _mark(self, place: NewMask, source: Literal["person", "protected"]) -> None:
        """Add a place; what it overlaps gives way to it."""
        for number, mask in list(self.masks.items()):
            if (
                mask.turn == place.turn
                and mask.start < place.end
                and place.start < mask.end
            ):
                self.masks[number] = msgspec.structs.replace(mask, verdict="no")
        found = Found(place.start, place.end, place.kind, place.key, source, 1.0)
        number = self._add(place.turn, found)
        self._decide((number,), yes=True)

    def _add(self, turn: int, found: Found) -> int:
        number = self._next
        self._next += 1
        self.masks[number] = Mask(
            number,
            turn,
            found.start,
            found.end,
            found.kind,
            found.key,
            found.source,
            found.confidence,
        )
        return number
