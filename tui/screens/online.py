"""Recording online: the client, or nobody, is at the box, so there are three keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Horizontal

from tui.claim import Claim
from tui.screens.live import LiveScreen
from tui.widgets.alarm_bar import AlarmBar
from tui.widgets.banner import Banner
from tui.widgets.button import BigButton
from tui.widgets.microphone import MicrophoneLevels
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from recorder.protocol.state import State
    from tui.widgets.key_bar import KeyOffer


class OnlineScreen(LiveScreen):
    """Up while an online session is recorded or paused."""

    CSS = """
    OnlineScreen #devices { padding: 0 1; height: 1; margin: 1 0 0 0; }
    OnlineScreen MicrophoneLevels { margin: 0 1; }
    OnlineScreen #buttons { height: 1fr; padding: 1 1; }
    OnlineScreen #buttons BigButton { height: 1fr; margin: 0 1; }
    OnlineScreen #pause { background: $paused-bg; color: $paused-fg; }
    OnlineScreen #stop { background: $stopped-bg; color: $stopped-fg; }
    OnlineScreen #said { padding: 0 2; color: $hint; height: 2; }
    """
    topic: ClassVar[str] = "online"

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Banner()
        yield AlarmBar()
        yield Words(id="devices")
        yield MicrophoneLevels()
        with Horizontal(id="buttons"):
            yield BigButton(self.offer("space", "key-pause"), id="pause")
            yield BigButton(self.offer("f10", "key-erase"), id="erase")
            yield BigButton(self.offer("escape", "key-stop"), id="stop")
        yield Words(self.texts("online-said"), id="said")

    def show(self, state: State) -> None:
        """Show the state; the pause key says what it would do now."""
        super().show(state)
        self.query_one("#devices", Words).say(self.devices_say(state))
        levels = self.query_one(MicrophoneLevels)
        levels.visible = not self.field.quiet
        levels.show(self.texts, state.microphone, state.session)
        paused = self.field.claim is Claim.PAUSED
        says = "key-resume" if paused else "key-pause"
        self.query_one("#pause", BigButton).show(self.offer("space", says), on=True)

    def offers(self) -> list[KeyOffer]:
        """Name the keys that are no buttons."""
        buttons = ("space", "f10", "escape")
        return [offer for offer in super().offers() if offer.key not in buttons]
