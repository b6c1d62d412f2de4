"""A headset that goes silent or is pulled: told in time, back by itself, sound unharmed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from recorder.clock import NS_PER_S, read_host_ns
from recorder.eeg.montage import board
from tests.cyton_pty import RATE_HZ, CytonPty
from tests.recorder_process import RecorderProcess
from tests.story import OpenedStory, Place, open_session, sessions_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

LATE_S = 1.0  # the longest anything may wait on a busy machine
TRIES = 3  # such a machine may be late by itself


@dataclass(frozen=True, slots=True)
class Lost:
    """A session whose headset was away for a while; host times of both moments."""

    opened: OpenedStory
    gone_ns: int
    told_ns: int
    returned_ns: int


def wait_for_headset(recorder: RecorderProcess, *, lost: bool) -> int:
    """Return the host time at which the status shows it lost, or back."""
    recorder.wait_for(lambda line: line["headset_lost"] is lost)
    return read_host_ns()


def lose(how: str, place: Place, folder: Path) -> Lost:
    """Record while the headset goes away and returns."""
    before = sessions_of(place.box)
    with CytonPty(folder) as pty:
        devices = ("--headset", f"serial:{pty.port}:CYTON_BOARD")
        with RecorderProcess(place.box, next(place.codes), devices, 60.0) as recorder:
            recorder.wait_for_lines(3)
            gone_ns = read_host_ns()
            if how == "mute":
                pty.mute.set()
            else:
                pty.pull()
            told_ns = wait_for_headset(recorder, lost=True)
            time.sleep(0.5)
            if how == "mute":
                pty.mute.clear()
            else:
                pty.plug_in()
            returned_ns = read_host_ns()
            wait_for_headset(recorder, lost=False)
            recorder.wait_for_lines(len(recorder.lines) + 3)
            assert recorder.interrupt() == 0, recorder.errors
    (session,) = sessions_of(place.box) - before
    opened = open_session(place, session, folder / "out")
    assert opened.code == 0
    return Lost(opened, gone_ns, told_ns, returned_ns)


@pytest.fixture(scope="module", params=["mute", "pulled"])
def how(request: pytest.FixtureRequest) -> str:
    """Say how the headset goes away."""
    kind: str = request.param
    return kind


@pytest.fixture(scope="module")
def lost(how: str, place: Place, tmp_path_factory: pytest.TempPathFactory) -> Lost:
    """Lose it once."""
    return lose(how, place, tmp_path_factory.mktemp("lost"))


def sample_numbers(opened: OpenedStory) -> NDArray[np.int64]:
    """Return the board's own number of every sample, read off its first channel."""
    scale = board("CYTON_BOARD").channels[0].uv_per_count
    counts = np.rint(opened.values("EEG")[:, 0] / -scale).astype(np.int64)
    return counts - 1


def test_the_status_tells_within_two_seconds(
    lost: Lost, how: str, place: Place, tmp_path: Path
) -> None:
    took_s = [(lost.told_ns - lost.gone_ns) / NS_PER_S]
    while took_s[-1] >= 2 and len(took_s) < TRIES:
        folder = tmp_path / str(len(took_s))
        folder.mkdir()
        again = lose(how, place, folder)
        took_s.append((again.told_ns - again.gone_ns) / NS_PER_S)
    assert 0.5 < took_s[-1] < 2, took_s


def test_the_gap_is_marked_and_the_connections_are_numbered(lost: Lost) -> None:
    opened = lost.opened
    assert opened.acts() == [("headset", "lost", None), ("headset", "back", None)]
    assert opened.texts("Markers") == ["headset:lost", "headset:back"]
    connections = opened.values("PacketClock")[:, 4]
    assert set(connections) == {1, 2}
    assert np.all(np.diff(connections) >= 0)


def test_no_sample_is_invented_and_none_that_was_sent_is_missing(lost: Lost) -> None:
    opened = lost.opened
    numbers, stamps_s = sample_numbers(opened), opened.stamps_s("EEG")
    assert not np.any(np.isnan(opened.values("EEG")))
    assert opened.integrity["lost_samples"] == 0
    (end,) = np.flatnonzero(np.diff(stamps_s) > 0.5)
    for connection in (numbers[: end + 1], numbers[end + 1 :]):
        assert set(np.diff(connection)) == {1}
    assert abs(stamps_s[end] - lost.gone_ns / NS_PER_S) < LATE_S
    assert stamps_s[end + 1] > lost.returned_ns / NS_PER_S
    assert stamps_s[-1] - stamps_s[end + 1] > 1


def test_the_gap_moves_no_sample(lost: Lost) -> None:
    stamps_s = lost.opened.stamps_s("EEG")
    (end,) = np.flatnonzero(np.diff(stamps_s) > 0.5)
    for connection_s in (stamps_s[: end + 1], stamps_s[end + 1 :]):
        steps_s = np.diff(connection_s)
        assert np.all(np.abs(steps_s * RATE_HZ - 1) < 0.2)
    # Stamps stand beside the polls that brought the samples, before the gap and after it.
    rows = lost.opened.values("PacketClock")
    waited_s = rows[:, 2] - lost.opened.stamps_s("PacketClock")
    assert np.all((waited_s > -0.005) & (waited_s < LATE_S))


def test_the_sound_goes_on_unharmed(lost: Lost) -> None:
    opened = lost.opened
    heard_s = opened.heard_s()
    assert heard_s[0] < lost.gone_ns / NS_PER_S < lost.returned_ns / NS_PER_S < heard_s[-1]
    assert np.all(np.abs(np.diff(heard_s) * 48_000 - 1) < 0.01)
    clock = opened.values("AudioClock")
    assert set(clock[:, 2]) == {0}
    assert set(clock[:, 3]) == {0}
    assert opened.integrity["xruns"] == 0
