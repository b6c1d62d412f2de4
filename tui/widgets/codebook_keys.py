"""The codebook as keys: what each one means, and which marks are on."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from textual.containers import Grid
from textual.content import Content

from tui.widgets.words import Words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from recorder.format.codebook import Mark
    from tui.texts import Texts


_COLUMNS = 4
_CAP_CELLS = 4


class MarkKey(Words):
    """One mark's key; touching it is pressing it."""

    SCOPED_CSS = False  # the size of the screen counts
    DEFAULT_CSS = """
    MarkKey { height: 2; width: 1fr; background: $panel; }
    MarkKey.-odd { background: $surface; }
    MarkKey.-off { color: $hint; }
    MarkKey.-pressed { background: $go-bg; color: $go-fg; }
    MarkKey.-running { background: $running-bg; color: $running-fg; text-style: bold; }
    """

    def __init__(self, mark: Mark) -> None:
        super().__init__()
        self.mark = mark

    def on_click(self) -> None:
        """Press the key."""
        self.app.simulate_key(self.mark.key.lower())

    def show(self, texts: Texts, *, running: bool) -> None:
        """Say what it means, and whether it is on."""
        room = max(1, self.content_size.width - _CAP_CELLS - 1)
        first, *more = textwrap.wrap(texts.pick(self.mark), room)
        on = texts("mark-running") if running else ""
        below = f"\n{'':{_CAP_CELLS}} ".join(more)
        self.say(
            Content.assemble(
                (self.mark.key.center(_CAP_CELLS), "bold $key-fg on $key-bg"),
                f" {first}\n{on:<{_CAP_CELLS}} {below}",
            )
        )
        self.set_class(running, "-running")


class CodebookKeys(Grid):
    """All marks that have a key."""

    SCOPED_CSS = False  # the size of the screen counts
    DEFAULT_CSS = """
    CodebookKeys {
        grid-size: 4; grid-gutter: 0 1; grid-rows: 2; height: auto; width: 1fr;
    }
    .-tall CodebookKeys { grid-gutter: 1 1; }
    """

    def __init__(self, marks: Sequence[Mark]) -> None:
        super().__init__()
        self._marks = tuple(marks)

    def compose(self) -> ComposeResult:
        """Lay it out."""
        for index, mark in enumerate(self._marks):
            key = MarkKey(mark)
            key.set_class(index // _COLUMNS % 2 == 1, "-odd")
            yield key

    def show(self, texts: Texts, running: Sequence[str], *, usable: bool) -> None:
        """Show which marks are on, and whether marks are taken at all."""
        for key in self.query(MarkKey):
            key.show(texts, running=key.mark.id in running)
            key.set_class(not usable, "-off")

    def light(self, mark_id: str, *, on: bool) -> None:
        """Light the key of ``mark_id`` while its mark is on the way."""
        for key in self.query(MarkKey):
            if key.mark.id == mark_id:
                key.set_class(on, "-pressed")
