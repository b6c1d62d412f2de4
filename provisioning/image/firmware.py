"""The card's first partition: what a Raspberry Pi's firmware reads, kernel and initramfs.

Debian's own hook for it is not used: it opens a serial console and mounts the root for
writing. The device tree gets the clock chip that the board has (DS3231 on I2C 1).
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from provisioning.image.layout import FIRM_BYTES
from provisioning.programs import run_program
from recorder.errors import ProvisionError

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.image.base import Base

CONFIG = """\
# Written by fieldrec-provision image.
arm_64bit=1
upstream_kernel=1
kernel=vmlinuz
initramfs initrd.img followkernel
enable_uart=0
boot_delay=0
disable_splash=1
hdmi_force_hotplug=1
[pi5]
os_check=0
"""
COMMAND_LINE = (
    "console=tty3 quiet loglevel=3 panic=10 net.ifnames=0 systemd.show_status=0"
    " vt.global_cursor_default=0 usbcore.authorized_default=1\n"
)
_BOARDS = ("bcm2711-rpi-4-b.dtb", "bcm2837-rpi-zero-2-w.dtb", "bcm2837-rpi-3-b-plus.dtb")
_I2C = "/soc/i2c@7e804000"


def fill_firmware(base: Base, initramfs: Path, folder: Path, *, arch: str) -> None:
    """Fill ``folder`` with everything that the first partition holds."""
    folder.mkdir(parents=True)
    boot = base.tree / "boot"
    kernels = sorted(boot.glob("vmlinuz-*"))
    if not kernels:
        raise ProvisionError(f"no kernel in {boot}", hint="build with --fresh")
    shutil.copyfile(kernels[-1], folder / "vmlinuz")
    shutil.copyfile(initramfs, folder / "initrd.img")
    (folder / "cmdline.txt").write_text(COMMAND_LINE, "ascii")
    if arch != "arm64":
        return
    (folder / "config.txt").write_text(CONFIG, "ascii")
    for path in sorted((base.tree / "usr/lib/raspi-firmware").glob("*")):
        if path.is_file() and path.suffix in (".bin", ".dat", ".elf"):
            shutil.copyfile(path, folder / path.name)
    for name in _BOARDS:
        _add_board(base, name, folder)


def pack_firmware(folder: Path, out: Path, *, epoch_s: int) -> None:
    """Write ``folder`` as a FAT32 file system, without mounting anything.

    Every file is given the time ``epoch_s``: equal files make equal bytes.
    """
    out.unlink(missing_ok=True)
    with out.open("wb") as file:
        file.truncate(FIRM_BYTES)
    run_program(
        *("mkfs.vfat", "-F", "32", "-n", "FIRM", "-i", "F1E1D4EC", "--invariant", out),
        package="dosfstools",
    )
    names = sorted(folder.iterdir())
    for path in names:
        os.utime(path, (epoch_s, epoch_s))
    run_program(
        "mcopy",
        "-m",
        "-i",
        out,
        *names,
        "::",
        package="mtools",
        extra={"TZ": "UTC"},  # FAT keeps local time
    )


def _add_board(base: Base, name: str, folder: Path) -> None:
    found = sorted(base.tree.glob(f"usr/lib/linux-image-*/broadcom/{name}"))
    if not found:
        return
    target = folder / name
    shutil.copyfile(found[-1], target)
    node = f"{_I2C}/rtc@68"
    put = ("fdtput", "-t")
    run_program(*put, "s", target, _I2C, "status", "okay", package="device-tree-compiler")
    run_program("fdtput", "-c", target, node, package="device-tree-compiler")
    run_program(
        *put,
        "s",
        target,
        node,
        "compatible",
        "maxim,ds3231",
        package="device-tree-compiler",
    )
    run_program(*put, "x", target, node, "reg", "68", package="device-tree-compiler")
