"""The slot record survives power cuts, and shell and Python mean the same by it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import provisioning.image
from provisioning.slots import (
    OFFSETS_BYTES,
    RECORD_BYTES,
    TRIES,
    SlotRecord,
    parse_record,
    read_slots,
    settle,
    start_trial,
    write_slots,
)
from recorder.errors import ProvisionError

SHELL = Path(provisioning.image.__file__).with_name("slots.sh")
RECORDS = st.builds(
    SlotRecord,
    good=st.sampled_from(["a", "b"]),
    trying=st.sampled_from(["a", "b", None]),
    tries=st.integers(0, 9),
    sequence=st.integers(1, 10**6),
)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    path = tmp_path / "disk"
    with path.open("wb") as file:
        file.truncate(4 << 20)
    return path


def in_shell(disk: Path, script: str) -> list[str]:
    """Run ``script`` with the initramfs' functions, in the shell it has."""
    done = subprocess.run(
        ["busybox", "sh", "-eu", "-c", f'. "{SHELL}"\n{script}'],
        capture_output=True,
        check=True,
        env={**os.environ, "DISK": str(disk)},
        text=True,
    )
    return done.stdout.split()


def start(disk: Path) -> str:
    """Start the box once; return the slot that is tried first."""
    return in_shell(disk, 'slot_choose "$DISK"; echo "$slot_first"')[0]


def test_a_card_without_records_starts_its_first_system(disk: Path) -> None:
    assert read_slots(disk) == SlotRecord()
    assert start(disk) == "a"
    assert read_slots(disk) == SlotRecord()  # nothing on trial: nothing is written


def test_a_slot_on_trial_is_started_three_times_then_given_up(disk: Path) -> None:
    start_trial(disk, "b")
    assert [start(disk) for _ in range(TRIES + 2)] == ["b", "b", "b", "a", "a"]
    assert read_slots(disk).trying is None


def test_a_slot_found_good_stays(disk: Path) -> None:
    start_trial(disk, "b")
    assert start(disk) == "b"
    settle(disk, "b")
    assert [start(disk) for _ in range(5)] == ["b"] * 5


def test_settling_again_writes_nothing(disk: Path) -> None:
    settle(disk, "b")
    before = disk.read_bytes()
    settle(disk, "b")
    assert disk.read_bytes() == before


def test_the_good_slot_is_never_put_on_trial(disk: Path) -> None:
    with pytest.raises(ProvisionError, match="slot a is the one that works"):
        start_trial(disk, "a")


@given(RECORDS)
def test_a_record_is_read_as_it_was_written(record: SlotRecord) -> None:
    assert parse_record(record.encode()) == record
    assert len(record.encode()) == RECORD_BYTES


@given(RECORDS, st.data())
def test_a_record_with_a_changed_byte_is_none(
    record: SlotRecord, data: st.DataObject
) -> None:
    content = bytearray(record.encode())
    at = data.draw(st.integers(0, content.index(b"\n")))
    content[at] ^= data.draw(st.integers(1, 255))
    assert parse_record(bytes(content)) is None


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(record=RECORDS)
def test_the_shell_reads_what_python_wrote(disk: Path, record: SlotRecord) -> None:
    for offset in OFFSETS_BYTES:
        with disk.open("r+b") as file:
            file.seek(offset)
            file.write(bytes(RECORD_BYTES))
    written = write_slots(disk, record)
    found = in_shell(
        disk, 'slot_read "$DISK"; echo $slot_seq $slot_good $slot_trying $slot_tries'
    )
    trying = written.trying or "-"
    assert found == [str(written.sequence), written.good, trying, str(written.tries)]


def test_python_reads_what_the_shell_wrote(disk: Path) -> None:
    start_trial(disk, "b")
    start(disk)
    assert read_slots(disk) == SlotRecord("a", "b", TRIES - 1, sequence=2)


@pytest.mark.parametrize("copy", [0, 1])
def test_a_power_cut_while_writing_leaves_the_record_before(disk: Path, copy: int) -> None:
    write_slots(disk, SlotRecord(good="b"))
    for _ in range(copy):
        write_slots(disk, SlotRecord(good="b"))
    before = disk.read_bytes()
    write_slots(disk, SlotRecord(good="a"))
    after = disk.read_bytes()
    changed = next(n for n in OFFSETS_BYTES if before[n : n + 512] != after[n : n + 512])
    torn = bytearray(before)
    torn[changed : changed + 30] = after[changed : changed + 30]
    disk.write_bytes(bytes(torn))
    assert read_slots(disk).good == "b"
    assert in_shell(disk, 'slot_read "$DISK"; echo $slot_good') == ["b"]


def test_a_trial_that_has_not_begun_is_not_ended_by_a_late_start(disk: Path) -> None:
    # The box settles once its recorder answers; an update may have come in between.
    begun = start_trial(disk, "b")
    assert settle(disk, "a") == begun == read_slots(disk)
    write_slots(disk, replace(begun, tries=TRIES - 1))  # the start of b was tried
    assert settle(disk, "a").trying is None
