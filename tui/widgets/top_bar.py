"""The top line of every screen: does it record, who is here, how late is it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.containers import Horizontal

from tui.claim import Claim
from tui.widgets.glyphs import glyphs
from tui.widgets.key_bar import KeyOffer, KeyTouch
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult

LOOKS = {
    Claim.UNKNOWN: "-stopped",
    Claim.IDLE: "-idle",
    Claim.STARTING: "-idle",
    Claim.RECORDING: "-recording",
    Claim.PAUSED: "-paused",
    Claim.NOT_SAVING: "-stopped",
}


@dataclass(frozen=True, slots=True)
class TopLine:
    """What the line says; no ``state`` where the screen says it larger."""

    claim: Claim
    state: str
    title: str
    alarming: bool
    help: str
    language: str
    clock: str


class TopBar(Horizontal):
    """State, title, and the keys for help and language."""

    DEFAULT_CSS = """
    TopBar { dock: top; height: 1; width: 1fr; background: $panel; }
    TopBar #state { width: auto; padding: 0 1; margin: 0 1 0 0; text-style: bold; }
    TopBar #title { width: 1fr; margin: 0 0 0 1; }
    TopBar #title.-alarming { background: $alarm-bg; color: $alarm-fg; text-style: bold; }
    TopBar #clock { width: auto; padding: 0 1; color: $hint; }
    TopBar KeyTouch { margin: 0 0 0 1; height: 1; }
    TopBar #state.-idle { background: $idle-bg; color: $idle-fg; }
    TopBar.-recording, TopBar.-recording #clock {
        background: $recording-bg; color: $recording-fg;
    }
    TopBar.-paused, TopBar.-paused #clock { background: $paused-bg; color: $paused-fg; }
    TopBar.-stopped, TopBar.-stopped #clock {
        background: $stopped-bg; color: $stopped-fg;
    }
    """

    def compose(self) -> ComposeResult:
        """Lay it out."""
        yield Words(id="state")
        yield Words(id="title")
        yield KeyTouch(KeyOffer("f1", "F1", ""), id="help")
        yield KeyTouch(KeyOffer("f2", "F2", ""), id="language")
        yield Words(id="clock")

    def show(self, shown: TopLine) -> None:
        """Say it; over the whole width where the screen does not say it larger."""
        self.set_classes(LOOKS[shown.claim] if shown.state else "")
        sign = self.query_one("#state", Words)
        sign.display = shown.state != ""
        sign.say(f"{glyphs().of(shown.claim)} {shown.state}")
        sign.set_classes(LOOKS[shown.claim])
        title = self.query_one("#title", Words)
        title.say(shown.title)
        title.set_class(shown.alarming, "-alarming")
        for which, says in (("help", shown.help), ("language", shown.language)):
            touch = self.query_one(f"#{which}", KeyTouch)
            touch.say(KeyOffer(touch.offer.key, touch.offer.cap, says).content())
        self.query_one("#clock", Words).say(shown.clock)
