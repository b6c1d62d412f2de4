"""A server's folder behind SFTP, reached with OpenSSH's own ``sftp`` in batch mode.

The host key is pinned, nothing is asked, no configuration of the user's is read. Names
are checked before they are used; sizes are listed before anything is fetched. A transfer
that was cut goes on where it stopped.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from lab.intake_folder import UNFINISHED, finish
from lab.intake_place import (
    MAX_RECEIPT_BYTES,
    Copy,
    is_device,
    is_receipt,
    parse_copy,
)
from lab.sftp_batch import quoted
from recorder.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lab.sftp_batch import SftpBatch

# As `ls -ln` of sftp prints a file: mode, links, owner, group, size, date, path.
_LISTED = re.compile(
    r"([-dlbcps])\S{9,10}\s+\S+\s+\S+\s+\S+\s+(\d+)\s+\w+\s+\d+\s+[\d:]+ (.+)"
)
_NEW = ".new"


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    is_folder: bool
    size: int | None  # None for what is no plain file


_SELF = (".", "..")


@dataclass(frozen=True, slots=True)
class SftpPlace:
    """The folder ``root`` of the server that ``batch`` reaches."""

    root: PurePosixPath
    batch: SftpBatch

    @property
    def name(self) -> str:
        """The address it was named by."""
        return f"{self.batch.address}{self.root}"

    def copies(self) -> tuple[Copy, ...]:
        """Return everything the server took in, sorted by device and name."""
        (top,) = self._list([self.root / "intake"])
        if top is None:
            raise LabError(
                f"{self.name} is no server's folder: no intake in it",
                hint="name the folder that fieldrec-lab server made",
            )
        devices = sorted(e.name for e in top if e.is_folder and is_device(e.name))
        folders = self._list([self.root / "intake" / device for device in devices])
        found = [
            parse_copy(device, entry.name)
            for device, entries in zip(devices, folders, strict=True)
            for entry in sorted(entries or (), key=lambda entry: entry.name)
            if entry.is_folder
        ]
        return tuple(copy for copy in found if copy is not None)

    def fetch_word(self, copy: Copy, into: Path, *, limits: Mapping[str, int]) -> None:
        """Fetch manifest, signature and the time the server took them in."""
        intake = self.root / "intake"
        found = self._sizes_of([intake / path for path in copy.word.values()])
        wanted = {
            intake / path: into / name
            for name, path in copy.word.items()
            if found.get(intake / path, limits[name] + 1) <= limits[name]
        }
        self._fetch(wanted, found)

    def fetch_files(self, copy: Copy, into: Path, *, sizes: Mapping[str, int]) -> None:
        """Fetch the files of these paths and sizes as far as they are there."""
        source = self.root / "intake" / copy.device / copy.name
        found = self._sizes(source / path for path in sizes)
        wanted = {
            source / path: into / path
            for path, size in sizes.items()
            if found.get(source / path) == size
        }
        self._fetch(wanted, found)

    def receipts(self, device: str) -> Mapping[str, bytes] | None:
        """Return the receipts of a box by name; None where it has no folder."""
        folder = self._receipts(device)
        (entries,) = self._list([folder])
        if entries is None:
            return None
        sizes = {
            folder / entry.name: entry.size
            for entry in entries
            if entry.size is not None
            and entry.size <= MAX_RECEIPT_BYTES
            and is_receipt(entry.name)
        }
        with tempfile.TemporaryDirectory() as temporary:
            local = {path: Path(temporary) / path.name for path in sizes}
            self._fetch(local, sizes)
            return {path.name: target.read_bytes() for path, target in local.items()}

    def put_receipts(self, device: str, files: Mapping[str, bytes]) -> None:
        """Write these files in their order, each in one step."""
        folder = self._receipts(device)
        with tempfile.TemporaryDirectory() as temporary:
            commands = []
            for name, content in files.items():
                local = Path(temporary) / name
                local.write_bytes(content)
                local.chmod(0o644)
                new = quoted(folder / f".{name}{_NEW}")
                commands.append(f"put -p {quoted(local)} {new}")
                commands.append(f"rename {new} {quoted(folder / name)}")
            self.batch.run(commands)

    def _receipts(self, device: str) -> PurePosixPath:
        return self.root / "boxes" / device.lower() / "receipts"

    def _fetch(
        self, files: Mapping[PurePosixPath, Path], sizes: Mapping[PurePosixPath, int]
    ) -> None:
        """Fetch remote files to local names; what is there in that size stays."""
        commands = []
        waiting: list[tuple[Path, Path]] = []
        for source, target in files.items():
            if target.is_file() and target.stat().st_size == sizes[source]:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            unfinished = target.with_name(target.name + UNFINISHED)
            if unfinished.exists() and unfinished.stat().st_size > sizes[source]:
                unfinished.unlink()
            verb = "reget" if unfinished.exists() else "get"
            commands.append(f"{verb} {quoted(source)} {quoted(unfinished)}")
            waiting.append((unfinished, target))
        if commands:
            self.batch.run(commands)
        for unfinished, target in waiting:
            finish(unfinished, target)

    def delete(self, copy: Copy) -> None:
        """Delete a copy whose client took the consent back, and its time.

        Raises UploadError where the server does not let this account do so.
        """
        home = self.root / "intake" / copy.device / copy.name
        (top,) = self._list([home])
        inner = [home / e.name for e in top or () if e.is_folder and e.name not in _SELF]
        commands: list[str] = []
        for folder, entries in zip([*inner, home], self._list([*inner, home]), strict=True):
            files = [folder / e.name for e in entries or () if not e.is_folder]
            commands += [f"rm {quoted(path)}" for path in files]
            commands.append(f"rmdir {quoted(folder)}")
        word = home.with_name(f"{copy.name}.intake.json")
        self.batch.run([*commands, f"-rm {quoted(word)}"])

    def _sizes(self, paths: Iterable[PurePosixPath]) -> dict[PurePosixPath, int]:
        """Return the sizes of those of ``paths`` that are plain files."""
        wanted = frozenset(paths)
        folders = sorted({path.parent for path in wanted})
        listed = zip(folders, self._list(folders), strict=True)
        return {
            folder / entry.name: entry.size
            for folder, entries in listed
            for entry in entries or ()
            if entry.size is not None and folder / entry.name in wanted
        }

    def _sizes_of(self, paths: Sequence[PurePosixPath]) -> dict[PurePosixPath, int]:
        """Return the same without listing their folders, which may be long."""
        answers = self.batch.run([f"-ls -ln {quoted(path)}" for path in paths])
        return {
            path: entry.size
            for path, lines in zip(paths, answers, strict=True)
            for entry in _parse(lines) or ()
            if entry.size is not None and entry.name == path.name
        }

    def _list(self, folders: Iterable[PurePosixPath]) -> list[tuple[_Entry, ...] | None]:
        """Return what lies in each of ``folders``; None for one that is not there."""
        commands = [f"-ls -lna {quoted(folder)}" for folder in folders]
        if not commands:
            return []
        return [_parse(lines) for lines in self.batch.run(commands)]


def _parse(lines: tuple[str, ...]) -> tuple[_Entry, ...] | None:
    """Read a listing; it always names the folder itself, so an empty one is no folder."""
    entries = []
    for line in lines:
        match = _LISTED.fullmatch(line)
        if match:
            name = match[3].rpartition("/")[2]
            size = int(match[2]) if match[1] == "-" else None
            entries.append(_Entry(name, match[1] == "d", size))
    return tuple(entries) if entries else None
