"""All sessions of a box: begin one, finish one, discard one, put right what a crash left.

Only the holder of ``recorder.lock`` may do any of this; taking the lock is how a
`Sessions` comes to be. A crashed session is signed as it lies: nothing in it is repaired
or removed on the box, except that a decided erase or discard is carried out first.
"""

from __future__ import annotations

import errno
import fcntl
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recorder.errors import (
    StoreBusyError,
    StoreError,
    StoreRightsError,
    StoreWriteError,
)
from recorder.files import locked
from recorder.format.age import seal
from recorder.format.sheet import SessionSheet, encode_sheet
from recorder.store.disk import replace_file
from recorder.store.erase import discard, empty_discarded, finish_erase
from recorder.store.journals import Journals
from recorder.store.layout import (
    DISCARDED,
    RECORDER_LOCK,
    SHEET_FILE,
    session_folder,
    session_name,
)
from recorder.store.signing import Signer, is_signed, sign_session

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self
    from uuid import UUID

    from recorder.format.manifest import Manifest
    from recorder.store.disk import Disk


@dataclass(frozen=True, slots=True)
class Found:
    """What the start-up scan put right."""

    crashed: tuple[str, ...]
    discarded: tuple[str, ...]
    refused: tuple[tuple[str, str], ...] = ()  # sessions left as they are, and why


class Lock:
    """``recorder.lock``, held until the process ends or `close`."""

    def __init__(self, sessions: Path) -> None:
        """Take the lock; raise StoreBusyError where another program holds it."""
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._descriptor = os.open(sessions / RECORDER_LOCK, flags, 0o600)
        except OSError as error:
            raise StoreRightsError(
                f"{sessions} can't be written: {error.strerror}",
                hint="run as the owner of the box folder, on a disk that can be written",
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise StoreBusyError(
                "another program is recording with this box", hint="stop it first"
            ) from error

    def close(self) -> None:
        """Give the lock back."""
        os.close(self._descriptor)


class Sessions:
    """The store of a box, owned through its lock. Use it in a ``with`` statement."""

    def __init__(self, sessions: Path, *, disk: Disk, signer: Signer) -> None:
        self._lock = Lock(sessions)
        self._sessions = sessions
        self._disk = disk
        self._signer = signer
        self.journals = Journals(disk, sessions)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the lock back."""
        self._lock.close()

    def seal_as(self, signer: Signer) -> None:
        """Seal for other recipients from the next session on, as a renewal wants it."""
        self._signer = signer

    def scan(self) -> Found:
        """Finish what was decided and sign what crashed. Raises OSError."""
        with locked(self._sessions):
            return scan(self._disk, self._signer, self._sessions)

    def begin(self, sheet: SessionSheet) -> Path:
        """Make a session's folder with its sealed sheet and ready journals; return it."""
        folder = session_folder(self._sessions, sheet.session)
        self.journals.prepare()
        self._disk.make_folder(folder)
        self._disk.sync_folder(self._sessions)
        self.write_sheet(sheet)
        return folder

    def write_skipped(self, sheet: SessionSheet) -> Manifest:
        """Sign a session that did not take place: its sheet and nothing else.

        Raises OSError, StoreError; what is left then the next scan signs.
        """
        folder = session_folder(self._sessions, sheet.session)
        self._disk.make_folder(folder)
        self._disk.sync_folder(self._sessions)
        self.write_sheet(sheet)
        return self.finish(sheet.session)

    def has_sheet(self, session: UUID) -> bool:
        """Tell whether a session's sheet is where it was put."""
        return self._disk.is_file(session_folder(self._sessions, session) / SHEET_FILE)

    def write_sheet(self, sheet: SessionSheet) -> None:
        """Replace a session's sheet whole."""
        sealed = seal(encode_sheet(sheet), self._signer.recipients)
        folder = session_folder(self._sessions, sheet.session)
        replace_file(self._disk, folder / SHEET_FILE, sealed)

    def finish(self, session: UUID) -> Manifest:
        """Sign a session that was stopped; it is complete now."""
        folder = session_folder(self._sessions, session)
        # An erase that the disk cut short comes first: nothing of it may be signed.
        finish_erase(self._disk, self.journals, folder)
        with locked(self._sessions):  # no manifest may be on the move meanwhile
            return self._sign_or_make_room(folder)

    def _sign_or_make_room(self, folder: Path) -> Manifest:
        try:
            return sign_session(self._disk, self._signer, folder, clean=True)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise _unsigned(error) from error
        # Free journals can be written again; a signature is worth more than they are.
        self.journals.scrub()
        try:
            return sign_session(self._disk, self._signer, folder, clean=True)
        except OSError as error:
            raise _unsigned(error) from error

    def discard(self, session: UUID) -> Manifest:
        """Erase a whole session; what stays is a signed tombstone without content."""
        folder = session_folder(self._sessions, session)
        if is_signed(self._disk, folder):
            raise StoreError(
                f"session {session} is signed and may be at the lab already",
                hint="ask the lab to withdraw it",
            )
        gone = folder.with_name(folder.name + DISCARDED)
        discard(self._disk, self.journals, folder, gone)
        with locked(self._sessions):
            return sign_session(self._disk, self._signer, gone, clean=True, discarded=True)


def is_recording(disk: Disk, sessions: Path) -> bool:
    """Tell whether a session is being recorded: one is not signed, its owner lives.

    Without an unsigned session nobody's lock is touched, not even for a moment.
    """
    unsigned = any(
        session_name(name)
        and disk.is_folder(sessions / name)
        and not is_signed(disk, sessions / name)
        for name in disk.names(sessions)
    )
    if not unsigned:
        return False
    try:
        lock = Lock(sessions)
    except StoreBusyError:
        return True
    lock.close()
    return False


def _unsigned(error: OSError) -> StoreWriteError:
    return StoreWriteError(
        f"the session could not be signed: {error.strerror}",
        hint="its parts are kept; the next start of the box signs it",
    )


def _why(error: OSError | StoreError) -> str:
    if isinstance(error, StoreError):
        return error.message
    return error.strerror or type(error).__name__


def scan(disk: Disk, signer: Signer, sessions: Path) -> Found:
    """Finish decided erases and discards, then sign every session that nobody signed."""
    journals = Journals(disk, sessions)
    crashed: list[str] = []
    gone: list[str] = []
    refused: list[tuple[str, str]] = []
    for name in disk.names(sessions):
        parsed = session_name(name)
        folder = sessions / name
        if parsed is None or not disk.is_folder(folder) or is_signed(disk, folder):
            continue
        session, discarded = parsed
        try:
            if discarded:
                empty_discarded(disk, journals, folder)
            else:
                finish_erase(disk, journals, folder)
            sign_session(disk, signer, folder, clean=discarded, discarded=discarded)
        except (OSError, StoreError) as error:
            # One bad sector must not keep the box from recording the next session, nor a
            # spoilt manifest, which breaks the chain, from sending those before.
            refused.append((session, _why(error)))
        else:
            (gone if discarded else crashed).append(session)
    return Found(crashed=tuple(crashed), discarded=tuple(gone), refused=tuple(refused))
