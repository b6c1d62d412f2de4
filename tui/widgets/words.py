"""Plain words: a Static that draws again only when what it says has changed."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static


class Words(Static):
    """One text, wrapped; brackets in it mean nothing."""

    DEFAULT_CSS = "Words { height: auto; width: 1fr; }"

    def __init__(
        self, said: str | Content = "", *, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(Content(""), id=id, classes=classes)
        self.said = Content("")
        self.say(said)

    def say(self, said: str | Content) -> None:
        """Show ``said`` from now on."""
        content = Content(said) if isinstance(said, str) else said
        if not content.is_same(self.said):
            self.said = content
            self.update(content)
