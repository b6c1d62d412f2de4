"""Headset and microphone: search, pair, use, forget."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from recorder.protocol.calls import Forget, Pair, Scan, Use
from recorder.protocol.replies import Found
from tui import wording
from tui.screens.base import Act, FieldScreen
from tui.widgets.choice import Choice, Line
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from recorder.protocol.lines import Answer
    from recorder.protocol.replies import FoundDevice
    from recorder.protocol.state import State
    from tui.widgets.key_bar import KeyOffer

_STRONG_DBM, _FAIR_DBM = -60, -75
_NAME_ROOM = 24  # the recorder takes no longer name


class DevicesScreen(FieldScreen):
    """What is used now, and what a search found."""

    CSS = """
    DevicesScreen #now { padding: 1 2 0 2; }
    DevicesScreen #said { padding: 1 2 0 2; text-style: bold; }
    DevicesScreen #problem { padding: 0 2; color: $warn; }
    DevicesScreen Choice { margin: 1 1 0 1; }
    """
    topic: ClassVar[str] = "settings"

    def __init__(self) -> None:
        super().__init__()
        self._found: Found | None = None
        self._searching = False

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Words(self.texts("devices-title"), classes="title")
        yield Words(id="now")
        yield Words(id="said")
        yield Words(id="problem")
        yield Choice()

    def on_mount(self) -> None:
        """Search at once."""
        self._search()

    def show(self, state: State) -> None:
        """Show what is used and what was found."""
        none = self.texts("devices-none")
        headset = wording.headset_name(self.texts, state.headset)
        microphone = wording.microphone_name(self.texts, state.microphone)
        now = self.texts(
            "devices-now", headset=headset or none, microphone=microphone or none
        )
        self.query_one("#now", Words).say(now)
        said = "devices-searching" if self._searching else "devices-found"
        n = len(self._devices())
        self.query_one("#said", Words).say(self.texts(said, n=n))
        problem = self.query_one("#problem", Words)
        problem.display = self._found is not None and bool(self._found.problem)
        problem.say(self.texts("devices-no-bluetooth"))
        used = state.headset.name if state.headset.link == "connected" else ""
        self.query_one(Choice).show([self._line(*each, used) for each in self._devices()])

    def acts(self) -> dict[str, Act]:
        """Search again, take, forget, go back."""
        acts: dict[str, Act] = {
            **self.query_one(Choice).acts(),
            "escape": lambda _: self.leave(),
            "f5": lambda _: self._search(),
        }
        if self._lit_pair():
            acts["f8"] = lambda _: self._forget()
        return acts

    def offers(self) -> list[KeyOffer]:
        """Name the keys."""
        offers = [self.offer("escape", "key-back")]
        if self._devices():
            offers.append(self.offer("enter", "key-use"))
        offers.append(self.offer("f5", "key-search"))
        if self._lit_pair():
            offers.append(self.offer("f8", "key-forget"))
        return offers

    def on_choice_taken(self, message: Choice.Taken) -> None:
        """Pair a new headset, use a known one or a microphone."""
        kind, device = self._devices()[message.index]
        if kind == "microphone":
            self.field.ask(Use(microphone=device.spec), self._search_again)
        elif device.paired_as:
            self.field.ask(Use(headset=device.paired_as), self._search_again)
        else:
            call = Pair(spec=device.spec, name=short_name(device))
            self.field.ask(call, self._search_again)

    def _devices(self) -> list[tuple[str, FoundDevice]]:
        if self._found is None:
            return []
        headsets = [("headset", each) for each in self._found.headsets]
        return headsets + [("microphone", each) for each in self._found.microphones]

    def _line(self, kind: str, device: FoundDevice, used: str) -> Line:
        texts = self.texts
        name = device.paired_as or device.name or device.model
        if device.spec == "simulated":
            name = texts(f"simulated-{kind}")
        says = texts.of("devices-line", kind, name=name)
        remarks = [device.model] if device.model and device.model != name else []
        if device.signal_dbm is not None:
            remarks.append(texts.of("signal", _signal(device.signal_dbm)))
        if device.battery_percent is not None:
            remarks.append(texts("battery", n=round(device.battery_percent)))
        if device.paired_as and device.paired_as == used:
            remarks.append(texts("devices-used"))
        elif device.paired_as:
            seen = "devices-paired" if device.in_reach else "devices-not-in-reach"
            remarks.append(texts(seen))
        return Line(says, ", ".join(remarks))

    def _lit_pair(self) -> str:
        """Return the name under which the lit headset is paired, or nothing."""
        devices = self._devices()
        lit = self.query_one(Choice).lit
        return devices[lit][1].paired_as if lit < len(devices) else ""

    def _forget(self) -> None:
        self.field.ask(Forget(name=self._lit_pair()), self._search_again)

    def _search(self) -> None:
        if not self._searching:
            self._searching = True
            self.field.ask(Scan(), self._take_found)
            self.draw()

    def _search_again(self, answer: Answer) -> None:
        if answer.fault is not None:
            self.field.tell(answer.fault)
        else:
            self._search()

    def _take_found(self, answer: Answer) -> None:
        self._searching = False
        if answer.fault is not None:
            self.field.tell(answer.fault)
        else:
            self._found = msgspec.json.decode(answer.ok, type=Found)
        self.draw()


def short_name(device: FoundDevice) -> str:
    """Return a name to remember a headset by, made of what it calls itself."""
    named = device.name or device.model or "headset"
    kept = "".join(c if c.isalnum() or c in " ._-" else "-" for c in named)
    return kept.strip()[:_NAME_ROOM].strip() or "headset"


def _signal(dbm: int) -> str:
    if dbm >= _STRONG_DBM:
        return "strong"
    return "fair" if dbm >= _FAIR_DBM else "weak"
