"""The one door between the store and the file system.

Everything the store does to a disk goes through a `Disk`, so that tests can put a
failing or a power-cut disk beneath the production code. Methods raise OSError as the
system gives it; the store's callers turn that into StoreError.

Durability is spelled out: nothing is on the medium before `OpenFile.datasync` (bytes)
or `Disk.sync_folder` (names) has returned.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FILE_MODE = 0o600
_FOLDER_MODE = 0o700
_READ_BYTES = 1 << 20


class OpenFile(Protocol):
    """A file open for writing."""

    def write_at(self, position: int, data: bytes) -> None:
        """Write all of ``data`` at ``position``."""
        ...

    def reserve(self, size_bytes: int) -> None:
        """Make the file ``size_bytes`` long, of zeros, with space that is its own."""
        ...

    def datasync(self) -> None:
        """Return once every byte written so far is on the medium."""
        ...

    def close(self) -> None:
        """Close without syncing."""
        ...


class Disk(Protocol):
    """Files and folders, as little of them as the store needs."""

    def create(self, path: Path) -> OpenFile:
        """Create a new file, readable by its owner alone."""
        ...

    def open(self, path: Path) -> OpenFile:
        """Open an existing file for writing."""
        ...

    def chunks(self, path: Path) -> Iterator[bytes]:
        """Yield the bytes of a file in pieces."""
        ...

    def make_folder(self, path: Path) -> None:
        """Make a folder that its owner alone can enter."""
        ...

    def rename(self, old: Path, new: Path) -> None:
        """Rename atomically; an existing *file* at ``new`` is replaced."""
        ...

    def remove_file(self, path: Path) -> None:
        """Remove a file."""
        ...

    def remove_folder(self, path: Path) -> None:
        """Remove an empty folder."""
        ...

    def names(self, folder: Path) -> list[str]:
        """Return the names in a folder, sorted."""
        ...

    def is_folder(self, path: Path) -> bool:
        """Tell whether ``path`` is a folder."""
        ...

    def is_file(self, path: Path) -> bool:
        """Tell whether ``path`` is a file."""
        ...

    def sync_folder(self, folder: Path) -> None:
        """Return once every change of names in ``folder`` is on the medium."""
        ...

    def free_bytes(self, folder: Path) -> int:
        """Return how many bytes this user may still write."""
        ...


class RealFile:
    """A file descriptor with positioned writes."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write_at(self, position: int, data: bytes) -> None:
        """Write all of ``data`` at ``position``; short writes are continued."""
        view = memoryview(data)
        while view:
            written = os.pwrite(self._descriptor, view, position)
            position += written
            view = view[written:]

    def reserve(self, size_bytes: int) -> None:
        """See `OpenFile.reserve`."""
        os.posix_fallocate(self._descriptor, 0, size_bytes)

    def datasync(self) -> None:
        """See `OpenFile.datasync`."""
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Close; closing twice is harmless."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)


class RealDisk:
    """The operating system's files."""

    def create(self, path: Path) -> RealFile:
        """See `Disk.create`."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        return RealFile(os.open(path, flags, _FILE_MODE))

    def open(self, path: Path) -> RealFile:
        """See `Disk.open`."""
        return RealFile(os.open(path, os.O_RDWR | os.O_CLOEXEC))

    def chunks(self, path: Path) -> Iterator[bytes]:
        """See `Disk.chunks`."""
        with open_plain(path) as file:
            while chunk := file.read(_READ_BYTES):
                yield chunk

    def make_folder(self, path: Path) -> None:
        """See `Disk.make_folder`."""
        path.mkdir(_FOLDER_MODE)

    def rename(self, old: Path, new: Path) -> None:
        """See `Disk.rename`."""
        old.rename(new)

    def remove_file(self, path: Path) -> None:
        """See `Disk.remove_file`."""
        path.unlink()

    def remove_folder(self, path: Path) -> None:
        """See `Disk.remove_folder`."""
        path.rmdir()

    def names(self, folder: Path) -> list[str]:
        """See `Disk.names`."""
        return sorted(os.listdir(folder))  # noqa: PTH208 - names, not paths

    def is_folder(self, path: Path) -> bool:
        """See `Disk.is_folder`."""
        return path.is_dir() and not path.is_symlink()

    def is_file(self, path: Path) -> bool:
        """See `Disk.is_file`."""
        return path.is_file() and not path.is_symlink()

    def sync_folder(self, folder: Path) -> None:
        """See `Disk.sync_folder`."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def free_bytes(self, folder: Path) -> int:
        """See `Disk.free_bytes`."""
        return shutil.disk_usage(folder).free


def open_plain(path: Path) -> BinaryIO:
    """Open a plain file for reading; OSError for a link, a pipe or a device.

    A store on a card from somewhere else must not lead anywhere else.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "Not a plain file", str(path))
    return os.fdopen(descriptor, "rb")


def read_all(disk: Disk, path: Path) -> bytes:
    """Return the whole of a small file."""
    return b"".join(disk.chunks(path))


def replace_file(disk: Disk, path: Path, data: bytes) -> None:
    """Write a file whole: either the old bytes or the new ones survive a crash."""
    new = path.with_name(path.name + ".new")
    if disk.is_file(new):
        disk.remove_file(new)
    file = disk.create(new)
    try:
        file.write_at(0, data)
        file.datasync()
    finally:
        file.close()
    disk.rename(new, path)
    disk.sync_folder(path.parent)


def empty_folder(disk: Disk, folder: Path) -> None:
    """Remove everything in ``folder``, folders in it too, and keep the folder itself."""
    for name in disk.names(folder):
        path = folder / name
        if disk.is_folder(path):
            empty_folder(disk, path)
            disk.remove_folder(path)
        else:
            disk.remove_file(path)
    disk.sync_folder(folder)
