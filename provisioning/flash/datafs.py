"""The card's fourth partition, written in place without mounting: what the box alone has.

Everything private goes here, to files with the modes they have on the technician's disk.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from provisioning.extras import NETWORKS, TIMEZONE
from provisioning.image.layout import DATA_LABEL
from provisioning.programs import run_program
from recorder.errors import ProvisionError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provisioning.image.layout import Partition

_KIB = 1024
_BYTES_PER_INODE = 262144  # few and large files: tables that take a second to write


def check_no_links(box: Path) -> None:
    """Raise ProvisionError for a link in the box folder: on the card it leads nowhere."""
    for path in box.rglob("*"):
        if path.is_symlink():
            raise ProvisionError(
                f"{path} in the box folder is a link, which a card can't have",
                hint="copy what it leads to into the box folder",
            )


def stage_data(box: Path, folder: Path) -> None:
    """Lay the content of the partition out in the private, empty ``folder``.

    The system reads networks and time zone beside the box folder.
    """
    folder.chmod(0o755)
    copied = folder / "box"
    shutil.copytree(box, copied, symlinks=True)
    (copied / "sessions" / "recorder.lock").unlink(missing_ok=True)
    for name in (NETWORKS, TIMEZONE):
        if (copied / name).exists():
            (copied / name).rename(folder / name)
    (folder / NETWORKS).mkdir(mode=0o700, exist_ok=True)


def make_data(target: Path, partition: Partition, staged: Path) -> None:
    """Make the file system inside ``target`` and copy ``staged`` into it."""
    place = f"offset={partition.start_bytes}"
    # Tables are written, not left to the box: the card may hold another's old bytes.
    how = "lazy_itable_init=0,lazy_journal_init=0,nodiscard,root_owner=0:0"
    run_program(
        *("mkfs.ext4", "-q", "-F", "-L", DATA_LABEL, "-m", "0"),
        *("-i", _BYTES_PER_INODE, "-d", staged, "-E", f"{place},{how}"),
        *(target, f"{partition.size_bytes // _KIB}k"),
        package="e2fsprogs",
    )


def verify_data(target: Path, partition: Partition, staged: Path, scratch: Path) -> None:
    """Read the file system back; ProvisionError where it differs from ``staged``."""
    place = f"{target.absolute()}?offset={partition.start_bytes}"
    run_program("e2fsck", "-f", "-n", place, package="e2fsprogs")
    for path in _files(staged):
        name = path.relative_to(staged).as_posix()
        quoted = name.replace('"', '""')  # as debugfs reads it
        copy = scratch / "read-back"
        copy.unlink(missing_ok=True)
        run_program(
            *("debugfs", "-R", f'dump "/{quoted}" {copy.name}', place),
            package="e2fsprogs",
            cwd=scratch,
        )
        if not copy.exists() or copy.read_bytes() != path.read_bytes():
            raise ProvisionError(
                f"{name} was read back from the card otherwise than written",
                hint="the card is bad: use another one",
            )
        copy.unlink()


def _files(folder: Path) -> Iterator[Path]:
    yield from (path for path in sorted(folder.rglob("*")) if path.is_file())
