"""A disk in RAM that forgets what was not synced, as a power cut does.

Names: a journalling file system brings changes of names to the medium in order, but
nobody knows how many of them; `sync_folder` is the only promise. Bytes: each 512-byte
sector written since the last `datasync` may be there, be missing, or be torn.
"""

from __future__ import annotations

import errno
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np

SECTOR_BYTES = 512


class PowerCutError(Exception):
    """The plug was pulled. No OSError: production code must not catch it."""


class Content:
    """A file's bytes; zeros at their end take no room, and a journal is 24 MiB of them."""

    def __init__(self, content: bytes = b"") -> None:
        self.size_bytes = 0
        self._head = bytearray()
        self.write_at(0, content)

    def write_at(self, position: int, data: bytes) -> None:
        """Write ``data``; zeros fill what is missing before it."""
        if not data:
            return
        end = position + len(data)
        self.size_bytes = max(self.size_bytes, end)
        if end < len(self._head):
            self._head[position:end] = data
            return
        del self._head[position:]
        if data := _without_last_zeros(data):
            self._head.extend(bytes(position - len(self._head)))
            self._head.extend(data)

    def copy(self) -> Content:
        """Return a copy that changes on its own."""
        twin = Content(bytes(self._head))
        twin.size_bytes = self.size_bytes
        return twin

    def read(self) -> bytes:
        """Return all of it."""
        return bytes(self._head).ljust(self.size_bytes, b"\0")


@dataclass(eq=False)
class Inode:
    """A file's bytes: as the program sees them, as the medium has them for certain."""

    live: Content = field(default_factory=Content)
    durable: Content = field(default_factory=Content)
    pending: list[tuple[int, bytes]] = field(default_factory=list)

    def after_cut(self, rng: np.random.Generator) -> Content:
        """Return what the medium might hold."""
        content = self.durable.copy()
        if not self.pending:
            return content
        if self.live.size_bytes > content.size_bytes:
            size = rng.integers(content.size_bytes, self.live.size_bytes + 1)
            content.size_bytes = int(size)
        style = rng.choice(["none", "all", "prefix", "subset", "torn"])
        sectors = [piece for write in self.pending for piece in _sectors(*write)]
        kept = int(rng.integers(len(sectors) + 1))
        for number, (position, data) in enumerate(sectors):
            if style == "none" or (style == "prefix" and number >= kept):
                continue
            if style in ("subset", "torn") and rng.random() < 0.5:
                continue
            piece = data[: int(rng.integers(len(data) + 1))] if style == "torn" else data
            content.write_at(position, piece[: max(0, content.size_bytes - position)])
        return content


def _without_last_zeros(data: bytes) -> bytes:
    # Comparing is quicker by far, and a journal is written as 24 MiB of zeros.
    return b"" if data == bytes(len(data)) else data.rstrip(b"\0")


