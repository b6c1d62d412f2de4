"""Whom to record: a code from the list, a new one, or one typed from the client's card."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from recorder.protocol.calls import ListClients
from recorder.protocol.replies import ClientList
from tui.screens.base import Act, FieldScreen
from tui.screens.code import CodeScreen
from tui.screens.confirm import ConfirmScreen
from tui.screens.new_client import NewClientScreen
from tui.screens.skipped import SkippedScreen
from tui.session_draft import SCOPES, draft_of
from tui.widgets.choice import Choice, Line
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from recorder.protocol.lines import Answer
    from recorder.protocol.state import State
    from tui.texts import Texts
    from tui.widgets.key_bar import KeyOffer


class ClientsScreen(FieldScreen):
    """The list; the client recorded last is lit."""

    CSS = """
    ClientsScreen Choice { margin: 1 1 0 1; }
    ClientsScreen #empty { padding: 1 2; }
    """
    topic: ClassVar[str] = "clients"

    def __init__(self) -> None:
        super().__init__()
        self._known = ClientList((), ())
        self._asked = False

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Words(self.texts("clients-title"), classes="title")
        yield Words(self.texts("clients-hint"), classes="hint")
        yield Words(id="empty")
        yield Choice()

    def on_mount(self) -> None:
        """Ask for the list."""
        self.field.ask(ListClients(), self._take_list)

    def show(self, _state: State) -> None:
        """Show the list."""
        empty = self.query_one("#empty", Words)
        empty.display = self._asked and not self._known.clients
        pool = len(self._known.pool)
        empty.say(self.texts("clients-none" if pool else "clients-no-codes"))
        wanted = self.field.study.sessions_per_client
        self.query_one(Choice).show(
            [
                Line(
                    self.texts(
                        "clients-line",
                        client=client.code,
                        number=client.sessions + 1,
                        wanted=wanted,
                    ),
                    consent_says(self.texts, client.scopes),
                )
                for client in self._known.clients
            ]
        )

    def acts(self) -> dict[str, Act]:
        """Choose, or go another way."""
        return {
            **self.query_one(Choice).acts(),
            "escape": lambda _: self.leave(),
            "f5": lambda _: self._new(),
            "f7": lambda _: self.app.push_screen(CodeScreen(self._known)),
            "f8": lambda _: self._skip(),
        }

    def offers(self) -> list[KeyOffer]:
        """Name the keys."""
        offers = [
            self.offer("escape", "key-back"),
            self.offer("f5", "key-new-client"),
            self.offer("f7", "key-type-code"),
        ]
        if self._known.clients:
            offers.append(self.offer("f8", "key-skipped"))
        return offers

    def on_choice_taken(self, message: Choice.Taken) -> None:
        """Go on with the chosen client."""
        draft = draft_of(self._known.clients[message.index], self.field.preferences.mode)
        self.app.push_screen(ConfirmScreen(draft))

    def _take_list(self, answer: Answer) -> None:
        if answer.fault is not None:
            self.field.tell(answer.fault)
            return
        self._known = msgspec.json.decode(answer.ok, type=ClientList)
        self._asked = True
        self.draw()

    def _new(self) -> None:
        if self._known.pool:
            self.app.push_screen(NewClientScreen(self._known))

    def _skip(self) -> None:
        if self._known.clients:
            lit = self.query_one(Choice).lit
            self.app.push_screen(SkippedScreen(self._known.clients[lit].code))


def consent_says(texts: Texts, scopes: tuple[str, ...]) -> str:
    """Return what the client agreed to, in short."""
    named = [texts.of("scope-short", scope) for scope in SCOPES if scope in scopes]
    return ", ".join(named)
