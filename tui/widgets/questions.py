"""Scales of the study, item by item: a number for each, or none.

An item may have no text of its own (its wording is protected): then its id stands there,
as on the paper form beside the box.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.content import Content
from textual.message import Message

from tui.widgets.number import NumberRow
from tui.widgets.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.app import ComposeResult

    from recorder.format.study import Scale, ScaleItem
    from tui.texts import Texts

Answers = dict[str, dict[str, int]]


@dataclass
class Filled:
    """What was answered so far, and at which item it stands. Belongs to one screen."""

    answers: Answers
    at: int = 0


class Questions(Vertical):
    """One item at a time."""

    DEFAULT_CSS = """
    Questions { height: auto; }
    Questions #scale { color: $hint; }
    Questions #item { padding: 1 0; text-style: bold; }
    """

    @dataclass
    class Done(Message):
        """The last item was answered or left out."""

    def __init__(self, scales: Sequence[Scale], filled: Filled) -> None:
        super().__init__()
        self._items = [(scale, item) for scale in scales for item in scale.item]
        self._filled = filled

    def compose(self) -> ComposeResult:
        """Lay it out; `show` fills it."""
        yield Words(id="scale")
        yield Words(id="item")

    @property
    def n_items(self) -> int:
        """How many items there are."""
        return len(self._items)

    def acts(self) -> dict[str, Callable[[events.Key], None]]:
        """Return what each key does."""
        rows = self.query(NumberRow)
        return {
            **(rows.first().acts() if rows else {}),
            "enter": lambda _: self._keep(1),
            "backspace": lambda _: self._keep(-1),
        }

    def show(self, texts: Texts) -> None:
        """Show the item whose turn it is."""
        scale, item = self._items[self._filled.at]
        title = texts(
            "questions-scale",
            scale=texts.pick(scale),
            at=self._filled.at + 1,
            n=self.n_items,
        )
        self.query_one("#scale", Words).say(Content(title))
        self.query_one("#item", Words).say(Content(texts.pick(item) or item.id))
        if not self.query(NumberRow):
            self._put_row(scale, item)

    def _put_row(self, scale: Scale, item: ScaleItem) -> None:
        value = self._filled.answers.get(scale.id, {}).get(item.id)
        self.mount(NumberRow(item.low, item.high, value=value))

    def _keep(self, step: int) -> None:
        """Keep the number and go on, or back."""
        scale, item = self._items[self._filled.at]
        value = self.query_one(NumberRow).value
        kept = self._filled.answers.setdefault(scale.id, {})
        if value is None:
            kept.pop(item.id, None)
        else:
            kept[item.id] = value
        if self._filled.at + step == self.n_items:
            self.post_message(self.Done())
            return
        self._filled.at = max(0, self._filled.at + step)
        self.run_worker(self._change_row())

    async def _change_row(self) -> None:
        await self.query(NumberRow).remove()
        self._put_row(*self._items[self._filled.at])
        self.screen.call_later(self.screen.draw)  # type: ignore[attr-defined]  # ours
