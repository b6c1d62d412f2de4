"""From keys to marks: on or off, how long ago, with which value; and what became of them.

A mark's stamp is the key's. Where an answer takes time (a value), the mark is sent with
the last key's time and says how much earlier the first one was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from recorder.clock import NS_PER_S
from recorder.protocol import calls

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from recorder.format.codebook import Codebook, Mark
    from recorder.protocol.state import LoggedMark, Session

UNDO_S = 10.0
BACK_S = (0, 10, 30, 60)


@dataclass(frozen=True, slots=True)
class Echo:
    """A mark as the screen shows it before the recorder lists it.

    ``n`` is its number once it is accepted; ``saved`` says that it is on the medium;
    ``refused`` why it never will be.
    """

    call: calls.Mark
    n: int | None = None
    saved: bool = False
    refused: str = ""


class Marking:
    """What the keys of one recording screen have led to. Belongs to that screen."""

    def __init__(self, codebook: Codebook) -> None:
        self._marks = {mark.key.lower(): mark for mark in codebook.visible}
        self.codebook = codebook
        self._back = 0
        self._strength: dict[str, int] = {}
        self.echoes: list[Echo] = []

    @property
    def back_s(self) -> int:
        """How long before its key the next mark happened."""
        return BACK_S[self._back]

    def turn_back(self) -> None:
        """Go on to the next "a moment ago"."""
        self._back = (self._back + 1) % len(BACK_S)

    def stay_now(self) -> None:
        """Forget "a moment ago"."""
        self._back = 0

    def mark_of(self, key: str) -> Mark | None:
        """Return the mark ``key`` makes."""
        return self._marks.get(key)

    def mark_keys(self) -> Sequence[str]:
        """Return the keys that make marks."""
        return tuple(self._marks)

    def strength(self, mark_id: str) -> int | None:
        """Return the strength chosen for a mark that is on."""
        return self._strength.get(mark_id)

    def change_strength(self, running: Sequence[str], by: int) -> None:
        """Make the newest running mark that has a strength stronger or weaker."""
        for mark_id in reversed(running):
            mark = self.codebook.get(mark_id)
            if mark.low is None or mark.high is None:
                continue
            old = self._strength.get(mark_id)
            middle = (mark.low + mark.high) // 2
            new = middle if old is None else max(mark.low, min(old + by, mark.high))
            self._strength[mark_id] = new
            return

    def press(self, mark: Mark, key_ns: int, running: Sequence[str]) -> calls.Mark:
        """Return what ``mark``'s key, pressed at ``key_ns``, asks of the recorder."""
        act: Literal["point", "on", "off"] = "point"
        value = None
        if mark.kind == "on_off":
            act = "off" if mark.id in running else "on"
            value = self._strength.pop(mark.id, None)
        return self._begin(
            calls.Mark(
                id=mark.id, act=act, key_ns=key_ns, value=value, back_s=self._take_back()
            )
        )

    def value(self, mark: Mark, value: int, *, first_ns: int, key_ns: int) -> calls.Mark:
        """Return what a value asks of the recorder, its key pressed at ``first_ns``."""
        back_s = (key_ns - first_ns) / NS_PER_S + self._take_back()
        return self._begin(
            calls.Mark(id=mark.id, act="value", key_ns=key_ns, value=value, back_s=back_s)
        )

    def undo(self, session: Session, key_ns: int) -> calls.Mark | None:
        """Return what takes the newest mark back, None where it is too late."""
        newest = self.undoable(session.marks, key_ns)
        if newest is None:
            return None
        n, mark_id = newest
        return calls.Mark(id=mark_id, act="undo", key_ns=key_ns, of=n)

    def undoable(self, logged: Sequence[LoggedMark], now_ns: int) -> tuple[int, str] | None:
        """Return number and id of the newest mark that may still be taken back.

        None while a newer one is on its way: it is not known yet, and no other is meant.
        """
        if any(echo.n is None and not echo.refused for echo in self.echoes):
            return None
        oldest_ns = now_ns - round(UNDO_S * NS_PER_S)
        listed = [(each.n, each.id, each.key_ns) for each in self.own(logged)]
        fresh = [
            (echo.n, echo.call.id, echo.call.key_ns)
            for echo in self.echoes
            if echo.n is not None
        ]
        undone = {each.n for each in logged if each.undone}
        for n, mark_id, key_ns in sorted(listed + fresh, reverse=True):
            if n not in undone:
                return (n, mark_id) if key_ns >= oldest_ns else None
        return None

    def own(self, logged: Sequence[LoggedMark]) -> list[LoggedMark]:
        """Return the marks made by keys, not those the recorder makes itself."""
        ids = {mark.id for mark in self.codebook.visible}
        return [each for each in logged if each.id in ids]

    def settle(
        self,
        call: calls.Mark,
        *,
        n: int | None = None,
        saved: bool = False,
        refused: str = "",
    ) -> None:
        """Note what the recorder answered to ``call``."""
        self.echoes = [
            replace(echo, n=n, saved=saved, refused=refused) if echo.call is call else echo
            for echo in self.echoes
        ]

    def drop_listed(self, logged: Sequence[LoggedMark], now_ns: int) -> None:
        """Forget echoes the recorder lists itself, and refusals that were long shown."""
        listed = {each.n for each in logged}
        oldest_ns = now_ns - round(UNDO_S * NS_PER_S)
        self.echoes = [
            echo
            for echo in self.echoes
            if echo.n not in listed and not (echo.refused and echo.call.key_ns < oldest_ns)
        ]

    def _begin(self, call: calls.Mark) -> calls.Mark:
        self.echoes.append(Echo(call))
        return call

    def _take_back(self) -> float:
        back_s = float(self.back_s)
        self._back = 0
        return back_s
