"""The wall clock steps by an hour while a session is recorded: no stamp moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from recorder.clock import NS_PER_S, read_host_ns
from tests.cyton_pty import CytonPty
from tests.pulse import PCM, PulseServer
from tests.recorder_process import RecorderProcess
from tests.story import OpenedStory, Place, faketime_environment, open_session, sessions_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HOUR_S = 3600
LATE_S = 1.0  # the longest anything may wait on a busy machine
ENDS_S = 10.0  # recorded before the first status line and while it closes


def record_with_steps(
    place: Place, folder: Path, steps: Sequence[int], devices: tuple[str, ...]
) -> tuple[OpenedStory, float]:
    """Record while the wall clock takes ``steps``; return the session and its seconds."""
    offset = folder / "offset"
    offset.write_text("+0\n")
    before = sessions_of(place.box)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in faketime_environment(offset).items():
            patch.setenv(name, value)
        recorder = RecorderProcess(place.box, next(place.codes), devices, part_length_s=4.0)
    with recorder:
        recorder.wait_for_lines(1)
        began_ns = read_host_ns()
        wait_for_saving(recorder, began_ns)
        for step in steps:
            set_wall_clock(offset, step)
            if "synthetic" in devices:
                recorder.wait_for(lambda line: line["headset_lost"] is True)
                recorder.wait_for(lambda line: line["headset_lost"] is False)
            wait_for_saving(recorder, read_host_ns())
        seconds = (read_host_ns() - began_ns) / NS_PER_S
        assert recorder.interrupt() == 0, recorder.errors
    (session,) = sessions_of(place.box) - before
    return open_session(place, session, folder / "out"), seconds


def wait_for_saving(recorder: RecorderProcess, since_ns: int) -> None:
    """Return once what was taken for a second after ``since_ns`` is saved."""
    upto_ns = since_ns + NS_PER_S
    recorder.wait_for(lambda _: recorder.promise().saved_host_ns > upto_ns)


def set_wall_clock(offset: Path, seconds: int) -> None:
    """Set it by replacing the file: a half written one would be another step."""
    new = offset.with_suffix(".new")
    new.write_text(f"{seconds:+d}\n")
    new.replace(offset)


def hours_seen(wall_s: np.ndarray, host_s: np.ndarray) -> list[int]:
    """Return by how many hours a wall clock is off, each time it changes."""
    apart = wall_s - host_s
    hours = np.rint((apart - apart[0]) / HOUR_S).astype(int)
    changed = np.flatnonzero(np.diff(hours, prepend=-99))
    return [int(hour) for hour in hours[changed]]


def check_stamps(opened: OpenedStory) -> None:
    """Compare every stamp with the host clock that was read beside it."""
    assert opened.code == 0
    assert opened.integrity["xruns"] == 0
    stamps_s, packets = opened.stamps_s("PacketClock"), opened.values("PacketClock")
    waited_s = packets[:, 2] - stamps_s
    assert np.all((waited_s > -0.005) & (waited_s < LATE_S))
    rows = opened.values("AudioClock")
    # Rows that tie are moved apart by a microsecond.
    assert np.max(np.abs(rows[:, 1] - opened.stamps_s("AudioClock"))) < 3e-6
    late_s = rows[:, 1] - rows[:, 0] / 48_000
    assert np.ptp(late_s) < LATE_S
    assert set(rows[:, 3]) == {0}


@pytest.mark.parametrize("hours", [1, -1])
def test_with_brainflows_synthetic_board(place: Place, tmp_path: Path, hours: int) -> None:
    devices = ("--headset", "synthetic", "--microphone", "simulated")
    opened, seconds = record_with_steps(place, tmp_path, [hours * HOUR_S], devices)
    packets = opened.values("PacketClock")
    assert hours_seen(packets[:, 1], opened.stamps_s("PacketClock")) == [0, hours]
    host = opened.values("HostClock")
    assert hours_seen(host[:, 1], host[:, 0]) == [0, hours]
    check_stamps(opened)
    assert np.all(np.abs(np.diff(opened.heard_s()) * 48_000 - 1) < 0.01)
    stamps_s = opened.stamps_s("EEG")
    assert abs(stamps_s[-1] - stamps_s[0] - seconds) < ENDS_S
    steps_ms = np.diff(stamps_s) * 1000
    assert np.all(steps_ms > 0)
    # This board paces itself by the wall clock, so it is connected anew.
    (pause,) = np.flatnonzero(steps_ms > 100)
    assert steps_ms[pause] < 4000
    assert opened.acts() == [("headset", "lost", None), ("headset", "back", None)]
    assert set(packets[:, 4]) == {1, 2}
    # And by threads of a busy machine, whose delays it never makes up for: how many of its
    # packets keep step says how busy the machine is, the middle one says the pace.
    assert abs(np.median(steps_ms) - 4) < 0.5


def test_with_a_board_of_its_own_pace_and_a_real_sound_server(
    place: Place, pulse_server: PulseServer, tmp_path: Path
) -> None:
    assert pulse_server.environment
    steps = [HOUR_S, -HOUR_S, 0]
    with CytonPty(tmp_path) as pty:
        headset = f"serial:{pty.port}:CYTON_BOARD"
        devices = ("--headset", headset, "--microphone", f"alsa:{PCM}")
        opened, seconds = record_with_steps(place, tmp_path, steps, devices)
    packets = opened.values("PacketClock")
    seen = hours_seen(packets[:, 1], opened.stamps_s("PacketClock"))
    assert seen == [0, 1, -1, 0]
    host = opened.values("HostClock")
    assert hours_seen(host[:, 1], host[:, 0]) == [0, 1, -1, 0]
    check_stamps(opened)
    assert set(packets[:, 4]) == {1}
    assert opened.integrity["lost_samples"] == 0
    # A sound server that has to wait for the processor drops sound and says nothing.
    for stamps_s, step_ms in ((opened.stamps_s("EEG"), 4), (opened.heard_s(), 1 / 48)):
        assert abs(stamps_s[-1] - stamps_s[0] - seconds) < ENDS_S
        steps_ms = np.diff(stamps_s) * 1000
        assert np.all(steps_ms > 0)
        assert np.mean(np.abs(steps_ms - step_ms) < step_ms / 4) > 0.9
        assert np.max(steps_ms) < LATE_S * 1000
