"""A server's folder on this computer: the intake of a trial server, a mount or a copy."""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.intake_place import (
    MAX_RECEIPT_BYTES,
    Copy,
    is_device,
    is_receipt,
    parse_copy,
)
from recorder.errors import LabError
from recorder.files import PUBLIC, sync_folder, write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

UNFINISHED = "~part"  # no file of a session has a name with a tilde


@dataclass(frozen=True, slots=True)
class FolderPlace:
    """A server's folder ``root`` with ``intake`` and ``boxes`` in it."""

    root: Path

    @property
    def name(self) -> str:
        """Where it is."""
        return str(self.root)

    def copies(self) -> tuple[Copy, ...]:
        """Return everything the server took in, sorted by device and name."""
        intake = self.root / "intake"
        if not intake.is_dir():
            raise LabError(
                f"{self.root} is no server's folder: no intake in it",
                hint="name the folder that fieldrec-lab server made",
            )
        found = (
            parse_copy(device.name, folder.name)
            for device in sorted(intake.iterdir())
            if is_device(device.name) and _is_folder(device)
            for folder in sorted(device.iterdir())
            if _is_folder(folder)
        )
        return tuple(copy for copy in found if copy is not None)

    def fetch_word(self, copy: Copy, into: Path, *, limits: Mapping[str, int]) -> None:
        """Fetch manifest, signature and the time the server took them in."""
        for name, path in copy.word.items():
            size = _size(self.root / "intake" / path)
            if size is not None and size <= limits[name]:
                _fetch(self.root / "intake" / path, into / name, size)

    def fetch_files(self, copy: Copy, into: Path, *, sizes: Mapping[str, int]) -> None:
        """Fetch the files of these paths and sizes as far as they are there."""
        source = self.root / "intake" / copy.device / copy.name
        for path, size in sizes.items():
            if _size(source / path) == size and _is_folder((source / path).parent):
                _fetch(source / path, into / path, size)

    def receipts(self, device: str) -> Mapping[str, bytes] | None:
        """Return the receipts of a box by name; None where it has no folder."""
        folder = self._receipts(device)
        if not folder.is_dir():
            return None
        return {
            path.name: path.read_bytes()
            for path in folder.iterdir()
            if is_receipt(path.name) and (_size(path) or 0) <= MAX_RECEIPT_BYTES
        }

    def put_receipts(self, device: str, files: Mapping[str, bytes]) -> None:
        """Write these files in their order, each in one step."""
        for name, content in files.items():
            write_atomic(self._receipts(device) / name, content, mode=PUBLIC)

    def delete(self, copy: Copy) -> None:
        """Delete a copy whose client took the consent back, and its time."""
        folder = self.root / "intake" / copy.device / copy.name
        try:
            shutil.rmtree(folder)
            folder.with_name(f"{copy.name}.intake.json").unlink(missing_ok=True)
            sync_folder(folder.parent)
        except OSError as error:
            raise LabError(f"{folder}: {error.strerror}") from error

    def _receipts(self, device: str) -> Path:
        return self.root / "boxes" / device.lower() / "receipts"


def _is_folder(path: Path) -> bool:
    return not path.is_symlink() and path.is_dir()


def _size(path: Path) -> int | None:
    """Return the size of a plain file; None for anything else."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _fetch(source: Path, target: Path, size: int) -> None:
    """Copy a file durably; one of that size that is there already was copied whole."""
    if _size(target) == size:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(target.name + UNFINISHED)
    descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as reading, unfinished.open("wb") as writing:
        shutil.copyfileobj(reading, writing)
    finish(unfinished, target)


def finish(unfinished: Path, target: Path) -> None:
    """Make a fetched file durable, then give it its name."""
    with unfinished.open("rb+") as file:
        os.fsync(file.fileno())
    unfinished.replace(target)
    sync_folder(target.parent)
