"""Updates in a whole machine: whatever goes wrong, the system that worked starts again."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.vm.world import SCREENS, World, build_image, command, prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.vm.machine import Machine

KILLS = 3
NOT_NEEDED = ("NetworkManager", "wpa_supplicant", "fieldrec-sync")
PACKING = ("-comp", "zstd", "-Xcompression-level", "3", "-quiet", "-no-progress")
UPDATE = "fieldrec-provision update /mnt"
UNITS = "usr/lib/systemd/system"
HANG = """[Unit]
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
ExecStart=/usr/bin/sleep infinity
TimeoutStartSec=infinity
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"), "amd64", build_image("amd64"))
    made.found()
    try:
        made.new_box("one")
        make_stick(made, "good", made.image)
        make_stick(made, "bad", spoilt(made, "spoilt", without_recorder))
        make_stick(made, "hangs", spoilt(made, "hanging", hanging))
        yield made
    finally:
        made.stop()


def spoilt(world: World, name: str, spoil: Callable[[Path], None]) -> Path:
    """Return the world's image as ``name``, after ``spoil`` had its tree."""
    image = world.root / name
    image.mkdir()
    tree = world.root / "tree"
    subprocess.run(
        ["unsquashfs", "-q", "-n", "-d", tree, world.image / "root.squashfs"], check=True
    )
    spoil(tree)
    subprocess.run(
        ["mksquashfs", tree, image / "root.squashfs", *PACKING],
        check=True,
    )
    shutil.rmtree(tree)
    shutil.copyfile(world.image / "firm.img", image / "firm.img")
    about = json.loads((world.image / "image.json").read_text())
    content = (image / "root.squashfs").read_bytes()
    about["files"]["root.squashfs"] = {
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    (image / "image.json").write_text(json.dumps(about))
    return image


def without_recorder(tree: Path) -> None:
    """Have the recorder not start, and the system know so in seconds."""
    (tree / "usr/bin/fieldrec").write_text("#!/bin/false\n")
    unit = tree / UNITS / "fieldrec-settle.service"
    unit.write_text(unit.read_text().replace("--settle", "--settle --patience 5"))


def hanging(tree: Path) -> None:
    """Have the start wait for ever before the recorder, and be overdue in seconds."""
    (tree / UNITS / "hang.service").write_text(HANG)
    wanted = tree / UNITS / "sysinit.target.wants"
    wanted.mkdir(exist_ok=True)
    (wanted / "hang.service").symlink_to("../hang.service")
    timer = tree / UNITS / "fieldrec-overdue.timer"
    timer.write_text(timer.read_text().replace("15min", "20s"))
    unit = tree / UNITS / "fieldrec-overdue.service"
    unit.write_text(unit.read_text().replace("--patience 60", "--patience 1"))


def make_stick(world: World, name: str, image: Path) -> None:
    """Make a file system with the signed bundle of ``image``."""
    bundle = world.root / f"{name}.bundle"
    command(
        *("fieldrec-provision", "bundle", image, bundle),
        *("--fleet", world.root / "fleet"),
    )
    subprocess.run(
        ["mkfs.ext4", "-q", "-d", bundle, world.root / f"{name}.stick", "700m"], check=True
    )


def started(world: World, stick: str) -> Machine:
    place = f"file={world.root / stick}.stick,format=raw,if=virtio,readonly=on"
    return world.machine("one", "-drive", place, masked=(*SCREENS, *NOT_NEEDED))


def slots(machine: Machine) -> dict[str, object]:
    found: dict[str, object] = json.loads(machine.run("fieldrec-provision slot --json"))
    return found


def mount(machine: Machine) -> None:
    """Mount the stick: which disk comes first depends on the machine."""
    machine.run("mount -o ro /dev/vda /mnt || mount -o ro /dev/vdb /mnt")


def restart(machine: Machine) -> None:
    machine.run("systemctl --no-block reboot", check=False)
    machine.wait_end()


@pytest.mark.parametrize("number", range(KILLS))
def test_a_plug_pulled_while_updating_leaves_the_old_system(
    world: World, number: int
) -> None:
    chance = random.Random(number)
    with started(world, "good") as machine:
        prepare(machine)
        found = slots(machine)
        assert (found["running"], found["good"]) == ("a", "a"), number
        mount(machine)
        machine.run(f"({UPDATE} > /run/update 2>&1 &); sleep 1")
        machine.wait_until("grep -q writing /run/update")
        time.sleep(chance.random() * 6)


def test_an_update_that_works_stays(world: World) -> None:
    with started(world, "good") as machine:
        prepare(machine)
        assert slots(machine)["running"] == "a"  # after all the plugs
        mount(machine)
        machine.run(UPDATE, patience_s=300)
        assert slots(machine)["trying"] == "b"
        restart(machine)
    for _ in range(2):
        with started(world, "good") as machine:
            prepare(machine)
            machine.wait_until(
                "fieldrec-provision slot | grep -q 'b runs; b is the good one$'"
            )
            restart(machine)


@pytest.mark.parametrize("stick", ["bad", "hangs"])
def test_an_update_that_does_not_record_is_given_up(world: World, stick: str) -> None:
    with started(world, stick) as machine:
        prepare(machine)
        mount(machine)
        good = slots(machine)["running"]
        machine.run(UPDATE, patience_s=300)
        assert slots(machine)["trying"] not in (good, None)
        restart(machine)
    for _ in range(3):
        with started(world, stick) as machine:
            machine.wait_end(300)  # it finds itself bad and starts the box again
    with started(world, stick) as machine:
        prepare(machine)
        found = slots(machine)
        assert (found["running"], found["good"], found["trying"]) == (good, good, None)
