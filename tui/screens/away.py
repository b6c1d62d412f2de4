"""The recorder does not answer: nothing is claimed, and what to do is said."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tui.claim import Claim
from tui.screens.base import FieldScreen
from tui.widgets.banner import Banner
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult


class AwayScreen(FieldScreen):
    """Up while there is no news."""

    CSS = """
    AwayScreen Words.answer { padding: 1 4 0 4; }
    """
    topic: ClassVar[str] = "away"
    says_state: ClassVar[bool] = False

    def body(self) -> ComposeResult:
        """Lay out the state and the three answers."""
        yield Banner()
        for which in ("records", "saved", "next"):
            yield Words(id=which, classes="answer")

    def title_says(self) -> str:
        """Name the box, once it is known."""
        device = self.field.device
        return self.texts("box-title", device=device) if device else "Fieldrec"

    def draw(self) -> None:
        """Draw it; there is no state to draw."""
        super().draw()
        if not self.is_drawable:
            return
        begun = self.field.welcome is not None
        stage = "lost" if begun else "starting"
        self.query_one(Banner).show(
            Claim.UNKNOWN if begun else Claim.IDLE,
            big=self.texts(f"away-{stage}-big"),
            small=self.texts(f"away-{stage}-small"),
        )
        for which in ("records", "saved", "next"):
            says = self.texts(f"away-{stage}-{which}")
            self.query_one(f"#{which}", Words).say(says)
