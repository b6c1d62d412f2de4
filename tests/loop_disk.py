"""A real ext4 in a loop image, whose medium can be copied beneath the page cache.

What a copy holds is what had reached the medium: everything above it, in the page cache,
is lost, as when the power goes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_COPY_TRIES = 50


def can_mount() -> bool:
    """Tell whether this user may use loop devices."""
    if os.geteuid() != 0 or not Path("/dev/loop-control").exists():
        return False
    return all(shutil.which(tool) for tool in ("losetup", "mkfs.ext4", "mount", "umount"))


needs_loop_devices = pytest.mark.skipif(
    not can_mount(), reason="needs root, loop devices and mkfs.ext4"
)


class LoopDisk:
    """An ext4 file system of its own, mounted at ``root``."""

    def __init__(self, image: Path, root: Path, device: str) -> None:
        self.image = image
        self.root = root
        self.device = device

    def copy_medium(self, copy: Path) -> None:
        """Copy what is on the medium at one moment; whoever writes must be stopped.

        The kernel may still write back older pages: then the copy is made again.
        """
        for _ in range(_COPY_TRIES):
            before = self._writes()
            _run("cp", "--sparse=always", self.image, copy)
            if self._writes() == before:
                return
        raise AssertionError(f"{self.image} was never quiet for the time of a copy")

    def give_all_space(self) -> None:
        """Let files take what ext4 keeps back for its own needs."""
        self._tuning("reserved_clusters").write_text("0")

    def fail(self) -> None:
        """Let the file system find a fault and turn read-only, as on a dying card."""
        self._tuning("trigger_fs_error").write_text("test")

    def _tuning(self, name: str) -> Path:
        return Path("/sys/fs/ext4") / Path(self.device).name / name

    def _writes(self) -> tuple[str, ...]:
        fields = Path(f"/sys/block/{Path(self.device).name}/stat").read_text().split()
        # Documentation/block/stat.rst: writes done, sectors written, in flight, flushes.
        return (fields[4], fields[6], fields[8], *fields[15:16])


@contextmanager
def new_disk(folder: Path, *, size_mib: int) -> Iterator[LoopDisk]:
    """Make an ext4 of ``size_mib``, mount it in ``folder``, and take it away again."""
    image = folder / "medium.img"
    with image.open("wb") as file:
        file.truncate(size_mib * 1024 * 1024)
    # All space is for everybody, and nothing is written later in the background.
    _run(
        "mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", image
    )
    with mounted(image, folder / "disk") as disk:
        yield disk


@contextmanager
def mounted(image: Path, root: Path) -> Iterator[LoopDisk]:
    """Mount ``image`` as the next boot does, replaying ext4's own journal."""
    root.mkdir()
    device = _run("losetup", "--find", "--show", image)
    try:
        _run("mount", "-o", "noatime,errors=remount-ro", device, root)
        try:
            yield LoopDisk(image, root, device)
        finally:
            _unmount(root)
    finally:
        _run("losetup", "--detach", device)
        root.rmdir()


def check(image: Path) -> None:
    """Repair a file system that had a fault, as a boot does."""
    done = subprocess.run(
        ["fsck.ext4", "-p", "-f", image], check=False, capture_output=True
    )
    assert done.returncode in (0, 1), done.stdout


def _unmount(root: Path) -> None:
    for _ in range(50):
        if (
            subprocess.run(["umount", root], check=False, capture_output=True).returncode
            == 0
        ):
            return
        time.sleep(0.1)
    _run("umount", root)


def _run(*command: str | Path) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode and re.search("permi(tted|ssion)", done.stderr, re.IGNORECASE):
        pytest.skip(f"needs the right to use loop devices: {done.stderr.strip()}")
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout.strip()
