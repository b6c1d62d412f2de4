"""Statements to confirm one by one: Enter ticks the one that is lit."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.content import Content
from textual.message import Message

from tui.widgets.glyphs import glyphs
from tui.widgets.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult


@dataclass(frozen=True, slots=True)
class Statement:
    """Something a person confirms."""

    id: str
    says: str


_BOX_CELLS = 6  # a box and the padding


class _Ticked(Words):
    DEFAULT_CSS = """
    _Ticked { padding: 0 1; height: auto; min-height: 1; }
    _Ticked.-lit { background: $go-bg; color: $go-fg; text-style: bold; }
    _Ticked.-airy { margin: 0 0 1 0; }
    """

    def on_click(self) -> None:
        """Tick it, if it is its turn."""
        if self.has_class("-lit"):
            self.app.simulate_key("enter")


class Checklist(Vertical):
    """The statements, ticked from above; ``more`` says that so many are further below."""

    DEFAULT_CSS = """
    Checklist { width: 1fr; height: 1fr; }
    Checklist #more { padding: 0 1; color: $hint; }
    """

    @dataclass
    class Done(Message):
        """Every statement is ticked."""

    def __init__(
        self,
        statements: Sequence[Statement],
        *,
        more: Callable[[int], str],
        ticked: int = 0,
    ) -> None:
        super().__init__()
        self._statements = tuple(statements)
        self._more = more
        self.ticked = ticked

    def compose(self) -> ComposeResult:
        """Lay it out."""
        for _ in self._statements:
            yield _Ticked()
        yield Words(id="more")

    def on_mount(self) -> None:
        """Draw it first."""
        self._draw()

    def on_resize(self) -> None:
        """Fill the new place."""
        self._draw()

    def tick(self) -> None:
        """Tick the statement that is lit; post `Done` with the last."""
        if self.ticked < len(self._statements):
            self.ticked += 1
            self._draw()
        if self.ticked == len(self._statements):
            self.post_message(self.Done())

    def untick(self) -> bool:
        """Take the last tick back; tell whether there was one."""
        if self.ticked == 0:
            return False
        self.ticked -= 1
        self._draw()
        return True

    def _draw(self) -> None:
        signs = glyphs()
        shown, airy = self._shown()
        lines = zip(self._statements, self.query(_Ticked), strict=True)
        for index, (statement, words) in enumerate(lines):
            box = f"[{signs.tick}]" if index < self.ticked else "[ ]"
            look = "$good" if index < self.ticked else ""
            words.say(Content.assemble((box, look), f" {statement.says}"))
            words.set_class(index == self.ticked, "-lit")
            words.set_class(airy, "-airy")
            words.display = index in shown
        below = len(self._statements) - shown.stop
        more = self.query_one("#more", Words)
        more.display = below > 0
        more.say(self._more(below) if below else "")

    def _shown(self) -> tuple[range, bool]:
        """Return which statements fit, and whether with room between them.

        Where not all do, those ticked already make place for the next.
        """
        width, room = self.content_size
        rows = [
            len(textwrap.wrap(each.says, max(1, width - _BOX_CELLS)))
            for each in self._statements
        ]
        everything = range(len(rows))
        if room <= 0 or sum(rows) <= room:
            return everything, sum(rows) + len(rows) <= room
        first = 0
        while first < self.ticked and sum(rows[first : self.ticked + 1]) >= room:
            first += 1
        last = first
        while last < len(rows) and sum(rows[first : last + 1]) < room:
            last += 1
        return range(first, max(last, first + 1)), False
