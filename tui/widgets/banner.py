"""The state of the recording in huge letters, over the whole width."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Vertical

from tui.claim import Claim
from tui.widgets.big_text import BigText
from tui.widgets.top_bar import LOOKS
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult


class Banner(Vertical):
    """A word in huge letters, and one line below it."""

    SCOPED_CSS = False  # the size of the screen counts
    DEFAULT_CSS = """
    Banner { height: 6; width: 1fr; padding: 1 0 0 0; }
    Banner BigText { height: 1fr; }
    Banner Words { height: 1; text-align: center; text-style: bold; margin: 0 1; }
    .-tall Banner { height: 8; }
    .-tall Banner Words { margin: 1 1; }
    .-towering Banner { height: 20; }
    Banner.-recording { background: $recording-bg; color: $recording-fg; }
    Banner.-paused { background: $paused-bg; color: $paused-fg; }
    Banner.-stopped { background: $stopped-bg; color: $stopped-fg; }
    Banner.-idle { background: $idle-bg; color: $idle-fg; }
    Banner.-go { background: $go-bg; color: $go-fg; }
    """

    def compose(self) -> ComposeResult:
        """Lay it out."""
        yield BigText()
        yield Words()

    def show(self, look: Claim | str, *, big: str, small: str) -> None:
        """Say ``big`` in huge letters and ``small`` below it."""
        self.set_classes(LOOKS[look] if isinstance(look, Claim) else look)
        self.query_one(BigText).say(big)
        self.query_one(Words).say(small)
