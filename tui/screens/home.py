"""Home: may a session begin, what is connected, what still waits to be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.content import Content

from tui import wording
from tui.facts import Fact, home_facts
from tui.screens.base import Act, FieldScreen
from tui.screens.clients import ClientsScreen
from tui.screens.confirm import ConfirmScreen
from tui.screens.devices import DevicesScreen
from tui.screens.notice import explain
from tui.screens.settings import SettingsScreen
from tui.screens.uploads import UploadsScreen
from tui.session_draft import SessionDraft
from tui.widgets.banner import Banner
from tui.widgets.button import BigButton
from tui.widgets.glyphs import LOOKS, glyphs
from tui.widgets.key_bar import KeyOffer
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from recorder.protocol.state import Interrupted, State

_PROBLEMS_SHOWN = 2


class HomeScreen(FieldScreen):
    """Between sessions."""

    CSS = """
    HomeScreen #facts { height: auto; padding: 1 2; }
    HomeScreen #problems { padding: 0 2; color: $warn; text-style: bold; }
    HomeScreen BigButton { margin: 0 2; }
    HomeScreen #first { height: 1fr; min-height: 3; max-height: 5; }
    HomeScreen #second { margin: 1 2 0 2; height: 1; background: $panel; }
    """
    topic: ClassVar[str] = "home"
    says_state: ClassVar[bool] = True

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Banner()
        yield Words(id="problems")
        yield Vertical(id="facts")
        yield BigButton(self.offer("enter", "key-new-session"), id="first")
        yield BigButton(self.offer("f5", "key-new-session"), id="second")

    def show(self, state: State) -> None:
        """Show whether a session may begin, and everything it needs."""
        stage = _stage(state)
        self.query_one(Banner).show(
            "-paused" if stage in ("blocked", "headless") else "-go",
            big=self.texts(f"home-{stage}-big"),
            small=self.texts(f"home-{stage}-small"),
        )
        problems = [explain(self.texts, fault) for fault in state.problems]
        told = self.query_one("#problems", Words)
        told.say("\n".join(dict.fromkeys(problems[:_PROBLEMS_SHOWN])))
        told.display = bool(problems)
        self._show_facts(home_facts(self.texts, state))
        self._show_buttons(state)

    def acts(self) -> dict[str, Act]:
        """Begin, look, or set up."""
        acts: dict[str, Act] = {
            "f3": lambda _: self.app.push_screen(UploadsScreen()),
            "f4": lambda _: self.app.push_screen(SettingsScreen()),
        }
        state = self.field.state
        if state is not None and _stage(state) == "headless":
            acts["enter"] = lambda _: self.app.push_screen(DevicesScreen())
        elif state is not None and state.ready:
            acts["enter"] = lambda _: self._begin(state.interrupted)
            if state.interrupted is not None:
                acts["f5"] = lambda _: self._begin(None)
        return acts

    def offers(self) -> list[KeyOffer]:
        """Name the keys besides the button's."""
        return [self.offer("f3", "key-uploads"), self.offer("f4", "key-settings")]

    def _begin(self, interrupted: Interrupted | None) -> None:
        if interrupted is None:
            self.app.push_screen(ClientsScreen())
            return
        draft = SessionDraft(
            client=interrupted.client,
            mode=self.field.preferences.mode,
            continues=True,
        )
        self.app.push_screen(ConfirmScreen(draft))

    def _show_facts(self, facts: list[Fact]) -> None:
        place = self.query_one("#facts", Vertical)
        while len(place.children) < len(facts):
            place.mount(Words())
        for words in place.children[len(facts) :]:
            words.remove()
        width = max(len(fact.name) for fact in facts) + 2
        for fact, words in zip(facts, place.query(Words), strict=False):
            words.say(
                Content.assemble(
                    (fact.name.ljust(width), "$hint"),
                    (glyphs().electrode[fact.verdict], LOOKS[fact.verdict]),
                    f" {fact.says}",
                )
            )

    def _show_buttons(self, state: State) -> None:
        first, second = self.query_one("#first", BigButton), self.query_one("#second")
        cut_off, stage = state.interrupted, _stage(state)
        may_begin = stage not in ("blocked", "headless")
        second.display = cut_off is not None and may_begin
        if stage == "blocked":
            first.show(self.offer("enter", "home-blocked-button"), on=False)
        elif stage == "headless":
            first.show(self.offer("enter", "key-choose-headset"), on=True)
        elif cut_off is None:
            first.show(self.offer("enter", "key-new-session"), on=True)
        else:
            ago = wording.ago(self.texts, cut_off.ago_s)
            says = self.texts("key-continue", client=cut_off.client, ago=ago)
            first.show(KeyOffer("enter", self.texts("cap-enter"), says), on=True)


def _stage(state: State) -> str:
    """Return how it stands: headless wants a headset chosen, asleep one switched on."""
    if not state.ready:
        return "blocked"
    if state.headset.link == "none":
        return "headless"
    return "ready" if state.headset.link == "connected" else "asleep"
