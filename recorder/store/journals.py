"""The two pre-written journals that take turns, on disk.

A journal is written over, never appended to: its size and blocks are settled before a
session starts, so a tick's one fdatasync writes data alone and changes no file size.
A journal always lies in exactly one place: free under ``sessions/``, or in the part it
serves. It is moved by rename only after the rename that makes its part's files the
record (`OpenPart.closing`), so no journal is written over while it is the only copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recorder.format.journal import JOURNAL_BYTES
from recorder.store.layout import FREE_JOURNALS, JOURNAL_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from recorder.store.disk import Disk, OpenFile

_STRETCH_BYTES = 1 << 20


class Journals:
    """Hands out journals and takes them back. Belongs to the writer thread."""

    def __init__(self, disk: Disk, sessions: Path) -> None:
        self._disk = disk
        self._sessions = sessions
        self._writing: Iterator[None] | None = None
        self._refused = False

    def prepare(self) -> None:
        """Make sure both journals lie ready; writes up to 48 MiB. Raises OSError."""
        for name in FREE_JOURNALS:
            if not self._disk.is_file(self._sessions / name):
                for _ in self._write_new(self._sessions / name):
                    pass

    def work(self, *, both: bool = False) -> bool:
        """Write one stretch of a free journal where none lies ready; tell of more to do.

        Before a session ``both`` shall lie ready. A refusal of the disk ends it until the
        next `take`; it is no loss yet.
        """
        if self._writing is None:
            missing = [p for p in self._free_paths() if not self._disk.is_file(p)]
            enough = 0 if both else len(FREE_JOURNALS) - 1
            if self._refused or len(missing) <= enough:
                return False
            self._writing = self._write_new(missing[0])
        try:
            next(self._writing)
        except StopIteration:
            self._writing = None
        except OSError:
            self._writing = None
            self._refused = True
        return self._writing is not None

    def take(self, folder: Path) -> OpenFile:
        """Move a free journal into ``folder`` and open it; its old bytes are stale.

        Returns once the move is on the medium. Where none is free a new one is made by
        reserving its space: no time to write 24 MiB while samples wait. Raises OSError.
        """
        self._refused = False
        journal = folder / JOURNAL_FILE
        free = next((path for path in self._free_paths() if self._disk.is_file(path)), None)
        if free is None:
            self._reserve_new(journal)
        else:
            self._disk.rename(free, journal)
            self._disk.sync_folder(self._sessions)
            self._disk.sync_folder(folder)
        return self._disk.open(journal)

    def give_back(self, folder: Path) -> None:
        """Take the journal out of a closed part for reuse."""
        journal = folder / JOURNAL_FILE
        place = next((p for p in self._free_paths() if not self._disk.is_file(p)), None)
        if place is None:
            self._disk.remove_file(journal)
        else:
            self._disk.rename(journal, place)

    def scrub(self) -> None:
        """Remove every free journal: it may hold sealed remains of what is erased."""
        self._writing = None
        for path in self._free_paths():
            if self._disk.is_file(path):
                self._disk.remove_file(path)
        self._disk.sync_folder(self._sessions)

    def _free_paths(self) -> list[Path]:
        return [self._sessions / name for name in FREE_JOURNALS]

    def _write_new(self, path: Path) -> Iterator[None]:
        new, file = self._create(path)
        try:
            zeros = bytes(_STRETCH_BYTES)
            for position in range(0, JOURNAL_BYTES, _STRETCH_BYTES):
                file.write_at(position, zeros)
                # In stretches, so that no later sync waits for 24 MiB at once.
                file.datasync()
                yield
        finally:
            file.close()
        self._disk.rename(new, path)
        self._disk.sync_folder(path.parent)

    def _reserve_new(self, path: Path) -> None:
        new, file = self._create(path)
        try:
            file.reserve(JOURNAL_BYTES)
            file.datasync()
        finally:
            file.close()
        self._disk.rename(new, path)
        self._disk.sync_folder(path.parent)

    def _create(self, path: Path) -> tuple[Path, OpenFile]:
        new = path.with_name(path.name + ".new")
        if self._disk.is_file(new):
            self._disk.remove_file(new)
        return new, self._disk.create(new)