def _sectors(position: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    first = SECTOR_BYTES - position % SECTOR_BYTES
    begin = 0
    while begin < len(data):
        end = begin + SECTOR_BYTES if begin else first
        yield position + begin, data[begin:end]
        begin = end


Node = Inode | None  # None is a folder
Tree = dict[Path, Node]


@dataclass(frozen=True)
class _Change:
    apply: Callable[[Tree], None]
    folders: tuple[Path, ...]


def _without(path: Path) -> Callable[[Tree], None]:
    def apply(tree: Tree) -> None:
        tree.pop(path, None)

    return apply


class PowerCutFile:
    """An open file; see `OpenFile`."""

    def __init__(self, disk: PowerCutDisk, inode: Inode) -> None:
        self._disk = disk
        self._inode = inode

    def write_at(self, position: int, data: bytes) -> None:
        self._disk.step("write")
        self._inode.live.write_at(position, data)
        self._inode.pending.append((position, bytes(data)))

    def reserve(self, size_bytes: int) -> None:
        self._disk.step("write")
        size = self._inode.live.size_bytes
        self._inode.pending.append((size, bytes(size_bytes - size)))
        self._inode.live.size_bytes = size_bytes

    def datasync(self) -> None:
        self._disk.step("datasync")
        for position, data in self._inode.pending:
            self._inode.durable.write_at(position, data)
        self._inode.pending.clear()

    def close(self) -> None:
        pass


class PowerCutDisk:
    """See `Disk`. ``before`` is called before every change, with its name."""

    def __init__(self, before: Callable[[str], None] = lambda _name: None) -> None:
        self._tree: Tree = {}
        self._medium: Tree = {}
        self._changes: list[_Change] = []
        self._lock = threading.Lock()  # over these three: a test looks while a writer works
        self.before = before
        self.n_steps = 0

    def step(self, name: str) -> None:
        self.before(name)
        self.n_steps += 1

    def after_cut(self, rng: np.random.Generator) -> PowerCutDisk:
        """Return a disk with what the medium might hold after a power cut now."""
        with self._lock:
            tree, changes = dict(self._medium), list(self._changes)
        for change in changes[: int(rng.integers(len(changes) + 1))]:
            change.apply(tree)
        disk = PowerCutDisk()
        for path, node in tree.items():
            if node is None:
                disk._tree[path] = None
            else:
                content = node.after_cut(rng)
                disk._tree[path] = Inode(content, content.copy())
        disk._medium = dict(disk._tree)
        return disk

    def make_base(self, folder: Path) -> None:
        """Put an empty folder on the medium."""
        self._tree[folder] = None
        self._medium[folder] = None

    def files(self) -> dict[Path, bytes]:
        """Return every file's bytes as a program sees them."""
        with self._lock:
            tree = dict(self._tree)
        return {p: n.live.read() for p, n in tree.items() if n is not None}

    def create(self, path: Path) -> PowerCutFile:
        self.step("create")
        if path in self._tree:
            raise FileExistsError(errno.EEXIST, "File exists", str(path))
        self._folder(path.parent)
        inode = Inode()

        def apply(tree: Tree) -> None:
            tree[path] = inode

        self._change(apply, path.parent)
        return PowerCutFile(self, inode)

    def open(self, path: Path) -> PowerCutFile:
        return PowerCutFile(self, self._file(path))

    def chunks(self, path: Path) -> Iterator[bytes]:
        yield self._file(path).live.read()

    def make_folder(self, path: Path) -> None:
        self.step("make_folder")
        if path in self._tree:
            raise FileExistsError(errno.EEXIST, "File exists", str(path))
        self._folder(path.parent)

        def apply(tree: Tree) -> None:
            tree[path] = None

        self._change(apply, path.parent)

    def rename(self, old: Path, new: Path) -> None:
        self.step("rename")
        self._node(old)

        def apply(tree: Tree) -> None:
            moved = {p: n for p, n in tree.items() if p == old or old in p.parents}
            for path in moved:
                del tree[path]
            for path, node in moved.items():
                tree[new / path.relative_to(old)] = node

        self._change(apply, old.parent, new.parent)

    def remove_file(self, path: Path) -> None:
        self.step("remove_file")
        self._file(path)
        self._change(_without(path), path.parent)

    def remove_folder(self, path: Path) -> None:
        self.step("remove_folder")
        if self.names(path):
            raise OSError(errno.ENOTEMPTY, "Directory not empty", str(path))
        self._change(_without(path), path.parent)

    def names(self, folder: Path) -> list[str]:
        self._folder(folder)
        with self._lock:
            return sorted(path.name for path in self._tree if path.parent == folder)

    def is_folder(self, path: Path) -> bool:
        return path in self._tree and self._tree[path] is None

    def is_file(self, path: Path) -> bool:
        return self._tree.get(path) is not None

    def sync_folder(self, folder: Path) -> None:
        self.step("sync_folder")
        self._folder(folder)
        with self._lock:
            of_it = [n for n, each in enumerate(self._changes) if folder in each.folders]
            end = of_it[-1] + 1 if of_it else 0
            for change in self._changes[:end]:
                change.apply(self._medium)
            del self._changes[:end]

    def free_bytes(self, _folder: Path) -> int:
        return 1 << 40

    def _change(self, apply: Callable[[Tree], None], *folders: Path) -> None:
        with self._lock:
            apply(self._tree)
            self._changes.append(_Change(apply, folders))

    def _node(self, path: Path) -> Node:
        if path not in self._tree:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
        return self._tree[path]

    def _file(self, path: Path) -> Inode:
        node = self._node(path)
        if node is None:
            raise IsADirectoryError(errno.EISDIR, "Is a directory", str(path))
        return node

    def _folder(self, path: Path) -> None:
        if self._node(path) is not None:
            raise NotADirectoryError(errno.ENOTDIR, "Not a directory", str(path))
