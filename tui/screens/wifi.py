"""Wi-Fi: networks in reach, the one in use, and joining another."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, ClassVar

from textual.content import Content

from tui.screens.base import Act, FieldScreen
from tui.widgets.choice import Choice, Line
from tui.widgets.entry import Entry
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from recorder.protocol.state import State
    from tui.networks import Network
    from tui.widgets.key_bar import KeyOffer

_PASSWORD_ROOM = 63  # WPA
_SHORTEST = 8
_STRONG, _FAIR = 60, 35


class WifiScreen(FieldScreen):
    """The list; for a new network its password."""

    CSS = """
    WifiScreen #said { padding: 1 2 0 2; text-style: bold; }
    WifiScreen Choice { margin: 1 1 0 1; }
    WifiScreen Entry { padding: 1 4; height: auto; }
    """
    topic: ClassVar[str] = "settings"

    def __init__(self) -> None:
        super().__init__()
        self._networks: list[Network] = []
        self._stage = "searching"
        self._chosen: Network | None = None

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Words(self.texts("wifi-title"), classes="title")
        yield Words(id="said")
        yield Entry(allowed=string.printable.strip() + " ", room=_PASSWORD_ROOM)
        yield Choice()

    def on_mount(self) -> None:
        """Search at once."""
        self._search()

    def show(self, _state: State) -> None:
        """Show the list, or the field for the password."""
        typing = self._stage == "password"
        self.query_one(Entry).display = typing
        self.query_one(Choice).display = not typing
        name = "" if self._chosen is None else self._chosen.name
        said = self.texts.of("wifi", self._stage, name=name)
        self.query_one("#said", Words).say(Content(said))
        lines = [Line(each.name, self._remark(each)) for each in self._networks]
        self.query_one(Choice).show(lines)

    def acts(self) -> dict[str, Act]:
        """Choose, join, search again, go back."""
        if self._stage == "password":
            return {
                "enter": lambda _: self._join(self.query_one(Entry).value),
                "escape": lambda _: self._set_stage("found"),
            }
        return {
            **self.query_one(Choice).acts(),
            "escape": lambda _: self.leave(),
            "f5": lambda _: self._search(),
        }

    def offers(self) -> list[KeyOffer]:
        """Name the keys."""
        offers = [self.offer("escape", "key-back")]
        if self._networks:
            offers.append(self.offer("enter", "key-join"))
        return [*offers, self.offer("f5", "key-search")]

    def on_key(self, event: events.Key) -> None:
        """Type the password; every other key is for `FieldScreen`."""
        typing = self.is_drawable and self._stage == "password"
        if typing and self.query_one(Entry).type(event):
            event.stop()
            event.prevent_default()

    def on_choice_taken(self, message: Choice.Taken) -> None:
        """Join at once what needs no password."""
        self._chosen = self._networks[message.index]
        if self._chosen.used:
            return
        if self._chosen.locked and not self._chosen.known:
            self.query_one(Entry).put("")
            self._set_stage("password")
        else:
            self._join("")

    def list_networks(self, networks: list[Network]) -> None:
        """Show what a search found."""
        self._networks = networks
        self._set_stage("found" if networks else "none")

    def _remark(self, network: Network) -> str:
        texts = self.texts
        level = "strong" if network.strength >= _STRONG else "fair"
        remarks = [texts.of("signal", level if network.strength >= _FAIR else "weak")]
        if network.used:
            remarks.insert(0, texts("wifi-used"))
        elif network.known:
            remarks.append(texts("wifi-known"))
        elif not network.locked:
            remarks.append(texts("wifi-open"))
        return ", ".join(remarks)

    def _set_stage(self, stage: str) -> None:
        self._stage = stage
        self.draw()

    def _search(self) -> None:
        self._set_stage("searching")
        self.run_worker(self._find(), exclusive=True)

    def _join(self, password: str) -> None:
        if self._stage == "password" and len(password) < _SHORTEST:
            return
        if self.query(Entry):
            self.query_one(Entry).put("")
        self._set_stage("joining")
        self.run_worker(self._enter(password), exclusive=True)

    async def _find(self) -> None:
        # D-Bus takes memory that a session need not pay for.
        from tui.networks import NetworkError, Networks  # noqa: PLC0415 - see above

        try:
            async with Networks() as networks:
                found = await networks.in_reach()
        except NetworkError:
            self._networks = []
            self._set_stage("away")
        else:
            self.list_networks(found)

    async def _enter(self, password: str) -> None:
        from tui.networks import NetworkError, Networks  # noqa: PLC0415 - as above

        if self._chosen is None:
            return
        try:
            async with Networks() as networks:
                await networks.join(self._chosen, password)
                self._networks = await networks.in_reach()
        except NetworkError:
            self._set_stage("refused")
        else:
            self._set_stage("joined")
