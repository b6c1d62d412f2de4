"""A power cut on a real ext4 loses nothing that was shown as saved, and no mark."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from recorder.clock import NS_PER_S, read_host_ns
from tests.loop_disk import LoopDisk, mounted, needs_loop_devices, new_disk
from tests.recorder_process import Promise, RecorderProcess
from tests.reopened import make_ready_house, reopen, session_folders, start_again

if TYPE_CHECKING:
    from pathlib import Path

    from tests.house import House

CUTS_OF_EACH = 13
DISK_MIB = 240
# Samples are stamped when they are taken and saved when they have arrived.
TRANSPORT_NS = 100_000_000
PLANNED = ("--duration", "240")  # what fits onto the small disk


def cut(recorder: RecorderProcess, disk: LoopDisk, copy: Path) -> tuple[Promise, int]:
    """Cut the power beneath a running recorder; it goes on and knows nothing of it."""
    recorder.freeze()
    now_ns = read_host_ns()
    try:
        time.sleep(0.02)  # for what it had written to the pipe
        promise = recorder.promise()
        disk.copy_medium(copy)
    finally:
        recorder.thaw()
    return promise, now_ns


def lost_after(
    copy: Path, promise: Promise, cut_ns: int, house: House, folder: Path
) -> float | None:
    """Boot from the copied medium and open what it has; return the seconds lost."""
    folder.mkdir()
    with mounted(copy, folder / "boot") as disk:
        start_again(disk.root / "box")
        assert not start_again(disk.root / "box").crashed
        sessions = list(session_folders(disk.root / "box"))
        if promise == Promise():
            return None
        opened = reopen(sessions[0], house, folder)
    assert opened.exit_code == 0, opened.integrity["problems"]
    assert opened.integrity["signed"]
    assert opened.eeg_end_ns >= promise.saved_host_ns - TRANSPORT_NS
    assert opened.audio_end_ns >= promise.saved_host_ns - TRANSPORT_NS
    assert opened.marks[: promise.marks] == tuple(range(1, promise.marks + 1))
    assert np.all(np.diff(opened.eeg_stamps_s) > 0)
    return (cut_ns - opened.eeg_end_ns) / NS_PER_S


@pytest.mark.system
@needs_loop_devices
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1, 2])
def test_power_cuts_lose_nothing_that_was_shown_as_saved(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    n_opened, lost_s = 0, []
    with new_disk(tmp_path, size_mib=DISK_MIB) as disk:
        house, (client,) = make_ready_house(tmp_path, [disk.root / "box"])
        with RecorderProcess(disk.root / "box", client, PLANNED) as recorder:
            for number in range(CUTS_OF_EACH):
                if number:  # the first cut hits the start
                    recorder.wait_for_lines(1)
                    recorder.press("2")
                time.sleep(chance.uniform(0.3, 1.8))
                copy = tmp_path / f"cut{number}.img"
                promise, cut_ns = cut(recorder, disk, copy)
                lost = lost_after(copy, promise, cut_ns, house, tmp_path / f"{number}")
                copy.unlink()
                n_opened += lost is not None
                if lost is not None and not promise.slow:
                    lost_s.append(lost)
            assert recorder.interrupt() == 0
    assert n_opened >= CUTS_OF_EACH - 2
    assert not lost_s or np.median(lost_s) < 1.0
