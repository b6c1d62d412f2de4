"""The risk card: whom to call. It works without a network and sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.content import Content

from tui.screens.base import Act, FieldScreen
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from tui.widgets.key_bar import KeyOffer


class RiskScreen(FieldScreen):
    """The lab's words. ``marked``: a mark was set with it; else there is a pause."""

    CSS = """
    RiskScreen #card { padding: 1 4; height: 1fr; text-style: bold; }
    RiskScreen #hint { padding: 1 4; color: $hint; }
    """
    topic: ClassVar[str] = "recording"

    def __init__(self, *, marked: bool) -> None:
        super().__init__()
        self._marked = marked

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Words(self.texts("risk-title"), classes="title")
        card = self.texts.pick(self.field.study.risk_card).strip()
        yield Words(Content(card or self.texts("risk-empty")), id="card")
        hint = "risk-hint" if self._marked else "risk-hint-paused"
        yield Words(self.texts(hint), id="hint")

    def acts(self) -> dict[str, Act]:
        """Close it."""
        return dict.fromkeys(("escape", "enter", "f9"), lambda _: self.leave())

    def offers(self) -> list[KeyOffer]:
        """Name the key."""
        return [self.offer("escape", "key-back")]
