"""A session that was planned and did not take place: why, and that is all."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from recorder.protocol.calls import Skip
from tui.screens.base import Act, FieldScreen
from tui.session_draft import UNSAID
from tui.widgets.button import BigButton
from tui.widgets.choice import Choice, Line
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from recorder.protocol.lines import Answer
    from recorder.protocol.state import State
    from tui.widgets.key_bar import KeyOffer


class SkippedScreen(FieldScreen):
    """The study's reasons; afterwards, that it was noted."""

    CSS = """
    SkippedScreen Choice { margin: 1 1 0 1; }
    SkippedScreen BigButton { margin: 1 2; }
    """
    topic: ClassVar[str] = "clients"

    def __init__(self, client: str) -> None:
        super().__init__()
        self._client = client
        self._sent = False
        self._noted = False

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Words(classes="title")
        yield Words(classes="hint")
        yield Choice()
        yield BigButton(self.offer("enter", "key-go-on"))

    def show(self, _state: State) -> None:
        """Show the reasons, or that one of them is noted."""
        title, hint = "skipped-title", "skipped-hint"
        if self._noted:
            title, hint = "skipped-noted-title", "skipped-noted-hint"
        self.query(".title").first(Words).say(self.texts(title, client=self._client))
        self.query(".hint").first(Words).say(self.texts(hint))
        self.query_one(Choice).display = not self._noted
        self.query_one(BigButton).display = self._noted
        lines = [Line(self.texts.pick(each)) for each in self.field.study.reason]
        unsaid = Line(self.texts("skipped-unsaid"))
        self.query_one(Choice).show(lines or [unsaid])

    def acts(self) -> dict[str, Act]:
        """Choose or go back."""
        leave: Act = lambda _: self.leave()  # noqa: E731 - typed for the table
        if self._noted:
            return dict.fromkeys(("enter", "escape"), leave)
        return {**self.query_one(Choice).acts(), "escape": leave}

    def offers(self) -> list[KeyOffer]:
        """Name the keys."""
        if self._noted:
            return [self.offer("enter", "key-go-on")]
        return [self.offer("escape", "key-back"), self.offer("enter", "key-skip")]

    def on_choice_taken(self, message: Choice.Taken) -> None:
        """Send it, once."""
        if not self._sent:
            self._sent = True
            reasons = self.field.study.reason
            reason = reasons[message.index].id if reasons else UNSAID
            mode = self.field.preferences.mode
            call = Skip(client=self._client, mode=mode, reason=reason)
            self.field.ask(call, self._take_answer)

    def _take_answer(self, answer: Answer) -> None:
        self._sent = False
        if answer.fault is None:
            self._noted = True
            self.draw()
        else:
            self.leave()
            self.field.tell(answer.fault)
