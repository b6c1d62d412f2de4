"""What both recording screens share: the state in huge letters, alarms, pause, the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.content import Content

from recorder.protocol.calls import Seen, SkipBaseline
from tui import wording
from tui.claim import Claim
from tui.screens.base import Act, FieldScreen
from tui.screens.erase import EraseScreen
from tui.screens.stop import StopScreen
from tui.widgets.alarm_bar import AlarmBar, first_unseen
from tui.widgets.banner import Banner
from tui.widgets.contact import contact_says
from tui.widgets.glyphs import LOOKS, glyphs

if TYPE_CHECKING:
    from recorder.protocol.state import Baseline, Session, State
    from tui.widgets.key_bar import KeyOffer

_LOW_BATTERY = 20.0


class LiveScreen(FieldScreen):
    """A session being recorded or paused."""

    says_state: ClassVar[bool] = False
    shows_alarms: ClassVar[bool] = True

    def show(self, state: State) -> None:
        """Show the state, and what is wrong."""
        if state.session is None:
            return
        self._show_banner(state.session)
        self.query_one(AlarmBar).show(self.texts, state.alarms)

    def acts(self) -> dict[str, Act]:
        """Erase, end, see an alarm; the same keys with and without marks."""
        acts: dict[str, Act] = {
            "f10": lambda _: self.app.push_screen(EraseScreen()),
            "escape": lambda _: self.app.push_screen(StopScreen()),
            "f6": lambda _: self._change_quiet(),
        }
        state = self.field.state
        alarm = None if state is None else first_unseen(state.alarms)
        if alarm is not None:
            acts["enter"] = lambda _: self.field.ask(Seen(alarm.id), lambda _: self.draw())
        elif self._resting(state):
            acts["enter"] = lambda _: self.field.ask(SkipBaseline())
        return acts

    def offers(self) -> list[KeyOffer]:
        """Name the keys."""
        paused = self.field.claim is Claim.PAUSED
        quiet = self.field.quiet
        offers = [
            self.offer("space", "key-resume" if paused else "key-pause"),
            self.offer("f10", "key-erase"),
            self.offer("f6", "key-bright" if quiet else "key-quiet"),
            self.offer("escape", "key-stop"),
        ]
        if self._resting(self.field.state):
            offers[2] = self.offer("enter", "key-skip-baseline")
        return offers

    def on_unmount(self) -> None:
        """Be bright again for what follows."""
        self.field.set_quiet(quiet=False)

    def devices_say(self, state: State) -> Content:
        """Return headset, battery and contact in one line."""
        headset = state.headset
        signs = glyphs()
        verdict = {"connected": 3, "connecting": 2}.get(headset.link, 0)
        parts: list[Content | str | tuple[str, str]] = [
            self.texts("fact-headset"),
            (f" {signs.electrode[verdict]}", LOOKS[verdict]),
        ]
        for battery, name in (
            (headset.battery_percent, ""),
            (state.box_battery_percent, f"   {self.texts('fact-box')}"),
        ):
            if battery is not None and (name or headset.link == "connected"):
                look = "$warn" if battery <= _LOW_BATTERY else ""
                parts += [name, (f" {self.texts('battery', n=round(battery))}", look)]
        parts += [f"   {self.texts('contact')} ", contact_says(state.electrodes)]
        return Content.assemble(*parts)

    def _resting(self, state: State | None) -> bool:
        session = None if state is None else state.session
        return _rest_of(session) is not None

    def _show_banner(self, session: Session) -> None:
        claim = self.field.claim
        rest = _rest_of(session)
        if rest is not None and claim is Claim.RECORDING:
            big = self.texts(f"baseline-{rest.stage}")
        else:
            big = self.texts.of("state", claim)
        small = self._details(session, claim)
        if rest is not None:
            small = self.texts("baseline-left", time=wording.clock(rest.left_s))
        self.query_one(Banner).show(claim, big=big, small=small)

    def _details(self, session: Session, claim: Claim) -> str:
        if claim is Claim.PAUSED:
            return self.texts("live-paused", elapsed=wording.clock(session.elapsed_s))
        if self.field.quiet and claim is Claim.RECORDING:
            minutes = int(session.elapsed_s // 60)
            return self.texts("live-quiet", n=minutes)
        saved = "live-saved-never"
        ago_s = 0.0
        if session.saved_ago_s is not None:
            saved, ago_s = "live-saved", session.saved_ago_s + self.field.news_age_s
        return self.texts(
            "live-details",
            elapsed=wording.clock(session.elapsed_s),
            saved=self.texts(saved, n=round(ago_s, 1)),
            lost=wording.percent(self.texts, session.lost_share),
        )

    def _change_quiet(self) -> None:
        self.field.set_quiet(quiet=not self.field.quiet)
        self.draw()


def _rest_of(session: Session | None) -> Baseline | None:
    """Return the baseline while it lasts."""
    if session is None or session.baseline is None:
        return None
    return None if session.baseline.stage == "done" else session.baseline
