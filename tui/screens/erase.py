"""Erase the last minutes: how many, and then Enter."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from recorder.protocol.calls import Erase
from recorder.protocol.replies import Erased
from tui import wording
from tui.claim import Claim
from tui.screens.base import Act, FieldScreen
from tui.widgets.button import BigButton
from tui.widgets.choice import Choice, Line
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from recorder.protocol.calls import EraseMinutes
    from recorder.protocol.lines import Answer
    from recorder.protocol.state import State
    from tui.widgets.key_bar import KeyOffer

MINUTES: tuple[EraseMinutes, ...] = (1, 5, 15)


class EraseScreen(FieldScreen):
    """Three lengths; afterwards, what was erased."""

    CSS = """
    EraseScreen .title { color: $dead; }
    EraseScreen Choice { height: 6; margin: 1 1 0 1; }
    EraseScreen #what { padding: 1 2; }
    EraseScreen BigButton { margin: 1 2; }
    EraseScreen BigButton.-grave { background: $stopped-bg; color: $stopped-fg; }
    """
    topic: ClassVar[str] = "erase"

    def __init__(self) -> None:
        super().__init__()
        self._sent = False
        self._erased: Erased | None = None

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Words(id="title", classes="title")
        yield Choice()
        yield BigButton(self.offer("enter", "key-erase-now"))
        yield Words(id="what")

    def show(self, _state: State) -> None:
        """Show the lengths, or what is gone."""
        done = self._erased
        choice, button = self.query_one(Choice), self.query_one(BigButton)
        choice.display = done is None
        choice.show([Line(self.texts("erase-minutes", n=n)) for n in MINUTES])
        button.set_class(done is None, "-grave")
        if done is None:
            says = "erase-title"
            button.show(self.offer("enter", "key-erase-now"), on=not self._sent)
            paused = self.field.claim is Claim.PAUSED
            now = self.texts("erase-meanwhile-paused" if paused else "erase-meanwhile")
            self.query_one("#what", Words).say(self.texts("erase-meaning", meanwhile=now))
        else:
            says = "erase-done-title"
            button.show(self.offer("enter", "key-go-on"), on=True)
            erased = wording.clock(done.seconds)
            self.query_one("#what", Words).say(self.texts("erase-done", length=erased))
        self.query_one("#title", Words).say(self.texts(says))

    def acts(self) -> dict[str, Act]:
        """Choose and erase, or leave everything as it is."""
        leave: Act = lambda _: self.leave()  # noqa: E731 - typed for the table
        if self._erased is not None:
            return dict.fromkeys(("enter", "escape"), leave)
        return {**self.query_one(Choice).acts(), "escape": leave}

    def offers(self) -> list[KeyOffer]:
        """Name the keys."""
        if self._erased is not None:
            return [self.offer("enter", "key-go-on")]
        return [self.offer("escape", "key-erase-not"), self.offer("enter", "key-erase-now")]

    def on_choice_taken(self, message: Choice.Taken) -> None:
        """Erase, once."""
        if not self._sent:
            self._sent = True
            self.field.ask(Erase(minutes=MINUTES[message.index]), self._take_answer)
            self.draw()

    def _take_answer(self, answer: Answer) -> None:
        self._sent = False
        if answer.fault is not None:
            self.leave()
            self.field.tell(answer.fault)
        else:
            self._erased = msgspec.json.decode(answer.ok, type=Erased)
            self.draw()
