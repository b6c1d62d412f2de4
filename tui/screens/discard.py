"""Leave nothing of the session: the key has to be held."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from recorder.protocol.calls import Discard
from tui.screens.base import Act, FieldScreen
from tui.widgets.hold import HoldBar
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from recorder.protocol.lines import Answer
    from tui.widgets.key_bar import KeyOffer


class DiscardScreen(FieldScreen):
    """Enter, held for two seconds."""

    CSS = """
    DiscardScreen .title { color: $dead; }
    DiscardScreen #what { padding: 1 2; }
    DiscardScreen #hold { padding: 1 2 0 2; text-style: bold; }
    DiscardScreen HoldBar { margin: 0 2; }
    """
    topic: ClassVar[str] = "erase"
    takes_held: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self._sent = False

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Words(self.texts("discard-title"), classes="title")
        yield Words(self.texts("discard-meaning"), id="what")
        yield Words(self.texts("discard-hold"), id="hold")
        yield HoldBar()

    def acts(self) -> dict[str, Act]:
        """Hold, or leave everything as it is."""
        return {
            "enter": lambda _: self.query_one(HoldBar).press(),
            "escape": lambda _: self.leave(),
        }

    def offers(self) -> list[KeyOffer]:
        """Name the key."""
        return [self.offer("escape", "key-discard-not")]

    def on_hold_bar_held(self) -> None:
        """Discard, once."""
        if not self._sent:
            self._sent = True
            self.field.ask(Discard(), self._take_answer)

    def _take_answer(self, answer: Answer) -> None:
        self._sent = False
        if answer.fault is not None:
            self.leave()
            self.field.tell(answer.fault)
