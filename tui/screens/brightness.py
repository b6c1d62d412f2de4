"""The display's brightness."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tui.backlight import STEPS, Backlight
from tui.screens.base import Act, FieldScreen
from tui.widgets.big_text import BigText
from tui.widgets.glyphs import glyphs
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from recorder.protocol.state import State
    from tui.widgets.key_bar import KeyOffer

_CELLS_A_STEP = 4


class BrightnessScreen(FieldScreen):
    """Arrows; it changes at once."""

    CSS = """
    BrightnessScreen BigText { height: 6; margin: 1 0 0 0; }
    BrightnessScreen #bar { text-align: center; color: $good; }
    BrightnessScreen #said { padding: 1 2; }
    """
    topic: ClassVar[str] = "settings"

    def __init__(self) -> None:
        super().__init__()
        self._light = Backlight.find()
        self._step = 0
        self._refused = False
        self._read()

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Words(self.texts("brightness-title"), classes="title")
        yield BigText()
        yield Words(id="bar")
        yield Words(id="said")

    def show(self, _state: State) -> None:
        """Show the step, or why there is none."""
        known = self._step > 0
        big, bar = self.query_one(BigText), self.query_one("#bar", Words)
        big.display = bar.display = known
        big.say(f"{100 * self._step // STEPS}%")
        signs = glyphs()
        full, left = self._step * _CELLS_A_STEP, (STEPS - self._step) * _CELLS_A_STEP
        bar.say(signs.full * full + signs.empty * left)
        says = "brightness-hint" if known and not self._refused else "brightness-none"
        self.query_one("#said", Words).say(self.texts(says))

    def acts(self) -> dict[str, Act]:
        """Change it, or go back."""
        leave: Act = lambda _: self.leave()  # noqa: E731 - typed for the table
        acts = dict.fromkeys(("escape", "enter"), leave)
        if self._step:
            acts |= dict.fromkeys(("left", "down"), lambda _: self._change(-1))
            acts |= dict.fromkeys(("right", "up"), lambda _: self._change(1))
        return acts

    def offers(self) -> list[KeyOffer]:
        """Name the keys."""
        offers = [self.offer("escape", "key-back")]
        if self._step:
            offers += [self.offer("left", "key-darker"), self.offer("right", "key-lighter")]
        return offers

    def _read(self) -> None:
        try:
            self._step = 0 if self._light is None else self._light.step()
        except OSError:
            self._step = 0

    def _change(self, by: int) -> None:
        if self._light is not None:
            try:
                self._light.set_step(self._step + by)
            except OSError:
                self._refused = True
        self._read()
        self.draw()
