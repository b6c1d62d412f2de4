"""One part on its way to disk: in RAM and in its journal, then sealed and renamed.

The folder is ``0007.open`` while the part is written. Closing encrypts both files whole
into it, syncs files and folder, and renames it to ``0007``: that rename is the only
commit. Until then the journal is the record; after it the journal is free again.
"""

from __future__ import annotations

import errno
import itertools
import os
from typing import TYPE_CHECKING

from recorder.format.age import seal_chunks
from recorder.format.journal import (
    ALIGNMENT_BYTES,
    JOURNAL_BYTES,
    KEY_BYTES,
    JournalSealer,
    header_block,
)
from recorder.store.layout import AUDIO_FILE, EEG_FILE, JOURNAL_FILE, OPEN, part_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from recorder.format.age import Recipient
    from recorder.store.disk import Disk, OpenFile
    from recorder.store.encoder import PartEncoder
    from recorder.store.journals import Journals

_SLICE_CHUNKS = 16  # 1 MiB of sealed bytes between two looks at the queue


class OpenPart:
    """A part being written. `open`, `tick` and `closing` may raise OSError.

    After a failed write or sync the journal is never touched again: the bytes since its
    last good tick live in RAM until `closing` has brought them to the medium.
    """

    def __init__(
        self,
        encoder: PartEncoder,
        *,
        disk: Disk,
        journals: Journals,
        session_path: Path,
        recipients: Sequence[Recipient],
    ) -> None:
        self.encoder = encoder
        self.number = encoder.identity.part
        self._disk = disk
        self._journals = journals
        self._session_path = session_path
        self._recipients = recipients
        self._folder = part_folder(session_path, self.number, OPEN)
        self._sealer: JournalSealer | None = None
        self._journal: OpenFile | None = None
        self._position = 0
        self._tries = 0
        self._failed = False

    @property
    def unsafe(self) -> bool:
        """Whether some of its bytes are in RAM alone and no tick will save them."""
        return self._failed or self._journal is None

    @property
    def opened(self) -> bool:
        """Whether it has a journal."""
        return self._journal is not None

    def open(self) -> None:
        """Make the folder and begin the journal; return when it is on the medium."""
        key = os.urandom(KEY_BYTES)
        self._make_folder()
        journal = self._journals.take(self._folder)
        header = header_block(
            journal_key=key,
            session=self.encoder.identity.session,
            part=self.number,
            recipients=self._recipients,
            random_bytes=os.urandom,
        )
        try:
            # Zeros behind it end what an older part left there: a header that is torn
            # can then be told from one that was damaged.
            journal.write_at(0, header + bytes(ALIGNMENT_BYTES))
            journal.datasync()
        except OSError:
            journal.close()
            raise
        self._journal, self._sealer, self._position = (
            journal,
            JournalSealer(key),
            len(header),
        )

    def tick(self) -> None:
        """Bring every new byte of both files to the medium."""
        if self._journal is None or self._sealer is None:
            return
        new = self.encoder.new_bytes()
        if not new:
            return
        block = self._sealer.tick(new)
        try:
            self._check_still_there()
            self._journal.write_at(self._position, block)
            self._journal.datasync()
        except OSError:
            self._failed = True
            raise
        self._position += len(block)

    def has_room(self, more_bytes: int) -> bool:
        """Tell whether a tick of ``more_bytes`` (a generous guess) still fits."""
        return self._position + more_bytes <= JOURNAL_BYTES

    def closing(self) -> Iterator[None]:
        """Seal both files and commit, in slices: yields between them.

        After an OSError it may be run again from the start: files of the failed try are
        removed, never written on, and the journal stays with the part for good.
        """
        closed = part_folder(self._session_path, self.number)
        if not self._disk.is_folder(closed):
            self._make_folder()
            for name in (EEG_FILE, AUDIO_FILE):
                if self._disk.is_file(self._folder / name):
                    self._disk.remove_file(self._folder / name)
            tries_before, self._tries = self._tries, self._tries + 1
            for name, plain in self.encoder.finish().items():
                yield from self._seal(self._folder / name, plain)
            self._disk.sync_folder(self._folder)
            yield
            self.abandon()
            self._disk.rename(self._folder, closed)
            self._disk.sync_folder(self._session_path)
            if not tries_before and not self.unsafe:
                self._journals.give_back(closed)

    def abandon(self) -> None:
        """Let go of the journal file; what it holds stays where it is."""
        if self._journal is not None:
            self._journal.close()

    def _check_still_there(self) -> None:
        """Refuse to write where nobody would find it: a removed file syncs happily."""
        if not self._disk.is_file(self._folder / JOURNAL_FILE):
            raise FileNotFoundError(errno.ENOENT, "the part's journal is gone")

    def _make_folder(self) -> None:
        if not self._disk.is_folder(self._session_path):
            self._disk.make_folder(self._session_path)
            self._disk.sync_folder(self._session_path.parent)
        if not self._disk.is_folder(self._folder):
            self._disk.make_folder(self._folder)
        self._disk.sync_folder(self._session_path)

    def _seal(self, path: Path, plain: bytes | bytearray) -> Iterator[None]:
        file = self._disk.create(path)
        try:
            position = 0
            sealed = seal_chunks([plain], self._recipients)
            while piece := b"".join(itertools.islice(sealed, _SLICE_CHUNKS)):
                file.write_at(position, piece)
                file.datasync()
                position += len(piece)
                yield
        finally:
            file.close()
