"""Something was refused: what, what to do, and a line for the technician."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tui.screens.base import Act, FieldScreen
from tui.widgets.button import BigButton
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from recorder.protocol.replies import Fault
    from tui.texts import Texts
    from tui.widgets.key_bar import KeyOffer


class NoticeScreen(FieldScreen):
    """One refusal; any of the usual keys closes it."""

    CSS = """
    NoticeScreen #what { padding: 1 4; text-style: bold; }
    NoticeScreen #detail { padding: 1 4; color: $hint; }
    NoticeScreen BigButton { margin: 1 4; }
    """
    topic: ClassVar[str] = "notice"

    def __init__(self, fault: Fault) -> None:
        super().__init__()
        self._fault = fault

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Words(self.texts("notice-title"), classes="title")
        yield Words(explain(self.texts, self._fault), id="what")
        yield BigButton(self.offer("enter", "key-understood"))
        detail = self.texts(
            "notice-detail", code=str(self._fault.code), message=self._fault.message
        )
        yield Words(detail, id="detail")

    def acts(self) -> dict[str, Act]:
        """Close on Enter or Esc."""
        return dict.fromkeys(("enter", "escape"), lambda _: self.leave())

    def offers(self) -> list[KeyOffer]:
        """Name the key."""
        return [self.offer("enter", "key-understood")]


def explain(texts: Texts, fault: Fault) -> str:
    """Return what ``fault`` means to a person, and what to do."""
    code = str(fault.code)
    return texts.of("fault", code if texts.has("fault", code) else "other", code=code)
