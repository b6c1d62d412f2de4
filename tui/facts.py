"""What Home says about the box, line by line, each with a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui import wording

if TYPE_CHECKING:
    from recorder.protocol.state import Headset, Microphone, State, Upload
    from tui.texts import Texts

DEAD, BAD, WARN, GOOD = range(4)
_LOW_BATTERY = 20.0
_LOW_SPACE_MIN = 180.0


@dataclass(frozen=True, slots=True)
class Fact:
    """One line: what it is about, how it stands (0 dead to 3 good), and in words."""

    name: str
    verdict: int
    says: str


def home_facts(texts: Texts, state: State) -> list[Fact]:
    """Return the lines for ``state``."""
    facts = [
        _headset(texts, state.headset),
        _microphone(texts, state.microphone),
        Fact(
            texts("fact-space"),
            GOOD if state.free_min > _LOW_SPACE_MIN else WARN,
            texts("space-left", length=wording.length(texts, state.free_min)),
        ),
        _upload(texts, state.upload),
        _receipt(texts, state.upload),
    ]
    if state.box_battery_percent is not None:
        battery = texts("battery", n=round(state.box_battery_percent))
        enough = state.box_battery_percent > _LOW_BATTERY
        facts.insert(2, Fact(texts("fact-box"), GOOD if enough else WARN, battery))
    return facts


def _headset(texts: Texts, headset: Headset) -> Fact:
    name = texts("fact-headset")
    if headset.link == "none":
        return Fact(name, BAD, texts("headset-none"))
    named = wording.headset_name(texts, headset)
    says = texts.of("headset", headset.link, name=named)
    if headset.link != "connected":
        return Fact(name, WARN if headset.link == "connecting" else DEAD, says)
    if headset.battery_percent is None:
        return Fact(name, GOOD, says)
    verdict = GOOD if headset.battery_percent > _LOW_BATTERY else WARN
    battery = texts("battery", n=round(headset.battery_percent))
    return Fact(name, verdict, f"{says}, {battery}")


def _microphone(texts: Texts, microphone: Microphone) -> Fact:
    name = texts("fact-microphone")
    if microphone.link == "none":
        return Fact(name, BAD, texts("microphone-none"))
    named = wording.microphone_name(texts, microphone)
    says = texts.of("microphone", microphone.link, name=named)
    verdicts = {"connected": GOOD, "connecting": WARN}
    return Fact(name, verdicts.get(microphone.link, DEAD), says)


def _upload(texts: Texts, upload: Upload) -> Fact:
    name = texts("fact-upload")
    if upload.trouble:
        return Fact(name, WARN, texts("upload-trouble", n=upload.waiting))
    if upload.waiting:
        return Fact(name, WARN, texts("upload-waiting", n=upload.waiting))
    if upload.sent:
        return Fact(name, GOOD, texts("upload-sent", n=upload.sent))
    return Fact(name, GOOD, texts("upload-nothing"))


def _receipt(texts: Texts, upload: Upload) -> Fact:
    name = texts("fact-receipt")
    if upload.last_verified_wall_ns is None:
        return Fact(name, WARN, texts("receipt-none"))
    when = wording.moment(texts, upload.last_verified_wall_ns)
    return Fact(name, GOOD, texts("receipt-last", when=when))
