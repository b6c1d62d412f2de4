"""The log for the lab: one file without client data, onto a USB stick."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.content import Content

from tui.screens.base import Act, FieldScreen
from tui.sticks import find_stick, free_place
from tui.widgets.button import BigButton
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from recorder.protocol.state import State
    from tui.widgets.key_bar import KeyOffer

_PROGRAM = Path(sys.executable).with_name("fieldrec")


class LogsScreen(FieldScreen):
    """One button."""

    CSS = """
    LogsScreen #what { padding: 1 2; }
    LogsScreen BigButton { margin: 0 2; }
    LogsScreen #said { padding: 1 2; text-style: bold; }
    """
    topic: ClassVar[str] = "settings"

    def __init__(self) -> None:
        super().__init__()
        self._stage = "ready"
        self._file = ""

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Words(self.texts("logs-title"), classes="title")
        yield Words(self.texts("logs-what"), id="what")
        yield BigButton(self.offer("enter", "key-save-logs"))
        yield Words(id="said")

    def show(self, _state: State) -> None:
        """Show how far it is."""
        said = self.texts.of("logs", self._stage, file=self._file)
        self.query_one("#said", Words).say(Content(said))

    def acts(self) -> dict[str, Act]:
        """Save, or go back."""
        acts: dict[str, Act] = {"escape": lambda _: self.leave()}
        if self._stage != "saving":
            acts["enter"] = lambda _: self._save()
        return acts

    def offers(self) -> list[KeyOffer]:
        """Name the keys."""
        return [self.offer("escape", "key-back"), self.offer("enter", "key-save-logs")]

    def _save(self) -> None:
        stick = find_stick()
        if stick is None:
            self._stage = "no-stick"
            self.draw()
            return
        place = free_place(stick, f"fieldrec-{self.field.device}", ".zip")
        self._file = place.name
        self._stage = "saving"
        self.draw()
        self.run_worker(self._bundle(place), exclusive=True)

    async def _bundle(self, path: Path) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *(_PROGRAM, "logs", "--bundle", path, *self.field.box_words),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            code = await process.wait()
        except OSError:
            code = 1
        self._stage = "failed" if code else "saved"
        self.draw()
