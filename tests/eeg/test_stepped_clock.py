"""BrainFlow stamps with wall time; a step of an hour still moves no arrival."""

from __future__ import annotations

import shutil
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from recorder.clock import NS_PER_S
from recorder.eeg.choose import open_headset
from recorder.eeg.source import EegLost
from recorder.simulation import SimulationOptions, Truth
from tests.cyton_pty import CytonPty
from tests.eeg_listener import Listener, arrivals_ns

MS = NS_PER_S // 1000
LATE_NS = NS_PER_S // 2  # between a poll and its reading of the clock, on a busy machine
LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


@pytest.fixture
def wall_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file that sets the wall clock of the board's process."""
    if not LIBRARIES or not shutil.which("faketime"):
        pytest.skip("needs Debian's package faketime")
    offset = tmp_path / "offset"
    offset.write_text("+0\n")
    for name, value in {
        "LD_PRELOAD": str(LIBRARIES[0]),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_NO_CACHE": "1",
    }.items():
        monkeypatch.setenv(name, value)
    return offset


@pytest.mark.parametrize("step", ["+3600", "-3600"])
def test_an_hour_forwards_or_back_moves_no_arrival(
    wall_clock: Path, tmp_path: Path, step: str
) -> None:
    # A board that sends by itself: BrainFlow paces its synthetic and its playback board
    # by the wall clock, so that a step silences them.
    listener = Listener()
    with CytonPty(tmp_path) as pty:
        source = open_headset(
            f"serial:{pty.port}:CYTON_BOARD", options=SimulationOptions(), truth=Truth(0)
        )
        source.start(listener)
        for offset in (step, "+0", step):
            listener.wait_for_rows(listener.n_rows() + 150)
            threading.Event().wait(0.010)  # so that rows of one poll have either stamp
            wall_clock.write_text(f"{offset}\n")
        listener.wait_for_rows(listener.n_rows() + 150)
        source.stop()
    blocks = listener.blocks()
    assert not any(isinstance(event, EegLost) for event in listener.events)
    stamps_s = [stamp for block in blocks for stamp in block.stamp_s]
    assert max(stamps_s) - min(stamps_s) > 3500, "no step reached the board"
    for before, block in pairwise(blocks):
        arrived_ns = arrivals_ns([block])
        assert (
            before.polled_ns - LATE_NS < min(arrived_ns)
            or before.polled_ns == block.polled_ns
        )
        assert max(arrived_ns) < block.polled_ns + 5 * MS
