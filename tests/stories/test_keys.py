"""At the terminal: space pauses, digits mark, and paused means that nothing is kept."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from recorder.clock import NS_PER_S, read_host_ns
from tests.recorder_process import RecorderProcess
from tests.story import OpenedStory, Place, open_session, sessions_of

if TYPE_CHECKING:
    from collections.abc import Callable

PROMPT_NS = (
    500_000_000  # the keyboard is looked at every 50 ms, by a machine that may be busy
)
LATE_NS = 5 * NS_PER_S  # the longest anything may wait on a busy machine


@dataclass(frozen=True, slots=True)
class Told:
    """A session and when its keys were pressed, in host nanoseconds."""

    opened: OpenedStory
    pressed_ns: dict[str, int]
    notes: list[str]


def shows(name: str, value: object) -> Callable[[dict[str, object]], bool]:
    return lambda line: line[name] == value


def press_all(recorder: RecorderProcess, pressed_ns: dict[str, int]) -> None:
    """Press marks, pause, wait a second, resume; each key once the last was answered."""

    def press(key: str, note: str) -> None:
        n_before = len(recorder.lines)
        pressed_ns[note] = read_host_ns()
        recorder.press(key)
        recorder.wait_for(shows("note", note), first=n_before)

    press("2", "insight #1")
    press("3", "emotion:on #2")
    press("9", "suds: press a digit")
    time.sleep(0.3)
    press("7", "suds:7 #3")
    press("9", "suds: press a digit")
    press("q", "no value, no mark")
    recorder.press("x")  # means nothing
    press(" ", "space to go on")
    recorder.wait_for(shows("phase", "paused"))
    press("2", "paused: no marks")
    time.sleep(1.0)
    pressed_ns["resume"] = read_host_ns()
    recorder.press(" ")
    recorder.wait_for(shows("phase", "recording"))
    press("3", "emotion:off #6")


@pytest.fixture(scope="module")
def told(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Record a session in which every kind of key is pressed."""
    before = sessions_of(place.box)
    pressed_ns: dict[str, int] = {}
    with RecorderProcess(place.box, next(place.codes)) as recorder:
        recorder.wait_for_lines(1)
        press_all(recorder, pressed_ns)
        time.sleep(0.7)
        notes = [str(line["note"]) for line in recorder.lines]
        assert recorder.interrupt() == 0
    (session,) = sessions_of(place.box) - before
    opened = open_session(place, session, tmp_path_factory.mktemp("keys"))
    assert opened.code == 0
    return Told(opened, pressed_ns, notes)


def test_both_marker_streams_hold_what_was_pressed(told: Told) -> None:
    assert told.opened.texts("Markers") == [
        *("insight", "emotion:on", "suds:7", "pause", "resume", "emotion:off"),
    ]
    assert told.opened.acts() == [
        ("insight", "point", None),
        ("emotion", "on", None),
        ("suds", "value", 7),
        ("pause", "pause", None),
        ("resume", "resume", None),
        ("emotion", "off", None),
    ]


def test_the_stamp_of_a_mark_is_its_key_press(told: Told) -> None:
    stamps_ns = np.rint(told.opened.stamps_s("Markers") * NS_PER_S).astype(np.int64)
    assert np.array_equal(
        told.opened.stamps_s("Markers"), told.opened.stamps_s("MarkerLog")
    )
    keys = ("insight #1", "emotion:on #2", None, "space to go on", "resume")
    late_ns = [
        stamp_ns - told.pressed_ns[key]
        for stamp_ns, key in zip(stamps_ns, (*keys, "emotion:off #6"), strict=True)
        if key is not None
    ]
    assert all(0 <= late < LATE_NS for late in late_ns)
    assert np.median(late_ns) < PROMPT_NS
    # A value's moment is when its mark was chosen, not when the digit followed.
    assert stamps_ns[2] < told.pressed_ns["suds:7 #3"]


def test_no_sample_of_a_pause_is_in_any_file(told: Told) -> None:
    begin_s, end_s = told.opened.stamps_s("Markers")[3:5]
    assert end_s - begin_s > 1
    for stamps_s in (told.opened.stamps_s("EEG"), told.opened.heard_s()):
        inside = (begin_s + 0.1 < stamps_s) & (stamps_s < end_s - 0.005)
        assert not np.any(inside)
        assert stamps_s[0] < begin_s < end_s < stamps_s[-1]
    for name in ("PacketClock", "AudioClock"):
        stamps_s = told.opened.stamps_s(name)
        assert not np.any((begin_s + 0.1 < stamps_s) & (stamps_s < end_s - 0.1))


def test_the_answer_to_a_key_does_not_wait_for_the_next_second(told: Told) -> None:
    assert "insight #1" in told.notes
    assert "paused: no marks" in told.notes
