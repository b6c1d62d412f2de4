"""Devices never wait for the disk; what the queue can't hold is counted and shown."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from recorder.audio.source import AudioBlock
from recorder.clock import NS_PER_S, WallPair, read_host_ns
from recorder.eeg.source import EegBlock, EegLost
from recorder.errors import StoreWriteError
from recorder.format.marks import MarkRecord
from recorder.store.recording import TICK_NS
from recorder.store.writer import CAPACITY_BLOCKS, Writer
from tests.power_cut_disk import PowerCutDisk
from tests.recording_rig import FOLDER, SESSIONS, Rig, read_parts

if TYPE_CHECKING:
    from collections.abc import Iterator


STALL_S = 60.0


class GatedDisk(PowerCutDisk):
    """A disk whose syncs wait while ``gate`` is shut, as a card that stalls."""

    def __init__(self) -> None:
        super().__init__(self._wait)
        self.make_base(SESSIONS)
        self.gate = threading.Event()
        self.gate.set()
        self.stalls = threading.Event()  # somebody waits before the gate

    def _wait(self, name: str) -> None:
        if name == "datasync" and not self.gate.is_set():
            self.stalls.set()
            self.gate.wait(STALL_S)


@pytest.fixture
def disk() -> GatedDisk:
    return GatedDisk()


@pytest.fixture
def writer(disk: GatedDisk) -> Iterator[Writer]:
    rig = Rig(disk, part_length_s=60.0)
    rig.journals.prepare()
    disk.make_folder(FOLDER)
    writer = Writer(rig.recording, clock=read_host_ns)
    writer.start()
    writer.begin()
    yield writer
    disk.gate.set()
    writer.abandon()


def audio_block(n_frames: int = 480) -> AudioBlock:
    now_ns = read_host_ns()
    frames = np.zeros((n_frames, 1), np.int16)
    return AudioBlock(frames, avail_frames=0, stamp_ns=now_ns, read_ns=now_ns, xruns=0)


def eeg_block(first: int, n_rows: int = 5, now_ns: int | None = None) -> EegBlock:
    now_ns = read_host_ns() if now_ns is None else now_ns
    return EegBlock(
        connection=1,
        polled_ns=now_ns,
        wall=WallPair(host_ns=now_ns, wall_ns=now_ns),
        counter=np.arange(first, first + n_rows),
        stamp_s=np.full(n_rows, now_ns / NS_PER_S),
        samples_uv=np.zeros((8, n_rows), np.float32),
    )


def mark() -> MarkRecord:
    return MarkRecord(n=0, id="insight", act="point", stamp_ns=read_host_ns())


def wait_until(condition: object, seconds: float = 60.0) -> None:
    assert callable(condition)
    end_ns = read_host_ns() + round(seconds * NS_PER_S)
    while not condition():
        assert read_host_ns() < end_ns, "waited too long"
        time.sleep(0.01)


def test_a_mark_is_acknowledged_when_it_is_on_the_medium(
    writer: Writer, disk: GatedDisk
) -> None:
    written = writer.mark(mark())
    assert (written.record.n, written.part, written.saved) == (1, 1, True)
    rng = np.random.default_rng(1)
    found = read_parts(disk.after_cut(rng).files())
    assert b'"id":"insight"' in found[1].eeg


def test_delivering_never_waits_for_a_disk_that_stalls(
    writer: Writer, disk: GatedDisk
) -> None:
    disk.gate.clear()
    longest_ns = 0
    for number in range(300):
        before_ns = read_host_ns()
        writer.deliver(audio_block())
        writer.deliver(eeg_block(5 * number))
        longest_ns = max(longest_ns, read_host_ns() - before_ns)
        time.sleep(0.004)
    assert disk.stalls.is_set()
    assert longest_ns < STALL_S / 2 * NS_PER_S
    disk.gate.set()
    wait_until(lambda: writer.status.rows == 1500)
    assert writer.status.overflowed == 0
    assert writer.status.lost_samples == 0


def test_the_queue_holds_thirty_seconds_of_the_busiest_devices() -> None:
    polls_per_s, periods_per_s = 100, 100
    assert 30 * (polls_per_s + periods_per_s) <= CAPACITY_BLOCKS


def test_what_finds_the_queue_full_is_counted_and_news_still_fits(
    writer: Writer, disk: GatedDisk
) -> None:
    wait_until(lambda: writer.status.parts == 1)
    disk.gate.clear()
    block = audio_block(48)
    wait_until(disk.stalls.is_set)
    for _ in range(CAPACITY_BLOCKS + 7):
        writer.deliver(block)
    writer.deliver(EegLost(read_host_ns(), 1, "test"))
    disk.gate.set()
    wait_until(lambda: writer.status.overflowed >= 7)
    assert writer.status.overflowed < 7 + 100
    wait_until(lambda: writer.status.headset_lost)


def test_saved_up_to_stands_still_while_the_disk_stalls(
    writer: Writer, disk: GatedDisk
) -> None:
    wait_until(lambda: writer.status.saved_ns > 0)
    disk.gate.clear()
    for _ in range(40):
        writer.deliver(audio_block())
        time.sleep(0.03)
    stalled_ns = writer.status.saved_ns
    assert read_host_ns() - stalled_ns > NS_PER_S // 2
    disk.gate.set()
    wait_until(lambda: writer.status.saved_ns > stalled_ns)
    wait_until(lambda: writer.status.slow_disk or writer.status.saved_ns > stalled_ns)


def test_an_error_in_a_command_reaches_its_caller_and_the_thread_lives(
    writer: Writer, disk: GatedDisk
) -> None:
    def refuse(name: str) -> None:
        if name == "create":
            raise OSError(28, "No space left on device")

    disk.before = refuse
    with pytest.raises(StoreWriteError, match="nothing was erased"):
        writer.erase(NS_PER_S)
    disk.before = lambda _name: None
    assert writer.mark(mark()).saved
    writer.check()


def test_a_thread_that_dies_is_told_to_the_next_caller(
    writer: Writer, disk: GatedDisk
) -> None:
    def break_down(_name: str) -> None:
        raise RuntimeError("a fault of ours")

    disk.before = break_down
    writer.deliver(audio_block(48_000))
    with pytest.raises(RuntimeError, match="a fault of ours"):
        writer.mark(mark())
    with pytest.raises(RuntimeError, match="a fault of ours"):
        writer.check()


def test_the_status_tells_how_the_headsets_clock_runs(writer: Writer) -> None:
    fresh = writer.status
    assert fresh.eeg_silent_s is None
    due_ns = read_host_ns()
    for number in range(100):
        # However late this thread wakes up, the headset's rows came in time.
        due_ns += 5 * NS_PER_S // 250
        time.sleep(max(0, due_ns - read_host_ns()) / NS_PER_S)
        writer.deliver(eeg_block(5 * number, now_ns=due_ns))
    wait_until(lambda: writer.status.rows == 500)
    status = writer.status
    longest_s = (read_host_ns() - due_ns) / NS_PER_S
    assert status.eeg_drift_ppm == pytest.approx((status.eeg_rate_hz / 250 - 1) * 1e6)
    assert 0 <= status.eeg_jitter_ms < 20
    silent_s = status.eeg_silent_s
    assert silent_s is not None
    assert 0 <= silent_s <= longest_s
    wait_until(lambda: (writer.status.eeg_silent_s or 0) > silent_s)


def test_stop_closes_everything(disk: GatedDisk) -> None:
    rig = Rig(disk, part_length_s=60.0)
    rig.journals.prepare()
    disk.make_folder(FOLDER)
    writer = Writer(rig.recording, clock=read_host_ns)
    writer.start()
    writer.begin()
    writer.deliver(eeg_block(0))
    writer.deliver(audio_block())
    writer.stop()
    assert read_parts(disk.files())[1].closed


def test_a_part_is_closed_soon_after_it_ended(disk: GatedDisk) -> None:
    rig = Rig(disk, part_length_s=1.0)
    rig.journals.prepare()
    disk.make_folder(FOLDER)
    writer = Writer(rig.recording, clock=read_host_ns)
    writer.start()
    writer.begin()
    wait_until(lambda: writer.status.parts >= 3)
    wait_until(lambda: FOLDER / "0001" / "eeg.xdf.age" in disk.files())
    assert writer.status.trouble == ""
    writer.stop()


def test_nothing_is_written_before_the_session_begins(disk: GatedDisk) -> None:
    rig = Rig(disk)
    writer = Writer(rig.recording, clock=read_host_ns)
    before = disk.n_steps
    writer.start()
    try:
        writer.deliver(eeg_block(0))
        time.sleep(3 * TICK_NS / NS_PER_S)
        assert disk.n_steps == before
    finally:
        writer.abandon()
