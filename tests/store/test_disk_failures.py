"""When the disk refuses, the therapist is told at once and what was saved stays saved.

The failing disk sits beneath the production writer: one kind of call fails, for a while
or for good, with the error a full, broken or read-only disk gives.
"""

from __future__ import annotations

import errno

import pytest

from recorder.clock import NS_PER_S
from recorder.errors import StoreWriteError
from recorder.store.layout import JOURNAL_FILE, OPEN
from tests.power_cut_disk import PowerCutDisk
from tests.recording_rig import FOLDER, SESSIONS, Rig, read_parts

EVERY_CHANGE = frozenset(
    {"write", "datasync", "create", "make_folder", "rename", "remove_file", "sync_folder"}
)


class FailingDisk(PowerCutDisk):
    """Fails the calls in ``failing`` with ``error``; counts how often."""

    def __init__(self) -> None:
        super().__init__(self._refuse)
        self.make_base(SESSIONS)
        self.failing: frozenset[str] = frozenset()
        self.error = errno.ENOSPC
        self.only_once = False
        self.refused = 0

    def _refuse(self, name: str) -> None:
        if name in self.failing and not (self.only_once and self.refused):
            self.refused += 1
            raise OSError(self.error, "No space left on device")


def rig_on(disk: FailingDisk, *, part_length_s: float = 2.0) -> Rig:
    rig = Rig(disk, part_length_s=part_length_s)
    rig.begin()
    rig.run(1.2)
    return rig


def assert_everything_opens(rig: Rig, *, seconds: float) -> None:
    """All frames that devices delivered are in closed or journalled parts."""
    assert isinstance(rig.disk, PowerCutDisk)
    found = read_parts(rig.disk.files())
    for number, (eeg, audio) in rig.saved.items():
        assert len(found[number].eeg) >= eeg
        assert len(found[number].audio) >= audio
    assert rig.recording.intake.counts.rows >= 250 * (seconds - 0.1)


@pytest.mark.parametrize("call", ["write", "datasync"])
def test_a_failed_tick_is_told_and_the_session_goes_on_in_a_new_part(call: str) -> None:
    disk = FailingDisk()
    rig = rig_on(disk)
    disk.failing, disk.only_once = frozenset({call}), True
    rig.run(0.5)
    assert "the disk refused: No space left on device" in rig.recording.trouble
    assert rig.recording.n_parts == 2
    rig.run(2.0)
    assert rig.now_ns - rig.recording.saved_ns < NS_PER_S
    rig.stop()
    found = read_parts(disk.files())
    assert found[1].closed
    assert found[2].closed
    assert_everything_opens(rig, seconds=3.7)


def test_a_file_whose_sync_failed_is_never_written_again() -> None:
    disk = FailingDisk()
    rig = rig_on(disk)
    part = rig.recording._part
    assert part is not None
    journal = part._journal
    disk.failing, disk.only_once = frozenset({"datasync"}), True
    rig.run(0.5)
    position = part._position
    rig.run(3.0)
    rig.stop()
    assert part._position == position
    assert part._journal is journal
    # Its journal stays with the closed part: nobody knows what it holds.
    assert FOLDER / "0001" / JOURNAL_FILE in disk.files()


@pytest.mark.parametrize("failing_s", [0.5, 2.0, 20.0])
def test_a_disk_that_recovers_has_everything(failing_s: float) -> None:
    disk = FailingDisk()
    rig = rig_on(disk)
    disk.failing = EVERY_CHANGE
    rig.run(failing_s)
    assert disk.refused
    assert rig.recording.trouble
    assert rig.now_ns - rig.recording.saved_ns >= failing_s * 0.9 * NS_PER_S
    disk.failing = frozenset()
    rig.run(3.0)
    assert rig.now_ns - rig.recording.saved_ns < NS_PER_S
    rig.stop()
    found = read_parts(disk.files())
    assert all(part.closed for part in found.values())
    assert_everything_opens(rig, seconds=failing_s + 4.2)


def test_a_disk_that_stays_full_ends_the_session_loudly_and_keeps_what_it_had() -> None:
    disk = FailingDisk()
    rig = rig_on(disk, part_length_s=60.0)
    disk.failing = EVERY_CHANGE
    with pytest.raises(StoreWriteError, match=r"nothing saved for 12\d s"):
        rig.run(140.0)
    complaint = rig.try_stop()
    assert complaint is not None
    assert "could not be saved whole" in complaint.message
    assert_everything_opens(rig, seconds=1.2)


def test_a_part_that_cannot_be_closed_keeps_its_journal_and_loses_nothing() -> None:
    disk = FailingDisk()
    rig = rig_on(disk)
    disk.failing = frozenset({"create"})  # a full disk: the journals are written already
    rig.run(1.0)
    assert "part 1 could not be closed" in rig.recording.trouble
    assert FOLDER / f"0001{OPEN}" / JOURNAL_FILE in disk.files()
    assert_everything_opens(rig, seconds=2.2)


def test_an_erase_that_cannot_be_decided_erases_nothing_and_says_so() -> None:
    disk = FailingDisk()
    rig = rig_on(disk)
    disk.failing = EVERY_CHANGE
    with pytest.raises(StoreWriteError, match="nothing was erased"):
        rig.recording.erase(back_ns=NS_PER_S, now_ns=rig.now_ns)
    disk.failing = frozenset()
    assert rig.recording.erased == ()
    rig.run(1.0)
    rig.stop()
    assert_everything_opens(rig, seconds=2.2)


def test_a_session_folder_that_vanishes_is_told_at_once_and_made_again() -> None:
    disk = FailingDisk()
    rig = rig_on(disk)
    for path in sorted(disk.files()):
        if FOLDER in path.parents:
            disk.remove_file(path)
    disk.remove_folder(FOLDER / f"0001{OPEN}")
    disk.remove_folder(FOLDER)
    rig.run(0.5)
    assert "the part's journal is gone" in rig.recording.trouble
    rig.run(1.0)
    rig.stop()
    found = read_parts(disk.files())
    assert found[1].closed  # all of it was still in RAM
    assert found[2].closed
