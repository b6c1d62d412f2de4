"""The fit: every electrode in its place, one sentence of advice, and when one may begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Horizontal, Vertical
from textual.content import Content

from recorder.eeg.quality import Verdict
from recorder.protocol.calls import Cancel, Record
from tui import wording
from tui.advice import fit_advice, worst
from tui.screens.base import Act, FieldScreen
from tui.screens.before import BeforeScreen
from tui.widgets.button import BigButton
from tui.widgets.glyphs import LOOKS, glyphs
from tui.widgets.head import HeadPicture
from tui.widgets.microphone import MicrophoneLevels
from tui.widgets.traces import Traces
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from recorder.protocol.lines import Answer
    from recorder.protocol.state import Gate, State
    from tui.widgets.key_bar import KeyOffer

GATE_S = 10.0  # so long must the electrodes stay fine
_BAR_CELLS = 10


class FitScreen(FieldScreen):
    """Between the confirmations and the recording."""

    CSS = """
    FitScreen #pictures { height: 1fr; }
    FitScreen HeadPicture { width: 2fr; }
    FitScreen Traces { width: 3fr; margin: 0 1 0 1; }
    FitScreen #below { height: auto; padding: 0 2; }
    FitScreen #advice { height: 2; text-style: bold; }
    FitScreen BigButton { margin: 0 2; }
    FitScreen.-tall #below { padding: 1 2; }
    FitScreen.-tall MicrophoneLevels { margin: 0 0 1 0; }
    """
    topic: ClassVar[str] = "fit"

    def __init__(self) -> None:
        super().__init__()
        self._sent = False

    def body(self) -> ComposeResult:
        """Lay it out."""
        with Horizontal(id="pictures"):
            yield HeadPicture()
            yield Traces()
        with Vertical(id="below"):
            yield Words(id="advice")
            yield MicrophoneLevels()
            yield Words(id="gate")
        yield BigButton(self.offer("enter", "key-start"))

    def on_mount(self) -> None:
        """Ask for samples."""
        self.field.link.trace(wanted=True)

    def on_unmount(self) -> None:
        """Need them no more."""
        self.field.link.trace(wanted=False)

    def show(self, state: State) -> None:
        """Show contact, levels, and whether one may begin."""
        self.query_one(HeadPicture).show(state.electrodes)
        self.query_one(Traces).show(state.trace, state.electrodes)
        needy = worst(state.electrodes)
        look = "$good" if needy is None else LOOKS[needy.verdict]
        advice = Content.styled(fit_advice(self.texts, state), look)
        self.query_one("#advice", Words).say(advice)
        self.query_one(MicrophoneLevels).show(self.texts, state.microphone, state.session)
        self.query_one("#gate", Words).say(self._gate_says(state))
        button = self.query_one(BigButton)
        if state.gate.open:
            button.show(self.offer("enter", "key-start"), on=True)
        else:
            button.show(self.offer("enter", "fit-wait"), on=False)

    def acts(self) -> dict[str, Act]:
        """Begin, or leave."""
        acts: dict[str, Act] = {"escape": lambda _: self._ask(Cancel())}
        state = self.field.state
        if state is not None and state.gate.open:
            acts["enter"] = lambda _: self._ask(Record())
            acts["f5"] = lambda _: self._ask(Record(baseline=True))
        elif state is not None and state.gate.override_in_s <= 0:
            acts["f9"] = lambda _: self._ask(Record(override=True))
        if self.field.study.scales("before"):
            acts["f8"] = lambda _: self.app.push_screen(
                BeforeScreen(self.field.before_answers)
            )
        return acts

    def offers(self) -> list[KeyOffer]:
        """Name the keys."""
        acts = self.acts()
        offers = [self.offer("escape", "key-leave-fit")]
        wanted = {"f5": "key-baseline", "f8": "key-before", "f9": "key-override"}
        return offers + [self.offer(key, wanted[key]) for key in wanted if key in acts]

    def _ask(self, call: Record | Cancel) -> None:
        """Ask once: a key that bounces is not told that it comes too late."""
        if not self._sent:
            self._sent = True
            self.field.ask(call, self._take_answer)

    def _take_answer(self, answer: Answer) -> None:
        if answer.fault is not None:
            self._sent = False
            self.field.tell(answer.fault)

    def _gate_says(self, state: State) -> Content:
        gate, n_electrodes = state.gate, len(state.electrodes)
        fine = sum(each.verdict >= Verdict.WARN for each in state.electrodes)
        held_s = min(gate.good_for_s, GATE_S)
        signs = glyphs()
        full = _BAR_CELLS if gate.open else round(_BAR_CELLS * held_s / GATE_S)
        return Content.assemble(
            self.texts("fit-electrodes", fine=fine, n=n_electrodes),
            "  ",
            (signs.step * full, "$good"),
            (signs.step_left * (_BAR_CELLS - full), "$hint"),
            f"  {self._when(gate)}",
        )

    def _when(self, gate: Gate) -> str:
        if gate.open:
            return self.texts("fit-may-start")
        if gate.good_for_s > 0:
            return self.texts("fit-hold", n=round(max(0.0, GATE_S - gate.good_for_s)))
        if gate.override_in_s <= 0:
            return self.texts("fit-may-override")
        return self.texts("fit-override-in", time=wording.clock(gate.override_in_s))
