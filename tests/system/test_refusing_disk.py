"""A disk that is full or turns read-only costs nothing that was shown as saved."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from recorder.errors import StoreError, StoreSpaceError, StoreWriteError
from tests.loop_disk import check, mounted, needs_loop_devices, new_disk
from tests.recorder_process import Promise, RecorderProcess
from tests.reopened import make_ready_house, reopen, session_folders, start_again

if TYPE_CHECKING:
    from pathlib import Path

    from tests.house import House

pytestmark = [pytest.mark.system, needs_loop_devices]

DISK_MIB = 240
PLANNED = ("--duration", "240")  # what fits onto the small disk
TRANSPORT_NS = 100_000_000
STORE_CODES = (StoreError.code, StoreSpaceError.code, StoreWriteError.code)


def mark_and_wait(recorder: RecorderProcess) -> None:
    """Let it record for some parts, with a mark that it shows as saved."""
    recorder.wait_for_lines(4)
    recorder.press("2")
    recorder.wait_for_lines(6)
    assert recorder.promise().marks == 1


def check_promise(box: Path, promise: Promise, house: House, out: Path) -> None:
    """Start the box again, open its one session, and hold it to the promise."""
    start_again(box)
    (session,) = session_folders(box)
    opened = reopen(session, house, out)
    assert opened.exit_code == 0, opened.integrity["problems"]
    assert opened.integrity["signed"]
    assert opened.eeg_end_ns >= promise.saved_host_ns - TRANSPORT_NS
    assert opened.audio_end_ns >= promise.saved_host_ns - TRANSPORT_NS
    assert opened.marks == (1,)


def fill(folder: Path) -> Path:
    """Take every free byte of the disk, as another program's log might."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 512):
            while True:
                try:
                    file.write(bytes(size))
                    os.fsync(file.fileno())
                except OSError:
                    break
    return path


@pytest.mark.parametrize("part_length_s", [2.0, 60.0])
def test_a_disk_that_fills_up_keeps_what_was_saved(
    part_length_s: float, tmp_path: Path
) -> None:
    with new_disk(tmp_path, size_mib=DISK_MIB) as disk:
        disk.give_all_space()
        box = disk.root / "box"
        house, (client,) = make_ready_house(tmp_path, [box])
        with RecorderProcess(box, client, PLANNED, part_length_s) as recorder:
            mark_and_wait(recorder)
            recorder.freeze()
            filler = fill(disk.root)
            recorder.thaw()
            assert recorder.wait() in STORE_CODES
            promise = recorder.promise()
        assert "Traceback" not in recorder.errors
        assert "space" in recorder.errors
        filler.unlink()
        check_promise(box, promise, house, tmp_path / "out")


def test_a_disk_that_turns_read_only_is_told_and_keeps_what_was_saved(
    tmp_path: Path,
) -> None:
    with new_disk(tmp_path, size_mib=DISK_MIB) as disk:
        box = disk.root / "box"
        house, (client,) = make_ready_house(tmp_path, [box])
        with RecorderProcess(box, client, PLANNED) as recorder:
            mark_and_wait(recorder)
            disk.fail()
            recorder.wait_until("Read-only")
            saved = recorder.promise()
            recorder.wait_for_lines(saved.lines + 2)
            assert recorder.promise().saved_host_ns - saved.saved_host_ns < TRANSPORT_NS
            assert recorder.interrupt() in STORE_CODES
            promise = recorder.promise()
        assert "Traceback" not in recorder.errors
    check(disk.image)
    with mounted(disk.image, tmp_path / "again") as disk:
        check_promise(disk.root / "box", promise, house, tmp_path / "out")
