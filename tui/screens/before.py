"""Scales the study asks before a session; they are sent with the end of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tui.screens.base import Act, FieldScreen
from tui.widgets.questions import Answers, Filled, Questions
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from recorder.protocol.state import State
    from tui.widgets.key_bar import KeyOffer


class BeforeScreen(FieldScreen):
    """The items, one by one."""

    CSS = "BeforeScreen Questions { padding: 1 2; }"
    topic: ClassVar[str] = "fit"

    def __init__(self, answers: Answers) -> None:
        super().__init__()
        self._filled = Filled(answers)

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Words(self.texts("before-title"), classes="title")
        scales = self.field.study.scales("before")
        yield Questions(scales, self._filled)

    def show(self, _state: State) -> None:
        """Show the item whose turn it is."""
        self.query_one(Questions).show(self.texts)

    def acts(self) -> dict[str, Act]:
        """Answer, or leave."""
        return {
            **self.query_one(Questions).acts(),
            "escape": lambda _: self.leave(),
        }

    def offers(self) -> list[KeyOffer]:
        """Name the keys."""
        return [
            self.offer("escape", "key-back"),
            self.offer("enter", "key-next"),
            self.offer("backspace", "key-previous"),
        ]

    def on_questions_done(self) -> None:
        """Go back to the fit."""
        self.leave()
