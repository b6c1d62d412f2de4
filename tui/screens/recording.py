"""Recording in person: the state in huge letters, the codebook's keys, the newest marks."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec
from textual.containers import Vertical
from textual.content import Content

from recorder.clock import NS_PER_S, read_host_ns
from recorder.protocol.replies import Marked
from tui.claim import Claim
from tui.held import FIRST_GAP_S, HeldKey
from tui.key_time import pressed_ns
from tui.marking import Marking
from tui.screens.live import LiveScreen
from tui.screens.notice import explain
from tui.screens.risk import RiskScreen
from tui.screens.value import ValueScreen
from tui.widgets.alarm_bar import AlarmBar
from tui.widgets.banner import Banner
from tui.widgets.codebook_keys import CodebookKeys
from tui.widgets.mark_list import MarkList
from tui.widgets.microphone import MicrophoneLevels
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from recorder.format.codebook import Mark
    from recorder.protocol import calls
    from recorder.protocol.lines import Answer
    from recorder.protocol.state import Session, State
    from tui.screens.base import Act
    from tui.texts import Texts
    from tui.widgets.key_bar import KeyOffer

_RISK = "risk"
_ALPHA_ROSE = 1.2  # eyes closed over open: alpha waves of a brain
_BASELINE_TOLD_S = 30.0


class RecordingScreen(LiveScreen):
    """Up while a session in person is recorded or paused."""

    CSS = """
    RecordingScreen #devices { padding: 0 1; height: 1; margin: 1 0 0 0; }
    RecordingScreen MicrophoneLevels { margin: 0 1; }
    RecordingScreen CodebookKeys { margin: 1 1 0 1; }
    RecordingScreen #strip { padding: 0 1; height: 1; color: $warn; text-style: bold; }
    RecordingScreen.-tall MicrophoneLevels { margin: 1 1 0 1; }
    """
    topic: ClassVar[str] = "recording"

    def __init__(self) -> None:
        super().__init__()
        self._known_marking: Marking | None = None
        self._baseline_done_ns = 0
        self._held = HeldKey()

    @property
    def _marking(self) -> Marking:
        """What the keys led to, under the codebook as it is now."""
        known = self._known_marking
        if known is None or known.codebook is not self.field.codebook:
            known = self._known_marking = Marking(self.field.codebook)
        return known

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Banner()
        yield AlarmBar()
        yield Words(id="devices")
        yield MicrophoneLevels()
        yield CodebookKeys(self.field.codebook.visible)
        yield Words(id="strip")
        with Vertical():
            yield MarkList()

    def show(self, state: State) -> None:
        """Show everything about the running session."""
        super().show(state)
        session = state.session
        if session is None:
            return
        now_ns = read_host_ns()
        self._marking.drop_listed(session.marks, now_ns)
        self.query_one("#devices", Words).say(self.devices_say(state))
        levels = self.query_one(MicrophoneLevels)
        levels.visible = not self.field.quiet
        levels.show(self.texts, state.microphone, session)
        self.query_one(CodebookKeys).show(
            self.texts,
            self._marks_on(session),
            usable=self.field.claim is not Claim.PAUSED,
        )
        self.query_one("#strip", Words).say(self._strip_says(session, now_ns))
        marks = self.query_one(MarkList)
        elapsed_s = session.elapsed_s + self.field.news_age_s
        now = msgspec.structs.replace(session, elapsed_s=elapsed_s)
        marks.show(self.texts, self.field.codebook, self._marking, now, now_ns)
        marks.visible = bool(session.marks) or self.field.claim is not Claim.PAUSED

    def acts(self) -> dict[str, Act]:
        """Mark, take back; and what every recording screen does."""
        acts = super().acts()
        if self.field.claim is not Claim.PAUSED:
            acts |= dict.fromkeys(self._marking.mark_keys(), self._mark)
            acts |= {
                "f7": lambda _: self._turn_back(),
                "backspace": self._undo,
                "up": lambda _: self._strengthen(1),
                "down": lambda _: self._strengthen(-1),
            }
        elif self._risk_key:
            acts[self._risk_key] = lambda _: self.app.push_screen(RiskScreen(marked=False))
        return acts

    def offers(self) -> list[KeyOffer]:
        """Name the keys; the codebook's stand above."""
        offers = super().offers()
        if self.field.claim is not Claim.PAUSED and not self._resting(self.field.state):
            offers.insert(2, self.offer("f7", "key-back-date"))
        if self.field.claim is Claim.PAUSED and self._risk_key:
            offers.insert(2, self.offer(self._risk_key, "key-risk"))
        return offers

    @property
    def _risk_key(self) -> str:
        """The key of the risk card, which is at hand in a pause too."""
        keys = (key for key in self._marking.mark_keys() if self._is_risk(key))
        return next(keys, "")

    def _is_risk(self, key: str) -> bool:
        mark = self._marking.mark_of(key)
        return mark is not None and mark.id == _RISK

    def _marks_on(self, session: Session) -> tuple[str, ...]:
        """Return the marks that are on, those still on their way included."""
        running = list(session.running)
        for echo in self._marking.echoes:
            call = echo.call
            if call.act == "on" and not echo.refused and call.id not in running:
                running.append(call.id)
            elif call.act == "off" and not echo.refused and call.id in running:
                running.remove(call.id)
        return tuple(running)

    def _mark(self, event: events.Key) -> None:
        if self._held.gap_s(event) < FIRST_GAP_S:
            return  # a key that is held is one event of the session
        key_ns = pressed_ns(event)
        state = self.field.state
        mark = self._marking.mark_of(event.key)
        if mark is None or state is None or state.session is None:
            return
        if mark.kind == "value":
            self.app.push_screen(ValueScreen(mark, key_ns, self._give_value))
            return
        self._send(self._marking.press(mark, key_ns, self._marks_on(state.session)))
        if mark.id == _RISK:
            self.app.push_screen(RiskScreen(marked=True))

    def _give_value(self, mark: Mark, value: int, first_ns: int, key_ns: int) -> None:
        call = self._marking.value(mark, value, first_ns=first_ns, key_ns=key_ns)
        self._send(call)

    def _undo(self, event: events.Key) -> None:
        state = self.field.state
        if state is None or state.session is None:
            return
        call = self._marking.undo(state.session, pressed_ns(event))
        if call is not None:
            self.field.ask(call, lambda _: self.draw())  # too late is no drama

    def _send(self, call: calls.Mark) -> None:
        """Send a mark, and show it as being on its way."""
        self.query_one(CodebookKeys).light(call.id, on=True)
        self.field.ask(call, lambda answer: self._settle(call, answer))
        self.draw()

    def _settle(self, call: calls.Mark, answer: Answer) -> None:
        if answer.fault is not None:
            refused = explain(self.texts, answer.fault)
            self._marking.settle(call, refused=refused)
        else:
            marked = msgspec.json.decode(answer.ok, type=Marked)
            self._marking.settle(call, n=marked.n, saved=marked.saved)
        for keys in self.query(CodebookKeys):
            keys.light(call.id, on=False)
        self.draw()

    def _turn_back(self) -> None:
        self._marking.turn_back()
        self.draw()

    def _strengthen(self, by: int) -> None:
        state = self.field.state
        if state is not None and state.session is not None:
            self._marking.change_strength(self._marks_on(state.session), by)
            self.draw()

    def _strip_says(self, session: Session, now_ns: int) -> Content:
        """Return what the line above the marks says: what the next key will mean."""
        texts = self.texts
        if self._marking.back_s:
            return Content(texts("strip-back", n=self._marking.back_s))
        done = session.baseline is not None and session.baseline.stage == "done"
        if done and self._baseline_done_ns == 0:
            self._baseline_done_ns = now_ns
        young = now_ns - self._baseline_done_ns < _BASELINE_TOLD_S * NS_PER_S
        if done and young and session.baseline is not None:
            return Content(_alpha_says(texts, session.baseline.alpha_ratio))
        for mark_id in reversed(self._marks_on(session)):
            mark = self.field.codebook.get(mark_id)
            if mark.low is not None:
                strength = self._marking.strength(mark_id)
                said = "?" if strength is None else str(strength)
                return Content(
                    texts("strip-strength", mark=texts.pick(mark), strength=said)
                )
        return Content("")


def _alpha_says(texts: Texts, ratio: float | None) -> str:
    if ratio is None:
        return texts("baseline-unknown")
    rose = ratio > _ALPHA_ROSE
    return texts("baseline-alpha" if rose else "baseline-no-alpha", n=round(ratio, 1))
