"""After a session: everything is saved; how was it, and a few numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical

from recorder.protocol.calls import Finish
from tui import wording
from tui.claim import Claim
from tui.screens.base import Act, FieldScreen
from tui.screens.discard import DiscardScreen
from tui.session_draft import UNSAID
from tui.widgets.banner import Banner
from tui.widgets.button import BigButton
from tui.widgets.choice import Choice, Line
from tui.widgets.questions import Filled, Questions
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from recorder.protocol.calls import Outcome
    from recorder.protocol.lines import Answer
    from recorder.protocol.state import Session, State
    from tui.widgets.key_bar import KeyOffer

OUTCOMES: tuple[Outcome, ...] = ("complete", "partial", "skipped")


class FinishScreen(FieldScreen):
    """Outcome, reason, scales, and then the signature."""

    CSS = """
    FinishScreen #step { height: 1fr; padding: 0 1; }
    FinishScreen #ask { padding: 1 1; text-style: bold; }
    FinishScreen Questions { padding: 1 1; }
    FinishScreen #signs { color: $hint; padding: 0 2; height: 1; }
    """
    topic: ClassVar[str] = "finish"
    says_state: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self._step = "outcome"
        self._outcome: Outcome = "complete"
        self._reason = ""
        self._filled = Filled({})
        self._sent = False
        self.signed = False

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Banner()
        with Vertical(id="step"):
            yield Words(id="ask")
            yield Choice()
            yield Questions(self.field.study.scales("after"), self._filled)
            yield BigButton(self.offer("enter", "key-sign"))
        yield Words(id="signs")

    def show(self, state: State) -> None:
        """Show what was saved, and the question whose turn it is."""
        if state.session is None:
            return
        self._show_banner(state.session)
        self.query_one(Choice).display = self._step in ("outcome", "reason")
        self.query_one(Questions).display = self._step == "scales"
        self.query_one(BigButton).display = self._step == "sign"
        ask = self.query_one("#ask", Words)
        ask.display = self._step != "scales"
        if self._step != "scales":
            ask.say(self.texts(f"finish-{self._step}"))
        if self._step == "outcome":
            lines = [self.texts.of("outcome", outcome) for outcome in OUTCOMES]
            self.query_one(Choice).show([Line(line) for line in lines])
        elif self._step == "reason":
            reasons = self.field.study.reason
            self.query_one(Choice).show([Line(self.texts.pick(each)) for each in reasons])
        elif self._step == "scales":
            self.query_one(Questions).show(self.texts)
        self._show_countdown(state.session)

    def acts(self) -> dict[str, Act]:
        """Answer; Esc goes a step back."""
        acts: dict[str, Act] = {
            "escape": lambda _: self._back(),
            "f8": lambda _: self.app.push_screen(DiscardScreen()),
        }
        if self._step in ("outcome", "reason"):
            acts |= self.query_one(Choice).acts()
        elif self._step == "scales":
            acts |= self.query_one(Questions).acts()
        else:
            acts["enter"] = lambda _: self._sign()
        return acts

    def offers(self) -> list[KeyOffer]:
        """Name the keys."""
        offers = [] if self._step == "outcome" else [self.offer("escape", "key-back")]
        if self._step == "sign":
            offers.append(self.offer("enter", "key-sign"))
        else:
            offers.append(self.offer("enter", "key-next"))
        return [*offers, self.offer("f8", "key-discard")]

    def on_choice_taken(self, message: Choice.Taken) -> None:
        """Take the answer and go on."""
        if self._step == "reason":
            self._reason = self.field.study.reason[message.index].id
            self._go("scales")
            return
        self._outcome = OUTCOMES[message.index]
        wants_reason, reasons = self._outcome != "complete", self.field.study.reason
        self._reason = UNSAID if wants_reason and not reasons else ""
        self._go("reason" if wants_reason and reasons else "scales")

    def on_questions_done(self) -> None:
        """Everything is answered."""
        self._go("sign")

    def _show_banner(self, session: Session) -> None:
        small = self.texts(
            "finish-saved",
            minutes=round(session.written_s / 60),
            lost=wording.percent(self.texts, session.lost_share),
        )
        if session.trouble:
            look = Claim.NOT_SAVING
            big, small = self.texts("finish-trouble-big"), self.texts("finish-trouble")
            self.query_one(Banner).show(look, big=big, small=small)
            return
        self.query_one(Banner).show("-go", big=self.texts("finish-big"), small=small)

    def _show_countdown(self, session: Session) -> None:
        signs = session.signs_in_s
        said = (
            "" if signs is None else self.texts("finish-signs", time=wording.clock(signs))
        )
        self.query_one("#signs", Words).say(said)

    def _go(self, step: str) -> None:
        no_items = self.query_one(Questions).n_items == 0
        self._step = "sign" if step == "scales" and no_items else step
        self.query_one(Choice).lit = 0
        self.draw()

    def _back(self) -> None:
        before = {"reason": "outcome", "scales": "outcome", "sign": "scales"}
        step = before.get(self._step, "outcome")
        no_items = self.query_one(Questions).n_items == 0
        self._go("outcome" if step == "scales" and no_items else step)

    def _sign(self) -> None:
        if not self._sent:
            self._sent = True
            answers = {**self.field.before_answers, **self._filled.answers}
            scales = {scale: items for scale, items in answers.items() if items}
            call = Finish(outcome=self._outcome, reason=self._reason, scales=scales)
            self.field.ask(call, self._take_answer)

    def _take_answer(self, answer: Answer) -> None:
        self._sent = False
        if answer.fault is not None:
            self.field.tell(answer.fault)
            return
        self.signed = True
        self.field.before_answers = {}
