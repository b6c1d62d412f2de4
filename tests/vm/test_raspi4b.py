"""The card itself, with the real device tree of a Raspberry Pi 4, as far as QEMU plays one.

QEMU knows the board from version 9 on; FIELDREC_QEMU_RASPI names a program that does. It
plays neither the firmware nor USB, network and radio, so the device tree is told that
those are not there, and the card is where QEMU puts it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.vm.machine import Machine
from tests.vm.world import World, build_image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BOARD = "bcm2711-rpi-4-b.dtb"
NOT_PLAYED = (
    "/soc/interrupt-controller@7ef00100",
    "/soc/hdmi@7ef00700",
    "/soc/hdmi@7ef05700",
    "/soc/clock@7ef00000",
    "/soc/i2c@7ef04500",
    "/soc/i2c@7ef09500",
    "/soc/avs-monitor@7d5d2000",
    "/soc/rng@7e104000",
    "/scb/pcie@7d500000",
    "/scb/ethernet@7d580000",
    "/gpu",
)
SLOT = "/soc/mmc@7e300000"
EMMC2 = "/emmc2bus/mmc@7e340000"
WORDS = (
    "console=ttyAMA0,115200 systemd.debug_shell=ttyAMA0 loglevel=1 panic=10 net.ifnames=0"
    " systemd.show_status=0 modprobe.blacklist=vc4,v3d,bcm2835_wdt"
    " systemd.mask=fieldrec-tui.service systemd.mask=fieldrec-tui-console.service"
)


def find_qemu() -> str:
    """Return a QEMU that plays the board, or skip with the reason."""
    program = os.environ.get("FIELDREC_QEMU_RASPI", "qemu-system-aarch64")
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program}")
    known = subprocess.run([program, "-M", "help"], capture_output=True, check=False)
    if b"raspi4b" not in known.stdout:
        pytest.skip(f"{program} plays no raspi4b; name one in FIELDREC_QEMU_RASPI")
    return program


def played_board(image: Path, work: Path) -> Path:
    """Return the image's device tree, without what QEMU does not play."""
    board = work / BOARD
    subprocess.run(
        ["mcopy", "-o", "-i", image / "firm.img", f"::{BOARD}", board], check=True
    )
    for node in NOT_PLAYED:
        subprocess.run(["fdtput", "-t", "s", board, node, "status", "disabled"], check=True)
    for name in ("vmmc-supply", "vqmmc-supply"):
        subprocess.run(["fdtput", "-d", board, EMMC2, name], check=True)
    # The one serial port that is played shall be the shell's, not the radio's.
    for node in (f"{SLOT}/wifi@1", "/soc/serial@7e201000/bluetooth"):
        subprocess.run(["fdtput", "-r", board, node], check=True)
    for name in ("mmc-pwrseq", "non-removable"):
        subprocess.run(["fdtput", "-d", board, SLOT, name], check=False)
    subprocess.run(["fdtput", board, SLOT, "broken-cd"], check=True)
    return board


class Raspberry(Machine):
    """One serial port is all there is: the shell's."""

    def words(self) -> list[str]:
        board = played_board(self.image, self.work)
        link = f"socket,id=sh,path={self.work / 'shell.sock'},server=on,wait=off"
        return [
            *(find_qemu(), "-M", "raspi4b", "-m", "2G", "-smp", "4"),
            *("-accel", "tcg,thread=multi", "-display", "none", "-no-reboot"),
            *("-kernel", str(self.image / "vmlinuz"), "-dtb", str(board)),
            *("-initrd", str(self.image / "initrd.img"), "-append", WORDS),
            *("-drive", f"file={self.card},format=raw,if=sd"),
            *("-chardev", link, "-serial", "chardev:sh", "-monitor", "none"),
        ]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    find_qemu()
    made = World(tmp_path_factory.mktemp("world"), "arm64", build_image("arm64"))
    made.found()
    try:
        yield made
    finally:
        made.stop()


def test_the_card_starts_on_the_boards_own_device_tree(world: World) -> None:
    device = world.new_box("one")
    work = world.root / "one.vm"
    work.mkdir()
    with Raspberry("arm64", world.image, world.card("one"), work) as machine:
        machine.open_shell(patience_s=600)
        machine.wait_until("systemctl is-active fieldrec-recorder", patience_s=900)
        model = machine.run("cat /sys/firmware/devicetree/base/model")
        assert "Raspberry Pi 4 Model B" in model
        assert machine.run("hostname").strip() == device.lower()
        clock = "/sys/firmware/devicetree/base/soc/i2c@7e804000/rtc@68/compatible"
        assert "maxim,ds3231" in machine.run(f"cat {clock}")
        assert "a" in machine.run("cat /run/fieldrec-boot/slot")
        assert "mmcblk" in machine.run("cat /run/fieldrec-boot/disk")
