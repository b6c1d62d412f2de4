"""The end of a recording: surely? And the way to leave nothing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from recorder.protocol.calls import Stop
from tui.claim import Claim
from tui.screens.base import Act, FieldScreen
from tui.screens.discard import DiscardScreen
from tui.widgets.button import BigButton
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from recorder.protocol.lines import Answer
    from recorder.protocol.state import State
    from tui.widgets.key_bar import KeyOffer


class StopScreen(FieldScreen):
    """Enter ends, Esc goes on recording."""

    CSS = """
    StopScreen #what { padding: 1 2; }
    StopScreen BigButton { margin: 1 2; background: $recording-bg; color: $recording-fg; }
    StopScreen #end { background: $stopped-bg; color: $stopped-fg; }
    """
    topic: ClassVar[str] = "recording"

    def __init__(self) -> None:
        super().__init__()
        self._sent = False

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Words(self.texts("stop-title"), classes="title")
        yield Words(id="what")
        yield BigButton(self.offer("enter", "key-stop-now"), id="end")
        yield BigButton(self.offer("escape", "key-stop-not"), id="back")

    def show(self, _state: State) -> None:
        """Show what goes on meanwhile, and that the end is on its way."""
        paused = self.field.claim is Claim.PAUSED
        meaning = "stop-meaning-paused" if paused else "stop-meaning"
        self.query_one("#what", Words).say(self.texts(meaning))
        self.query_one("#back", BigButton).show(self._back(), on=True)
        says = "stop-saving" if self._sent else "key-stop-now"
        button = self.query_one("#end", BigButton)
        button.show(self.offer("enter", says), on=not self._sent)

    def acts(self) -> dict[str, Act]:
        """End, go on, or leave nothing."""
        return {
            "enter": lambda _: self._stop(),
            "escape": lambda _: self.leave(),
            "f8": lambda _: self.app.switch_screen(DiscardScreen()),
        }

    def offers(self) -> list[KeyOffer]:
        """Name the keys."""
        return [self._back(), self.offer("f8", "key-discard")]

    def _back(self) -> KeyOffer:
        paused = self.field.claim is Claim.PAUSED
        return self.offer("escape", "key-stop-not-paused" if paused else "key-stop-not")

    def _stop(self) -> None:
        if not self._sent:
            self._sent = True
            self.field.ask(Stop(), self._take_answer)
            self.draw()

    def _take_answer(self, answer: Answer) -> None:
        self._sent = False
        if answer.fault is not None:
            self.leave()
            self.field.tell(answer.fault)
