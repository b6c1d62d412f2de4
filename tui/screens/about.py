"""About: which box, which program, whose work it stands on."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tui.screens.base import Act, FieldScreen
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from recorder.protocol.state import State
    from tui.widgets.key_bar import KeyOffer


class AboutScreen(FieldScreen):
    """A few lines to read out to the lab."""

    CSS = "AboutScreen #page { padding: 1 2; }"
    topic: ClassVar[str] = "settings"

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Words(self.texts("about-title"), classes="title")
        yield Words(id="page")

    def show(self, state: State) -> None:
        """Show what is known."""
        welcome = self.field.welcome
        heat = state.box_temperature_c
        self.query_one("#page", Words).say(
            self.texts(
                "about",
                device=self.field.device,
                software="" if welcome is None else welcome.software,
                codebook=self.field.codebook.version,
                study=self.field.study.name,
                headset=state.headset.model or self.texts("unknown"),
                heat=self.texts("unknown") if heat is None else f"{heat:.0f} °C",
            )
        )

    def acts(self) -> dict[str, Act]:
        """Close it."""
        return dict.fromkeys(("escape", "enter"), lambda _: self.leave())

    def offers(self) -> list[KeyOffer]:
        """Name the key."""
        return [self.offer("escape", "key-back")]
