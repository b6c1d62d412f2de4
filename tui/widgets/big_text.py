"""Huge letters: as large as the place they have allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widget import Widget

from tui.widgets import letters

if TYPE_CHECKING:
    from textual.geometry import Size

_LARGEST = 3


class BigText(Widget):
    """A few words in huge capitals; plain capitals where not even the smallest fit."""

    DEFAULT_CSS = "BigText { width: 1fr; height: 4; content-align: center middle; }"

    def __init__(self, text: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.text = text

    def say(self, text: str) -> None:
        """Show ``text`` from now on."""
        if text != self.text:
            self.text = text
            self.refresh()

    def render(self) -> Content:
        """Return the rows."""
        return Content("\n".join(fit(self.text, self.content_size)))


def fit(text: str, size: Size) -> list[str]:
    """Return ``text`` as large as ``size`` allows, in one line or word by word."""
    if not text or not letters.can_write(text):
        return [text.upper()]
    layouts: list[tuple[str, ...]] = [(text,)]
    if " " in text:
        layouts.append(tuple(text.split()))
    best: list[str] = [text.upper()]
    for scale in range(1, _LARGEST + 1):
        for lines in layouts:
            wide = max(letters.width_of(line, scale) for line in lines)
            if wide <= size.width and letters.height_of(len(lines), scale) <= size.height:
                best = letters.draw(lines, scale)
                break
    return best
