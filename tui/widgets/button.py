"""The one thing to do next, large enough for a finger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.widgets.key_bar import KeyTouch

if TYPE_CHECKING:
    from tui.widgets.key_bar import KeyOffer


class BigButton(KeyTouch):
    """A key as a button over the whole width."""

    SCOPED_CSS = False  # the size of the screen counts
    DEFAULT_CSS = """
    BigButton {
        height: 3; width: 1fr; content-align: center middle; text-style: bold;
        background: $go-bg; color: $go-fg;
    }
    BigButton.-off { background: $panel; color: $hint; }
    .-towering BigButton { height: 5; }
    """

    def show(self, offer: KeyOffer, *, on: bool) -> None:
        """Offer another key, or say why it does nothing now."""
        self.offer = offer
        self.say(offer.content() if on else offer.says)
        self.set_class(not on, "-off")
