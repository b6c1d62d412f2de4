"""For demonstrations: let a simulated device fail. No real device ever shows this."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from recorder.protocol.calls import Provoke
from tui.screens.base import Act, FieldScreen
from tui.widgets.choice import Choice, Line
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from recorder.protocol.state import State
    from tui.widgets.key_bar import KeyOffer

FAULTS: tuple[Literal["electrodes", "headset", "microphone"], ...] = (
    "electrodes",
    "headset",
    "microphone",
)


class FaultsScreen(FieldScreen):
    """Three faults; each key provokes or mends one."""

    CSS = "FaultsScreen Choice { margin: 1 1 0 1; }"
    topic: ClassVar[str] = "faults"

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Words(self.texts("faults-title"), classes="title")
        yield Words(self.texts("faults-hint"), classes="hint")
        yield Choice()

    def show(self, _state: State) -> None:
        """Show the faults."""
        self.query_one(Choice).show([Line(self.texts.of("faults", f)) for f in FAULTS])

    def acts(self) -> dict[str, Act]:
        """Provoke with a digit alone."""
        digits = {str(n + 1): self._provoke for n in range(len(FAULTS))}
        return {
            **self.query_one(Choice).acts(),
            **digits,
            "escape": lambda _: self.leave(),
        }

    def offers(self) -> list[KeyOffer]:
        """Name the key."""
        return [self.offer("escape", "key-back")]

    def on_choice_taken(self, message: Choice.Taken) -> None:
        """Provoke it."""
        self._send(message.index)

    def _provoke(self, event: events.Key) -> None:
        self._send(int(event.key) - 1)

    def _send(self, index: int) -> None:
        self.leave()
        self.field.ask(Provoke(fault=FAULTS[index]))
