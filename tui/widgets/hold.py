"""Hold a key, or a finger, until it is meant: for what can't be undone.

A terminal tells that a key is held only by repeating it. The bar grows while repeats keep
coming and falls back when they stop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content
from textual.message import Message

from recorder.clock import NS_PER_S, read_host_ns
from tui.widgets.glyphs import glyphs
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.timer import Timer

HOLD_S = 2.0
_FIRST_GAP_S = 0.8  # longer than any keyboard waits before it repeats
_NEXT_GAP_S = 0.35  # from then on: who taps again and again does not hold
_STEP_S = 0.1
_ROWS = 3  # room for a finger


class HoldBar(Words):
    """A bar that fills in `HOLD_S`; then it posts `Held`."""

    DEFAULT_CSS = "HoldBar { height: 3; width: 1fr; color: $dead; }"

    @dataclass
    class Held(Message):
        """It was meant."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._since_ns = 0
        self._last_ns = 0
        self._repeats = False
        self._finger = False
        self._timer: Timer | None = None

    def on_resize(self) -> None:
        """Fill the new place."""
        self._draw(0.0)

    def press(self) -> None:
        """Note the key, or its repeat."""
        now_ns = read_host_ns()
        self._repeats = not self._is_over(now_ns)
        if not self._repeats:
            self._since_ns = now_ns
        self._last_ns = now_ns
        if self._timer is None:
            self._timer = self.set_interval(_STEP_S, self._grow)
        self._grow()

    def on_mouse_down(self) -> None:
        """Begin with a finger."""
        self._finger = True
        self.capture_mouse()
        self.press()

    def on_mouse_up(self) -> None:
        """Let go."""
        self._finger = False
        self.release_mouse()

    def _grow(self) -> None:
        now_ns = read_host_ns()
        if self._finger:
            self._last_ns = now_ns
        if self._is_over(now_ns):
            self._rest()
            return
        held_s = (now_ns - self._since_ns) / NS_PER_S
        self._draw(min(1.0, held_s / HOLD_S))
        if held_s >= HOLD_S:
            self._rest()
            self.post_message(self.Held())

    def _is_over(self, now_ns: int) -> bool:
        """Tell whether the key was let go of since it came last."""
        gap_s = _NEXT_GAP_S if self._repeats else _FIRST_GAP_S
        return now_ns - self._last_ns > gap_s * NS_PER_S

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self._last_ns = 0
        self._repeats = False
        self._finger = False
        self._draw(0.0)

    def _draw(self, share: float) -> None:
        signs = glyphs()
        width = max(1, self.content_size.width)
        full = round(share * width)
        row = signs.full * full + signs.empty * (width - full)
        self.say(Content("\n".join([row] * _ROWS)))
