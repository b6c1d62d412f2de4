"""An update is the fleet's or none, fits or is refused, and never touches what works."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from provisioning.image.layout import plan_layout
from provisioning.slots import (
    Slot,
    SlotRecord,
    read_slots,
    settle,
    start_trial,
    write_slots,
)
from provisioning.steps import Steps
from provisioning.trial import Running, read_running
from provisioning.update import (
    Machine,
    apply_bundle,
    check_bundle,
    check_idle,
    make_bundle,
    read_bundle,
)
from recorder.errors import ProvisionError
from tests.house import House, make_house
from tests.provisioning.test_flash import SIZE, make_image_folder

MACHINE = Machine("arm64", "6.12")
QUIET = Steps(tell=lambda _: None)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return make_house(tmp_path_factory.mktemp("house"))


@pytest.fixture
def bundle(house: House, tmp_path: Path) -> Path:
    image = make_image_folder(tmp_path / "image")
    make_bundle(house.load_fleet(), image, tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture
def running(tmp_path: Path) -> Running:
    disk = tmp_path / "disk"
    with disk.open("wb") as file:
        file.write(plan_layout(SIZE).table())
        file.truncate(SIZE)
    return Running("a", disk)


def signers(house: House) -> Path:
    return house.box / "lab" / "allowed_signers"


def apply(bundle: Path, running: Running, house: House, machine: Machine = MACHINE) -> None:
    apply_bundle(bundle, running, signers=signers(house), machine=machine, steps=QUIET)


def slot_content(running: Running, slot: str, size: int) -> bytes:
    descriptor = os.open(running.disk, os.O_RDONLY)
    try:
        return os.pread(descriptor, size, plan_layout(SIZE).root(slot).start_bytes)
    finally:
        os.close(descriptor)


def test_the_other_slot_gets_it_and_is_on_trial(
    bundle: Path, running: Running, house: House
) -> None:
    apply(bundle, running, house)
    content = (bundle / "root.squashfs").read_bytes()
    assert slot_content(running, "b", len(content)) == content
    assert not any(slot_content(running, "a", len(content)))
    record = read_slots(running.disk)
    assert (record.good, record.trying, record.tries) == ("a", "b", 3)


def test_a_box_that_runs_b_gets_it_into_a(
    bundle: Path, running: Running, house: House
) -> None:
    settle(running.disk, "b")
    apply(bundle, replace(running, slot="b"), house)
    assert read_slots(running.disk).trying == "a"


@pytest.mark.parametrize("file", ["update.json", "update.json.sig"])
def test_a_changed_or_foreign_bundle_is_refused(
    bundle: Path, running: Running, house: House, file: str
) -> None:
    content = (bundle / file).read_bytes()
    (bundle / file).write_bytes(content.replace(b"a", b"b", 1))
    with pytest.raises(ProvisionError, match="is not this fleet's"):
        apply(bundle, running, house)
    assert read_slots(running.disk) == SlotRecord()


def test_another_fleets_bundle_is_refused(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    stranger = make_house(tmp_path / "other")
    with pytest.raises(ProvisionError, match="is not this fleet's"):
        read_bundle(bundle, signers(stranger))


def test_a_system_that_is_not_the_signed_one_is_never_tried(
    bundle: Path, running: Running, house: House
) -> None:
    path = bundle / "root.squashfs"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(ProvisionError, match=r"root\.squashfs is not what was signed"):
        apply(bundle, running, house)
    assert read_slots(running.disk).trying is None
    assert not any(slot_content(running, "b", 24000))  # what was there before is kept
    path.write_bytes(b"short")
    with pytest.raises(ProvisionError, match="has 5 bytes; signed are 24000"):
        apply(bundle, running, house)


def test_a_trial_run_of_the_command_checks_all_of_it_and_writes_nothing(
    bundle: Path, running: Running, house: House
) -> None:
    def check(machine: Machine) -> Slot:
        where = signers(house)
        return check_bundle(bundle, running, signers=where, machine=machine).slot

    assert check(MACHINE) == "b"
    with pytest.raises(ProvisionError, match=r"wants kernel 6\.12"):
        check(replace(MACHINE, kernel="6.13"))
    start_trial(running.disk, "b")
    with pytest.raises(ProvisionError, match="on trial already"):
        check(MACHINE)
    write_slots(running.disk, SlotRecord())
    (bundle / "root.squashfs").write_bytes(bytes(24000))
    with pytest.raises(ProvisionError, match="is not what was signed"):
        check(MACHINE)
    assert not any(slot_content(running, "b", 24000))


def test_a_card_that_does_not_keep_what_is_written_is_not_tried(
    bundle: Path, running: Running, house: House
) -> None:
    def spoil(said: str) -> None:
        if "reading back" in said:
            with running.disk.open("r+b") as file:
                file.seek(plan_layout(SIZE).root("b").start_bytes)
                file.write(b"bad card")

    with pytest.raises(ProvisionError, match="does not hold what was signed"):
        apply_bundle(
            *(bundle, running),
            signers=signers(house),
            machine=MACHINE,
            steps=Steps(tell=spoil),
        )
    assert read_slots(running.disk).trying is None


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        (Machine("amd64", "6.12"), "is for arm64, this box is amd64"),
        (Machine("arm64", "6.13"), r"wants kernel 6\.12, the card has 6\.13"),
    ],
)
def test_what_does_not_fit_is_refused(
    bundle: Path, running: Running, house: House, machine: Machine, said: str
) -> None:
    with pytest.raises(ProvisionError, match=said):
        apply(bundle, running, house, machine)


def test_one_trial_at_a_time_and_never_over_the_good_slot(
    bundle: Path, running: Running, house: House
) -> None:
    start_trial(running.disk, "b")
    with pytest.raises(ProvisionError, match="slot b is on trial already"):
        apply(bundle, running, house)
    write_slots(running.disk, SlotRecord(good="b"))
    with pytest.raises(ProvisionError, match="slot b is the good one"):
        apply(bundle, running, house)  # a stood in for a b that did not start


def test_a_disk_that_is_no_card_is_refused(
    bundle: Path, house: House, tmp_path: Path
) -> None:
    disk = tmp_path / "other"
    with disk.open("wb") as file:
        file.truncate(SIZE)
    with pytest.raises(ProvisionError, match="is no box's card"):
        apply(bundle, Running("a", disk), house)


def test_a_missing_bundle_is_named(house: House, tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match=r"update\.json: No such file"):
        read_bundle(tmp_path, signers(house))


def test_this_computer_is_no_box(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match="not started from a box's card"):
        read_running(tmp_path)
    (tmp_path / "slot").write_text("b\n")
    (tmp_path / "disk").write_text("/dev/mmcblk0\n")
    assert read_running(tmp_path) == Running("b", Path("/dev/mmcblk0"))


def test_without_a_recorder_nothing_is_under_way(tmp_path: Path) -> None:
    check_idle(tmp_path / "none.sock")
