"""Alarms: what a person should know now, and what was not seen while it lasted."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from recorder.clock import NS_PER_S
from recorder.eeg.quality import Verdict
from recorder.protocol.state import Alarm
from recorder.session import PLANNED_MIN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recorder.audio.watch import Sound
    from recorder.eeg.quality import Contact
    from recorder.protocol.state import AlarmId
    from recorder.service.headset import HeadsetLook
    from recorder.service.health import Health
    from recorder.service.microphone import MicrophoneLook
    from recorder.service.phases import View
    from recorder.store.writer import WriterStatus

_LOW_PERCENT = 15.0
_HOT_C = 80.0
_UNSAVED_S = 2.0
_LEAST_LEFT_MIN = 10.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What alarms are made of. ``writer`` is None unless a session is recorded."""

    view: View
    headset: HeadsetLook
    microphone: MicrophoneLook
    writer: WriterStatus | None
    health: Health
    free_min: float
    bad_contacts: tuple[str, ...]  # labels of electrodes that are bad for too long
    overflowing: bool
    now_ns: int


Causes = dict["AlarmId", str]


def find_causes(around: Surroundings) -> Causes:
    """Return what there is to alarm about, each with a detail for technicians."""
    causes = _of_the_box(around)
    if around.writer is not None and around.view.phase in ("recording", "paused"):
        causes |= _of_devices(around, around.writer)
    if around.writer is not None and around.view.phase == "recording":
        causes |= _of_recording(around, around.writer)
    return causes


def _of_the_box(around: Surroundings) -> Causes:
    causes: Causes = {}
    health, view = around.health, around.view
    needed_min = PLANNED_MIN
    if view.running is not None:
        needed_min -= view.running.elapsed_s(around.now_ns) / 60
    if around.free_min < max(_LEAST_LEFT_MIN, needed_min):
        causes["disk_low"] = f"room for {int(around.free_min)} minutes"
    if health.temperature_c is not None and health.temperature_c > _HOT_C:
        causes["hot"] = f"{health.temperature_c:.0f} C, the limit is {_HOT_C:.0f}"
    if health.undervoltage:
        causes["undervoltage"] = "the power supply is too weak"
    percent = health.battery_percent
    if health.on_battery and percent is not None and percent < _LOW_PERCENT:
        causes["box_battery"] = f"{percent:.0f} %"
    return causes


def _of_devices(around: Surroundings, writer: WriterStatus) -> Causes:
    causes: Causes = {}
    if around.headset.link != "connected":
        causes["headset_lost"] = around.headset.problem
    percent = writer.battery_percent
    if percent is not None and percent < _LOW_PERCENT:
        causes["headset_battery"] = f"{percent:.0f} %"
    if _has_sound(around) and around.microphone.link != "connected":
        causes["microphone_lost"] = around.microphone.problem
    return causes


def _of_recording(around: Surroundings, writer: WriterStatus) -> Causes:
    causes: Causes = {}
    unsaved_s = (around.now_ns - writer.saved_ns) / NS_PER_S
    if unsaved_s > _UNSAVED_S or writer.trouble:
        causes["not_saved"] = writer.trouble or f"for {unsaved_s:.0f} s"
    if around.overflowing:
        causes["queue_full"] = f"{writer.overflowed} blocks dropped"
    if around.bad_contacts and around.headset.link == "connected":
        causes["contact"] = ", ".join(around.bad_contacts)
    if _has_sound(around) and around.microphone.link == "connected":
        causes |= _of_sound(around.microphone.sound)
    return causes


def _of_sound(sound: tuple[Sound, ...]) -> Causes:
    causes: Causes = {}
    dead = [n for n, one in enumerate(sound, start=1) if one.silent]
    # A channel that never gave anything has no microphone: no news, unless all are so.
    if len(dead) == len(sound) or any(sound[n - 1].heard for n in dead):
        causes["microphone_silent"] = _channels(dead)
    clipping = [n for n, one in enumerate(sound, start=1) if one.clipping]
    if clipping:
        causes["microphone_clipping"] = _channels(clipping)
    return causes if sound else {}


def _channels(numbers: list[int]) -> str:
    return "channel " + ", ".join(map(str, numbers))


def _has_sound(around: Surroundings) -> bool:
    running = around.view.running
    return running is not None and running.sound == "recorded"


class ContactPatience:
    """Which electrodes were bad for long, of those that were fine. One thread's."""

    def __init__(self, patience_s: float) -> None:
        self._patience_ns = round(patience_s * NS_PER_S)
        self._bad_since_ns: dict[int, int] = {}
        self._accepted: set[int] | None = None  # bad from the start: no news

    def forget(self) -> None:
        """Begin anew: no session is recorded."""
        self._bad_since_ns.clear()
        self._accepted = None

    def observe(self, contacts: tuple[Contact, ...], now_ns: int) -> tuple[int, ...]:
        """Return the channels to complain about."""
        bad = {n for n, one in enumerate(contacts) if one.verdict <= Verdict.BAD}
        if self._accepted is None:
            self._accepted = set(bad)
        self._accepted &= bad
        self._bad_since_ns = {
            n: self._bad_since_ns.get(n, now_ns) for n in bad - self._accepted
        }
        return tuple(
            n
            for n, since_ns in sorted(self._bad_since_ns.items())
            if now_ns - since_ns >= self._patience_ns
        )


class AlarmBoard:
    """The alarms that are listed. Any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._alarms: dict[AlarmId, Alarm] = {}

    def update(
        self, causes: Mapping[AlarmId, str], now_ns: int, *, at_home: bool
    ) -> tuple[Alarm, ...]:
        """List what lasts, and what nobody has seen; at home only what lasts."""
        with self._lock:
            kept = {}
            for name, old in self._alarms.items():
                lasting = name in causes
                if lasting or not (old.seen or at_home):
                    kept[name] = msgspec.structs.replace(
                        old, lasting=lasting, detail=causes.get(name, old.detail)
                    )
            for name, detail in causes.items():
                if name not in kept or not self._alarms[name].lasting:
                    kept[name] = Alarm(name, since_ns=now_ns, detail=detail)
            self._alarms = kept
            return tuple(kept.values())

    def see(self, name: str) -> None:
        """Note that a person has seen the alarm ``name``."""
        with self._lock:
            self._alarms = {
                key: msgspec.structs.replace(alarm, seen=True) if key == name else alarm
                for key, alarm in self._alarms.items()
            }
