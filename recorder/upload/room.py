"""Room on the box: who may delete, and deleting what the lab has when space is needed.

Knows nothing of the server, so that recording can ask for room without loading SFTP.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from recorder.errors import StoreBusyError, StoreRightsError
from recorder.store.delete import finish_deletions
from recorder.store.layout import SYNC_LOCK
from recorder.store.receipts import Lab
from recorder.upload.receipts import WANTED_FREE_BYTES, delete_verified

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from recorder.box import Box
    from recorder.store.disk import Disk


@contextmanager
def sync_lock(sessions: Path) -> Iterator[None]:
    """Hold ``sync.lock``; StoreBusyError where another program uploads."""
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(sessions / SYNC_LOCK, flags, 0o600)
    except OSError as error:
        raise StoreRightsError(
            f"{sessions} can't be written: {error.strerror}",
            hint="run as the owner of the box folder, on a disk that can be written",
        ) from error
    try:
        _take(descriptor)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise StoreBusyError(
            "another program uploads from this box", hint="it may be the service: let it"
        ) from error


def make_room(box: Box, disk: Disk, *, wanted_bytes: int = WANTED_FREE_BYTES) -> int:
    """Delete verified sessions, oldest first, until a new one fits; return how many went.

    Where a sync is at work it does this itself. Raises OSError, FormatError, StoreError.
    """
    try:
        with sync_lock(box.sessions):
            finish_deletions(disk, box.sessions)
            lab = Lab.read(box.device, box.signers_path)
            gone = delete_verified(disk, box.sessions, lab, wanted_bytes=wanted_bytes)
            return len(gone)
    except StoreBusyError:
        return 0
