"""A value for a mark, such as SUDS: a number, then Enter."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.content import Content

from tui.key_time import pressed_ns
from tui.screens.base import Act, FieldScreen
from tui.widgets.number import NumberRow
from tui.widgets.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events
    from textual.app import ComposeResult

    from recorder.format.codebook import Mark
    from tui.widgets.key_bar import KeyOffer


class ValueScreen(FieldScreen):
    """One number; the recording goes on meanwhile."""

    CSS = """
    ValueScreen #what { padding: 2 4 1 4; text-style: bold; }
    ValueScreen NumberRow { margin: 1 4; }
    ValueScreen #hint { padding: 1 4; color: $hint; }
    """
    topic: ClassVar[str] = "recording"

    def __init__(
        self, mark: Mark, first_ns: int, give: Callable[[Mark, int, int, int], None]
    ) -> None:
        super().__init__()
        self._mark = mark
        self._first_ns = first_ns
        self._give = give
        self._value: int | None = None

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Words(Content(self.texts.pick(self._mark)), id="what")
        yield NumberRow(self._mark.low or 0, self._mark.high or 0, value=self._value)
        yield Words(self.texts("value-hint"), id="hint")

    def acts(self) -> dict[str, Act]:
        """Choose, take, or leave without a mark."""
        return {
            **self.query_one(NumberRow).acts(),
            "enter": self._take,
            "escape": lambda _: self.leave(),
            "backspace": lambda _: self.query_one(NumberRow).put(None),
        }

    def offers(self) -> list[KeyOffer]:
        """Name the keys."""
        return [self.offer("enter", "key-take"), self.offer("escape", "key-no-mark")]

    def _take(self, event: events.Key) -> None:
        value = self.query_one(NumberRow).value
        if value is not None:
            self.leave()
            self._give(self._mark, value, self._first_ns, pressed_ns(event))
