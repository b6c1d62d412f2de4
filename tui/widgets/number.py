"""A whole number from a small range, typed with digits or moved with arrows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from tui.widgets.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events


class NumberRow(Words):
    """All numbers side by side; the chosen one is lit."""

    DEFAULT_CSS = "NumberRow { height: 1; width: 1fr; }"

    def __init__(self, low: int, high: int, *, value: int | None = None) -> None:
        super().__init__()
        self._low = low
        self._high = high
        self.value = value
        self._draw()

    def acts(self) -> dict[str, Callable[[events.Key], None]]:
        """Return what each key does."""
        return {
            "left": lambda _: self._move(-1),
            "right": lambda _: self._move(1),
            **{str(digit): self._digit for digit in range(10)},
        }

    def put(self, value: int | None) -> None:
        """Choose ``value``, or none."""
        self.value = value
        self._draw()

    def on_click(self, event: events.Click) -> None:
        """Choose the number that was touched."""
        index = event.x // self._cell()
        if index <= self._high - self._low:
            self.put(self._low + index)

    def _digit(self, event: events.Key) -> None:
        digit = int(event.key)
        if self.value and self.value * 10 + digit <= self._high:
            digit += self.value * 10
        if self._low <= digit <= self._high:
            self.put(digit)

    def _move(self, by: int) -> None:
        start = self._low - 1 if by > 0 else self._high + 1
        value = (start if self.value is None else self.value) + by
        self.put(max(self._low, min(value, self._high)))

    def _cell(self) -> int:
        return len(str(self._high)) + 3

    def _draw(self) -> None:
        parts: list[tuple[str, str] | str] = []
        for number in range(self._low, self._high + 1):
            cell = str(number).center(self._cell() - 1)
            look = "bold $go-fg on $go-bg" if number == self.value else "on $panel"
            parts += [(cell, look), " "]
        self.say(Content.assemble(*parts))
