"""What may be written to: a removable disk of the right size that nobody uses; a file."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from provisioning.image.layout import SECTOR_BYTES, is_ours
from recorder.errors import ProvisionError

MAX_BYTES = 256 * 10**9
_SYSFS = Path("/sys")
_MOUNTS = Path("/proc/self/mounts")
_SWAPS = Path("/proc/swaps")
_HINT = "name the card's device, such as /dev/sdX; lsblk shows all disks"


@dataclass(frozen=True, slots=True)
class Target:
    """A card, or a file that stands for one."""

    path: Path
    size_bytes: int
    is_file: bool


def check_target(
    path: Path,
    *,
    file_bytes: int | None = None,
    sysfs: Path = _SYSFS,
    mounts: Path = _MOUNTS,
) -> Target:
    """Return what ``path`` is; ProvisionError where it must not be written to.

    With ``file_bytes`` it is a new file of that size.
    """
    if file_bytes is not None:
        if path.exists() or path.is_symlink():
            raise ProvisionError(f"{path} exists already", hint="name a new file")
        return Target(path, file_bytes, is_file=True)
    try:
        facts = path.stat()
    except OSError as error:
        raise ProvisionError(f"{path}: {error.strerror}", hint=_HINT) from error
    if not stat.S_ISBLK(facts.st_mode):
        raise ProvisionError(
            f"{path} is no disk", hint=f"{_HINT}; or use --size for a file"
        )
    return check_disk(path, path.resolve().name, sysfs=sysfs, mounts=mounts)


def check_disk(
    path: Path, name: str, *, sysfs: Path, mounts: Path, swaps: Path = _SWAPS
) -> Target:
    """Return the disk with the kernel's name ``name``; ProvisionError where it is unfit."""
    folder = sysfs / "block" / name
    if not folder.is_dir():
        raise ProvisionError(f"{path} is a part of a disk, needed is the whole", hint=_HINT)
    if not _is_card(folder, name):
        raise ProvisionError(
            f"{path} is built in, not removable: this is not written to", hint=_HINT
        )
    if _number(folder / "ro"):
        raise ProvisionError(
            f"{path} is write-protected", hint="slide the card's lock back"
        )
    _check_unused(path, name, folder, listed=(mounts, swaps))
    size_bytes = _number(folder / "size") * SECTOR_BYTES
    if size_bytes > MAX_BYTES:
        raise ProvisionError(
            f"{path} holds {size_bytes / 1e9:.0f} GB, allowed are {MAX_BYTES / 1e9:.0f} GB",
            hint="this is hardly a card: look again with lsblk",
        )
    return Target(path, size_bytes, is_file=False)


def check_old_content(target: Target, *, overwrite: bool) -> None:
    """Raise ProvisionError where the card is a box's already and may hold recordings."""
    if target.is_file or overwrite:
        return
    descriptor = os.open(target.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        first = os.read(descriptor, SECTOR_BYTES)
    finally:
        os.close(descriptor)
    if is_ours(first):
        raise ProvisionError(
            f"{target.path} is a box's card already and may hold recordings",
            hint="send them first (fieldrec sync --once); then --overwrite-card",
        )


def _is_card(folder: Path, name: str) -> bool:
    # A card in a slot of the mainboard says 0 in removable; so does a chip soldered to it,
    # whose kind is MMC.
    if name.startswith("mmcblk"):
        return _text(folder / "device" / "type") == "SD"
    return bool(_number(folder / "removable"))


def _check_unused(
    path: Path, name: str, folder: Path, *, listed: tuple[Path, Path]
) -> None:
    """Raise ProvisionError for a disk that is mounted, swapped to, or held by another."""
    mounted, swapped = (sorted(_parts_in(file, name)) for file in listed)
    if mounted:
        raise ProvisionError(
            f"{path} is in use: {', '.join(mounted)} mounted",
            hint=f"umount {' '.join(mounted)}",
        )
    # What lies on it: an opened LUKS container, a volume group, an array.
    held = [f"/dev/{one.name}" for one in folder.glob("**/holders/*")]
    used = sorted([*held, *swapped])
    if used:
        raise ProvisionError(
            f"{path} is in use: {', '.join(used)} is on it",
            hint="this is hardly a card; if it is: swapoff, or close what lies on it",
        )


def _parts_in(listed: Path, name: str) -> set[str]:
    """Return the disk and its partitions that a list of the kernel's names."""
    lines = listed.read_text("utf-8").splitlines()
    own = re.compile(rf"/dev/{re.escape(name)}(p?\d+)?")
    devices = (line.split()[0] for line in lines if line.strip())
    return {device for device in devices if own.fullmatch(device)}


def _number(path: Path) -> int:
    try:
        return int(path.read_text("ascii"))
    except (OSError, ValueError):
        return 0


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except OSError:
        return ""
