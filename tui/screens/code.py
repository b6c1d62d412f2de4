"""The client's code, typed from the card. Anything that is no code goes no further."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, ClassVar

from recorder.errors import ClientCodeError
from recorder.identifiers import parse_client_code
from tui.key_time import as_latin
from tui.screens.base import Act, FieldScreen
from tui.screens.confirm import ConfirmScreen
from tui.screens.new_client import NewClientScreen
from tui.session_draft import draft_of
from tui.widgets.big_text import BigText
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from recorder.protocol.replies import ClientList
    from recorder.protocol.state import State
    from tui.widgets.key_bar import KeyOffer

_LENGTH = 5
_ALLOWED = string.ascii_letters + string.digits
_OTHER_KEYS = frozenset(as_latin("хъжэбю") + as_latin("ХЪЖЭБЮ"))


class CodeScreen(FieldScreen):
    """Five places to type into."""

    CSS = """
    CodeScreen BigText { height: 6; margin: 1 0 0 0; }
    CodeScreen #said { padding: 1 4; text-style: bold; color: $warn; }
    """
    topic: ClassVar[str] = "clients"

    def __init__(self, known: ClientList) -> None:
        super().__init__()
        self._known = known
        self._typed = ""
        self._complaint = ""

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Words(self.texts("code-title"), classes="title")
        yield Words(self.texts("code-hint"), classes="hint")
        yield BigText()
        yield Words(id="said")

    def show(self, _state: State) -> None:
        """Show what was typed."""
        self.query_one(BigText).say(self._typed.ljust(_LENGTH, "-"))
        said = self.texts.of("code", self._complaint) if self._complaint else ""
        self.query_one("#said", Words).say(said)

    def acts(self) -> dict[str, Act]:
        """Correct, go on, or go back; every other key types."""
        return {
            "escape": lambda _: self.leave(),
            "backspace": lambda _: self._put(self._typed[:-1]),
            "enter": lambda _: self._take(),
        }

    def offers(self) -> list[KeyOffer]:
        """Name the keys."""
        return [self.offer("escape", "key-back"), self.offer("enter", "key-choose")]

    def on_key(self, event: events.Key) -> None:
        """Type; every other key is for `FieldScreen`."""
        typed = as_latin(event.character or "")
        if len(typed) == 1 and (typed in _ALLOWED or typed in _OTHER_KEYS):
            event.stop()
            event.prevent_default()
            self._type(typed)

    def _type(self, character: str) -> None:
        if character in _ALLOWED and len(self._typed) < _LENGTH:
            self._put(self._typed + character.upper())
        else:
            self._refuse("too-long")

    def _take(self) -> None:
        try:
            code = parse_client_code(self._typed)
        except ClientCodeError:
            self._refuse("wrong")
            return
        clients = {client.code: client for client in self._known.clients}
        mode = self.field.preferences.mode
        if code in clients:
            self.app.switch_screen(ConfirmScreen(draft_of(clients[code], mode)))
        elif code in self._known.pool:
            self.app.switch_screen(NewClientScreen(self._known, code=code))
        else:
            self._refuse("unknown")

    def _put(self, typed: str) -> None:
        self._typed, self._complaint = typed, ""
        self.draw()

    def _refuse(self, complaint: str) -> None:
        """Say why, and forget what was typed: it may have been a name."""
        self._typed, self._complaint = "", complaint
        self.draw()
