"""Parts that nobody writes into any more, on their way to being closed.

They are closed in small steps between ticks, so that sealing a minute of sound never
delays the saving of the next second. One that can't be closed is let go if its journal
holds all of it; otherwise its end is in RAM alone, and it is tried again and again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from recorder.store.part import OpenPart

_LAST_TRIES = 3
_MANY_WAITING = 2  # each keeps a journal of its own meanwhile


class ClosingParts:
    """A queue of parts to close. Belongs to the writer thread."""

    def __init__(self) -> None:
        self._parts: list[OpenPart] = []
        self._steps: Iterator[None] | None = None
        self._resting = False
        self._failure = ""

    @property
    def trouble(self) -> str:
        """What keeps parts from being closed, for a person; empty while all is well."""
        if len(self._parts) > _MANY_WAITING:
            return f"{len(self._parts)} parts wait to be closed: the disk is too slow"
        return self._failure

    @property
    def any_unsafe(self) -> bool:
        """Whether the end of some part is in RAM alone."""
        return any(part.unsafe for part in self._parts)

    def add(self, part: OpenPart) -> None:
        """Take over a part that is written no more."""
        self._parts.append(part)

    def work(self) -> bool:
        """Take one step; tell whether there is more to do now. Never raises OSError."""
        if not self._parts or self._resting:
            return False
        part = self._parts[0]
        if self._steps is None:
            self._steps = part.closing()
        try:
            next(self._steps)
        except StopIteration:
            self._steps = None
            self._parts.pop(0)
        except OSError as error:
            self._steps = None
            self._failed(part, error)
        return bool(self._parts) and not self._resting

    def rested(self) -> None:
        """Allow another try after a failure."""
        self._resting = False

    def finish(self) -> int:
        """Close what can be closed; return how many parts are not saved whole."""
        for _ in range(_LAST_TRIES):
            self.rested()
            while self.work():
                pass
        return len(self._parts)

    def forget(self, numbers: Collection[int]) -> None:
        """Drop parts that are to be erased."""
        if self._parts and self._parts[0].number in numbers:
            self._steps = None
        for part in [part for part in self._parts if part.number in numbers]:
            self._parts.remove(part)
            part.abandon()

    def let_go(self) -> None:
        """Close the files and write nothing more."""
        for part in self._parts:
            part.abandon()

    def _failed(self, part: OpenPart, error: OSError) -> None:
        self._failure = f"part {part.number} could not be closed: {error.strerror}"
        self._resting = True
        self._parts.remove(part)
        if part.unsafe:
            self._parts.append(part)
        else:
            part.abandon()
