"""Whatever screens ask for in whatever order, the phases and marks are those of a model."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from recorder.clock import NS_PER_S, read_host_ns
from recorder.errors import FormatError, MarkError, PhaseError
from recorder.protocol import calls, replies
from recorder.service.marks import UNDO_S
from recorder.service.phases import ALLOWED
from recorder.store.layout import session_name
from tests.service_rig import Rig, preparation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.house import House

POINTS = ("insight", "mark", "phase")
SPANS = ("emotion", "tears")


@pytest.fixture(scope="module")
def rig(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    box = shutil.copytree(house.box, tmp_path_factory.mktemp("model") / "box")
    with Rig(box) as rig:
        rig.wait_until(lambda: rig.connected)
        yield rig


OUT_OF_PLACE = (
    calls.Cancel(),
    calls.Record(),
    calls.SkipBaseline(),
    calls.Mark("insight", "point", 0),
    calls.Pause(),
    calls.Resume(),
    calls.Erase(1),
    calls.Stop(),
    calls.Finish(),
    calls.Discard(),
    calls.Use(microphone="simulated"),
    calls.Prepare("", "online", only_consented=True),
    calls.Skip("", "online", ""),
)


def in_phase(*phases: str) -> Callable[[Machine], bool]:
    """Return the question whether the model is in one of ``phases``."""
    return lambda machine: machine.phase in phases


def signed(box: Path) -> int:
    return len(list((box / "sessions").glob("*/manifest.json.sig")))


def unsigned(box: Path) -> int:
    folders = [path for path in (box / "sessions").iterdir() if session_name(path.name)]
    return len(folders) - signed(box)


class Machine(RuleBasedStateMachine):
    """The model: a phase, the marks that stand, what is on, and how much is signed."""

    rig: Rig

    def __init__(self) -> None:
        super().__init__()
        self.phase = "home"
        self.client = ""
        self.marks: list[tuple[int, str, str]] = []  # that stand: number, id, act
        self.signed = signed(self.rig.box)
        self.sessions: dict[str, int] = {}

    def teardown(self) -> None:
        if self.rig.phase == "fit":
            self.rig.do(calls.Cancel())
        elif self.rig.phase != "home":
            self.rig.do(calls.Discard())

    @property
    def running(self) -> list[str]:
        on = dict.fromkeys(name for _, name, act in self.marks if act == "on")
        ends = [name for _, name, act in self.marks if act == "off"]
        begun = [name for _, name, act in self.marks if act == "on"]
        return [name for name in on if begun.count(name) > ends.count(name)]

    def age_s(self, number: int) -> float:
        """Return how long ago mark ``number`` was made."""
        (mark,) = [one for one in self.rig.running.marks.newest if one.n == number]
        return (read_host_ns() - mark.key_ns) / NS_PER_S

    @rule(call=st.sampled_from(OUT_OF_PLACE))
    def out_of_place(self, call: calls.Call) -> None:
        if self.phase not in ALLOWED[type(call)]:
            with pytest.raises(PhaseError):
                self.rig.do(call)

    @precondition(in_phase("home"))
    @rule(again=st.booleans())
    def prepare(self, again: bool) -> None:  # noqa: FBT001 - hypothesis gives it
        known = [code for code, n in self.sessions.items() if n]
        self.client = known[0] if again and known else self.rig.new_code()
        self.rig.do(preparation(self.client))
        self.phase, self.marks = "fit", []

    @precondition(in_phase("fit"))
    @rule(really=st.integers(0, 4))
    def cancel(self, really: int) -> None:
        if not really:
            self.rig.do(calls.Cancel())
            self.phase = "home"

    @precondition(in_phase("fit"))
    @rule(baseline=st.booleans())
    def record(self, baseline: bool) -> None:  # noqa: FBT001 - hypothesis gives it
        self.rig.do(calls.Record(override=True, baseline=baseline))
        self.phase = "recording"
        self.sessions[self.client] = self.sessions.get(self.client, 0) + 1
        if baseline:
            self.rig.do(calls.SkipBaseline())

    @precondition(in_phase("recording"))
    @rule(name=st.sampled_from(POINTS))
    def mark(self, name: str) -> None:
        self.marks.append((self.rig.mark(name), name, "point"))

    @precondition(in_phase("recording"))
    @rule(name=st.sampled_from(SPANS), act=st.sampled_from(["on", "off"]))
    def span(self, name: str, act: str) -> None:
        if (name in self.running) == (act == "on"):
            with pytest.raises(MarkError):
                self.rig.mark(name, act)
        else:
            self.marks.append((self.rig.mark(name, act), name, act))

    @precondition(in_phase("recording"))
    @rule()
    def undo(self) -> None:
        number, name, _ = self.marks[-1] if self.marks else (999_999, "insight", "")
        if self.marks:
            if self.age_s(number) > UNDO_S:
                return  # a slow disk has let the time for it pass
            self.rig.mark(name, "undo", of=number)
            self.marks.pop()
        with pytest.raises(MarkError):  # once only, and only what there is
            self.rig.mark(name, "undo", of=number)

    @precondition(in_phase("recording"))
    @rule()
    def pause(self) -> None:
        self.rig.do(calls.Pause())
        self.phase = "paused"

    @precondition(in_phase("paused"))
    @rule()
    def resume(self) -> None:
        self.rig.do(calls.Resume())
        self.phase = "recording"

    @precondition(in_phase("recording", "paused"))
    @rule()
    def erase(self) -> None:
        self.rig.do(calls.Erase(15))
        self.marks = []  # no example lasts a quarter of an hour

    @precondition(in_phase("recording", "paused"))
    @rule(really=st.integers(0, 4))
    def stop(self, really: int) -> None:
        if not really:
            self.rig.do(calls.Stop())
            self.phase = "finish"

    @precondition(in_phase("finish"))
    @rule(good=st.booleans())
    def finish(self, good: bool) -> None:  # noqa: FBT001 - hypothesis gives it
        if not good:
            with pytest.raises(FormatError):
                self.rig.do(calls.Finish("partial", "no such reason"))
            return
        reply = self.rig.ask(calls.Finish("partial", "client_wish"), replies.Finished)
        assert reply.clean
        self.phase, self.signed = "home", self.signed + 1

    @precondition(in_phase("recording", "paused", "finish"))
    @rule(really=st.integers(0, 9))
    def discard(self, really: int) -> None:
        if not really:
            self.rig.do(calls.Discard())
            self.phase, self.signed = "home", self.signed + 1
            self.sessions[self.client] -= 1

    @precondition(in_phase("home"))
    @rule()
    def skip(self) -> None:
        known = [code for code, n in self.sessions.items() if n]
        if known:
            self.rig.do(calls.Skip(known[0], "online", "client_absent"))
            self.signed += 1

    @invariant()
    def the_phase_is_the_models(self) -> None:
        self.rig.engine.tick(read_host_ns())
        assert self.rig.phase == self.phase
        assert (self.rig.engine.view.running is None) == (self.phase in ("home", "fit"))

    @invariant()
    def the_marks_are_the_models(self) -> None:
        running = self.rig.engine.view.running
        if running is None:
            return
        shown = [
            (one.n, one.id, one.act)
            for one in running.marks.newest
            if not one.undone and not one.id.startswith("eyes")
        ]
        assert shown == self.marks[-len(shown) :] if shown else not self.marks
        assert set(running.marks.running) == set(self.running)

    @invariant()
    def what_is_over_is_signed_and_only_that(self) -> None:
        assert signed(self.rig.box) == self.signed
        assert unsigned(self.rig.box) == (self.phase not in ("home", "fit"))

    @invariant()
    def sessions_are_counted_as_they_began(self) -> None:
        listed = self.rig.ask(calls.ListClients(), replies.ClientList).clients
        counts = {one.code: one.sessions for one in listed}
        for code, number in self.sessions.items():
            assert counts[code] == number


def test_any_order_of_requests_keeps_to_the_phases(rig: Rig) -> None:
    run_state_machine_as_test(
        type("Bound", (Machine,), {"rig": rig}),
        settings=settings(
            max_examples=25,
            stateful_step_count=40,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # real time passes: shrinking would take minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
