"""A list to choose from: arrows or a digit light a line, Enter or a touch takes it.

It takes no focus: the screen that owns it hands it the keys, so that no touch beside it
can leave a screen without keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.content import Content
from textual.message import Message

from tui.widgets.glyphs import glyphs
from tui.widgets.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events

_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what it says, and a remark."""

    says: str
    remark: str = ""


class _LineWords(Words):
    DEFAULT_CSS = """
    _LineWords { height: 1; padding: 0 1; }
    _LineWords.-lit { background: $go-bg; color: $go-fg; text-style: bold; }
    _LineWords.-airy { margin: 0 0 1 0; }
    """

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def on_click(self) -> None:
        """Take this line."""
        self.post_message(Choice.Touched(self.index))


class Choice(Vertical):
    """The lines, as many as fit; the others come as the light moves on."""

    DEFAULT_CSS = "Choice { width: 1fr; height: 1fr; }"

    @dataclass
    class Touched(Message):
        """A line was touched."""

        index: int

    @dataclass
    class Taken(Message):
        """A line was taken."""

        choice: Choice
        index: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: tuple[Line, ...] = ()
        self.lit = 0

    def show(self, lines: Sequence[Line], *, lit: int | None = None) -> None:
        """Offer ``lines`` from now on; the light stays where it is unless ``lit``."""
        if lit is not None:
            self.lit = lit
        self._lines = tuple(lines)
        self.lit = max(0, min(self.lit, len(lines) - 1))
        self._draw()

    def acts(self) -> dict[str, Callable[[events.Key], None]]:
        """Return what each key does."""
        digits = range(1, min(_DIGITS, len(self._lines)) + 1)
        return {
            "up": lambda _: self._move(-1),
            "down": lambda _: self._move(1),
            "enter": lambda _: self._take(),
            **{str(digit): self._digit for digit in digits},
        }

    def on_resize(self) -> None:
        """Fill the new place."""
        self._draw()

    def on_choice_touched(self, message: Touched) -> None:
        """Take the touched line."""
        message.stop()
        self.lit = message.index
        self._draw()
        self._take()

    def _digit(self, event: events.Key) -> None:
        self.lit = int(event.key) - 1
        self._draw()

    def _move(self, by: int) -> None:
        self.lit = max(0, min(self.lit + by, len(self._lines) - 1))
        self._draw()

    def _take(self) -> None:
        if self._lines:
            self.post_message(self.Taken(self, self.lit))

    def _draw(self) -> None:
        airy = len(self._lines) * 2 <= self.content_size.height
        room = max(1, self.content_size.height // (2 if airy else 1))
        first = max(0, min(self.lit - room // 2, len(self._lines) - room))
        wanted = range(first, min(first + room, len(self._lines)))
        shown = list(self.query(_LineWords))
        if [words.index for words in shown] != list(wanted):
            with self.app.batch_update():
                for words in shown:
                    words.remove()
                shown = [_LineWords(index) for index in wanted]
                self.mount_all(shown)
        for words in shown:
            words.set_class(words.index == self.lit, "-lit")
            words.set_class(airy, "-airy")
            words.say(self._content(words.index))

    def _content(self, index: int) -> Content:
        line = self._lines[index]
        cap = str(index + 1) if index < _DIGITS else " "
        arrow = glyphs().arrow if index == self.lit else " "
        remark = f"   {line.remark}" if line.remark else ""
        return Content(f"{arrow} {cap}  {line.says}{remark}")
