"""Help: one page for each screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.content import Content

from tui.screens.base import Act, FieldScreen
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from tui.widgets.key_bar import KeyOffer

TOPICS = (
    "home",
    "clients",
    "confirm",
    "fit",
    "recording",
    "online",
    "erase",
    "finish",
    "uploads",
    "settings",
    "away",
    "notice",
    "faults",
)


class HelpScreen(FieldScreen):
    """The page of ``about``."""

    CSS = """
    HelpScreen #page { padding: 0 2; height: 1fr; }
    HelpScreen .title { color: $good; }
    """
    topic: ClassVar[str] = "home"

    def __init__(self, about: str) -> None:
        super().__init__()
        self._about = about

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Words(self.texts.of("help-title", self._about), classes="title")
        yield Words(Content(self.texts.of("help", self._about)), id="page")

    def acts(self) -> dict[str, Act]:
        """Close it."""
        closing = ("escape", "enter", "f1", "backspace")
        return dict.fromkeys(closing, lambda _: self.leave())

    def offers(self) -> list[KeyOffer]:
        """Name the key."""
        return [self.offer("escape", "key-back")]
