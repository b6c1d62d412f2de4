"""An alarm is raised by its cause alone, lasts as long, and stays until somebody saw it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from recorder.audio.watch import Sound
from recorder.clock import NS_PER_S
from recorder.eeg.montage import board
from recorder.eeg.quality import Contact, Reason, Verdict
from recorder.protocol.state import Gate
from recorder.service.alarms import (
    AlarmBoard,
    ContactPatience,
    Surroundings,
    find_causes,
)
from recorder.service.headset import HeadsetLook
from recorder.service.health import Health
from recorder.service.microphone import MicrophoneLook
from recorder.service.phases import View
from recorder.store.writer import WriterStatus

if TYPE_CHECKING:
    from recorder.protocol.state import Phase
    from recorder.service.running import Running

NOW = 5000 * NS_PER_S
FINE = Sound(peak_dbfs=-20.0, silent=False, clipping=False, heard=True)
GOOD = Contact(Verdict.GOOD, Reason.NONE, 10.0)
BAD = Contact(Verdict.BAD, Reason.LOOSE, 200.0)


@dataclass(frozen=True)
class Recorded:
    """As much of a running session as alarms look at."""

    sound: str = "recorded"
    minutes: float = 10.0

    def elapsed_s(self, now_ns: int) -> float:
        return self.minutes * 60 + 0 * now_ns


WRITER = WriterStatus(
    at_ns=NOW,
    saved_ns=NOW - NS_PER_S // 2,
    rows=1,
    lost_samples=0,
    xruns=0,
    overflowed=0,
    eeg_rate_hz=250.0,
    eeg_drift_ppm=0.0,
    eeg_jitter_ms=0.0,
    eeg_silent_s=0.0,
    sound=(FINE, FINE),
    contacts=(GOOD,) * 8,
    contacts_ns=NOW,
    headset_lost=False,
    microphone_lost=False,
    battery_percent=80.0,
    parts=1,
    written_ns=NS_PER_S,
    lost_ns=0,
    paused=False,
    slow_disk=False,
    trouble="",
)
HEADSET = HeadsetLook(
    name="muse",
    board=board("simulated"),
    link="connected",
    simulated=True,
    problem="",
    battery_percent=80.0,
    contacts=(),
    contacts_ns=0,
    numbers=None,
)
MICROPHONE = MicrophoneLook(
    name="simulated",
    link="connected",
    simulated=True,
    problem="",
    format=None,
    sound=(FINE, FINE),
    xruns=0,
)


def look(phase: Phase = "recording", **changes: object) -> Surroundings:
    """Return surroundings where all is well, apart from ``changes``."""
    recorded: object = changes.pop("running", Recorded())
    running: Running | None = None
    if phase in ("recording", "paused"):
        running = recorded  # type: ignore[assignment]  # as much of it as is looked at
    view = View(
        phase=phase,
        busy="",
        gate=Gate(1.0, 10.0, open=True, override_in_s=0.0),
        problems=(),
        offer=None,
        prepared=None,
        running=running,
        signs_at_ns=None,
    )
    fields: dict[str, object] = {
        "view": view,
        "headset": HEADSET,
        "microphone": MICROPHONE,
        "writer": WRITER if running else None,
        "health": Health(),
        "free_min": 500.0,
        "bad_contacts": (),
        "overflowing": False,
        "now_ns": NOW,
        **changes,
    }
    return Surroundings(**fields)  # type: ignore[arg-type]  # as named above


@pytest.mark.parametrize("phase", ["home", "fit", "recording", "paused", "finish"])
def test_where_all_is_well_there_is_no_alarm(phase: Phase) -> None:
    assert find_causes(look(phase)) == {}


DEAD = replace(FINE, silent=True)
NEVER = replace(DEAD, heard=False)


@pytest.mark.parametrize(
    ("name", "changes", "phases"),
    [
        ("headset_lost", {"headset": replace(HEADSET, link="lost")}, "recording paused"),
        (
            "headset_battery",
            {"writer": replace(WRITER, battery_percent=14.0)},
            "recording paused",
        ),
        (
            "microphone_lost",
            {"microphone": replace(MICROPHONE, link="lost")},
            "recording paused",
        ),
        (
            "microphone_silent",
            {"microphone": replace(MICROPHONE, sound=(FINE, DEAD))},
            "recording",
        ),
        (
            "microphone_silent",
            {"microphone": replace(MICROPHONE, sound=(NEVER, NEVER))},
            "recording",
        ),
        (
            "microphone_clipping",
            {"microphone": replace(MICROPHONE, sound=(replace(FINE, clipping=True),))},
            "recording",
        ),
        (
            "not_saved",
            {"writer": replace(WRITER, saved_ns=NOW - round(2.1 * NS_PER_S))},
            "recording",
        ),
        ("not_saved", {"writer": replace(WRITER, trouble="no space")}, "recording"),
        ("queue_full", {"overflowing": True}, "recording"),
        ("contact", {"bad_contacts": ("C3",)}, "recording"),
        ("disk_low", {"free_min": 79.0}, "home fit recording paused finish"),
        ("hot", {"health": Health(temperature_c=80.5)}, "home fit recording paused finish"),
        (
            "undervoltage",
            {"health": Health(undervoltage=True)},
            "home fit recording paused finish",
        ),
        (
            "box_battery",
            {"health": Health(battery_percent=10.0, on_battery=True)},
            "home fit recording paused finish",
        ),
    ],
)
def test_each_cause_raises_its_alarm_where_it_matters(
    name: str, changes: dict[str, object], phases: str
) -> None:
    for phase in ("home", "fit", "recording", "paused", "finish"):
        mine = dict(changes)
        if phase not in ("recording", "paused"):
            mine.pop("writer", None)
        found = find_causes(look(phase, **mine))
        assert set(found) == ({name} if phase in phases.split() else set())


@pytest.mark.parametrize(
    "changes",
    [
        {"writer": replace(WRITER, battery_percent=None)},
        {"writer": replace(WRITER, battery_percent=15.0)},
        {"microphone": replace(MICROPHONE, sound=(FINE, NEVER))},  # a mono microphone
        {
            "running": Recorded(sound="no_consent"),
            "microphone": replace(MICROPHONE, link="lost"),
        },
        {"running": Recorded(minutes=85), "free_min": 10.5},
        {"health": Health(temperature_c=80.0)},
        {"health": Health(battery_percent=10.0, on_battery=False)},
        {"bad_contacts": ("C3",), "headset": replace(HEADSET, link="lost")},
    ],
)
def test_what_is_no_cause_raises_nothing_of_its_own(changes: dict[str, object]) -> None:
    assert set(find_causes(look(**changes))) <= {"headset_lost"}  # type: ignore[arg-type]  # as in look


def test_an_alarm_stays_until_it_is_over_and_seen() -> None:
    alarms = AlarmBoard()
    (alarm,) = alarms.update({"hot": "81 C"}, 1, at_home=False)
    assert (alarm.since_ns, alarm.seen, alarm.lasting) == (1, False, True)
    (alarm,) = alarms.update({"hot": "82 C"}, 2, at_home=False)
    assert (alarm.since_ns, alarm.detail) == (1, "82 C")
    (alarm,) = alarms.update({}, 3, at_home=False)
    assert (alarm.lasting, alarm.detail) == (False, "82 C")
    alarms.see("hot")
    assert alarms.update({}, 4, at_home=False) == ()


def test_an_alarm_that_was_seen_is_listed_while_it_lasts() -> None:
    alarms = AlarmBoard()
    alarms.update({"hot": ""}, 1, at_home=False)
    alarms.see("hot")
    alarms.see("nothing of that kind")
    (alarm,) = alarms.update({"hot": ""}, 2, at_home=False)
    assert alarm.seen
    assert alarms.update({}, 3, at_home=False) == ()


def test_an_alarm_that_comes_again_is_a_new_one() -> None:
    alarms = AlarmBoard()
    alarms.update({"hot": ""}, 1, at_home=False)
    alarms.see("hot")
    alarms.update({}, 2, at_home=False)
    (alarm,) = alarms.update({"hot": ""}, 3, at_home=False)
    assert (alarm.since_ns, alarm.seen) == (3, False)
    alarms.update({}, 4, at_home=False)  # over, and not seen
    (alarm,) = alarms.update({"hot": ""}, 5, at_home=False)
    assert (alarm.since_ns, alarm.lasting) == (5, True)


def test_at_home_only_what_lasts_is_listed() -> None:
    alarms = AlarmBoard()
    alarms.update({"headset_lost": ""}, 1, at_home=False)
    assert alarms.update({}, 2, at_home=True) == ()


def test_an_electrode_is_complained_about_after_half_a_minute_of_bad_contact() -> None:
    patience = ContactPatience(30)
    assert patience.observe((GOOD, GOOD), 0) == ()
    assert patience.observe((GOOD, BAD), NS_PER_S) == ()
    assert patience.observe((GOOD, BAD), 30 * NS_PER_S) == ()
    assert patience.observe((GOOD, BAD), 31 * NS_PER_S) == (1,)
    assert patience.observe((GOOD, GOOD), 32 * NS_PER_S) == ()
    assert patience.observe((GOOD, BAD), 33 * NS_PER_S) == ()


def test_an_electrode_that_was_bad_from_the_start_is_no_news_until_it_was_good() -> None:
    patience = ContactPatience(30)
    for second in range(100):
        assert patience.observe((BAD,), second * NS_PER_S) == ()
    patience.observe((GOOD,), 100 * NS_PER_S)
    patience.observe((BAD,), 101 * NS_PER_S)
    assert patience.observe((BAD,), 131 * NS_PER_S) == (0,)
    patience.forget()
    assert patience.observe((BAD,), 200 * NS_PER_S) == ()
