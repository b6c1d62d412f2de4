"""A disk whose written bytes are counted: ext4 in a loop image, or a mere folder."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SECTOR_BYTES = 512  # the unit of /sys/block/*/stat, whatever the device's own is
_OWN_MOUNTS = "FIELDREC_BENCH_OWN_MOUNTS"
_SECTORS_WRITTEN = 6  # column of it, from 0


@dataclass(frozen=True, slots=True)
class BenchDisk:
    """A folder to record into; ``device`` and ``image`` are empty without root."""

    folder: Path
    device: str = ""
    image: Path | None = None

    def written_bytes(self) -> int | None:
        """Return the bytes the file system has written to its device; None unknown."""
        if not self.device:
            return None
        subprocess.run(["sync", "-f", self.folder], check=True)
        columns = Path("/sys/block", self.device, "stat").read_text("ascii").split()
        return int(columns[_SECTORS_WRITTEN]) * _SECTOR_BYTES


def can_mount() -> bool:
    """Tell whether this user may mount images."""
    if os.geteuid() != 0 or not Path("/dev/loop-control").exists():
        return False
    return subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0


def enter_own_mounts(command: Sequence[str]) -> None:
    """Become ``command`` where mounts vanish with the last process, however it ends.

    Returns where that is done already, or can't be.
    """
    if os.environ.get(_OWN_MOUNTS) or not can_mount():
        return
    words = ["unshare", "--mount", *command]
    os.execvpe(words[0], words, {**os.environ, _OWN_MOUNTS: "1"})  # noqa: S606 - as meant


@contextmanager
def bench_disk(folder: Path, *, size_mb: int) -> Iterator[BenchDisk]:
    """Make a file system of its own below ``folder`` if root, else use ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    if not can_mount():
        yield BenchDisk(folder)
        return
    image = folder / "disk.img"
    with image.open("wb") as file:
        file.truncate(size_mb * 1_000_000)
    # Inode tables written at once: the kernel would write them lazily into our count.
    eager = "lazy_itable_init=0,lazy_journal_init=0"
    subprocess.run(["mkfs.ext4", "-q", "-F", "-N", "4096", "-E", eager, image], check=True)
    with mounted(image, folder / "disk") as disk:
        yield disk
    image.unlink()


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[BenchDisk]:
    """Mount an ext4 image on ``folder``."""
    folder.mkdir(exist_ok=True)
    options = ["-t", "ext4", "-o", "loop,noatime"]
    subprocess.run(["mount", *options, image, folder], check=True)
    try:
        find = ["findmnt", "--noheadings", "--output", "SOURCE", str(folder)]
        done = subprocess.run(find, check=True, capture_output=True, text=True)
        yield BenchDisk(folder, Path(done.stdout.strip()).name, image)
    finally:
        subprocess.run(["umount", folder], check=True)
