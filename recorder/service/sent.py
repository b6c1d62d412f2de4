"""What was sent and what waits: from the store's folders and from what sync publishes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from recorder.protocol.state import Upload
from recorder.runtime import SYNC_PROGRESS, runtime_folder
from recorder.store.layout import RECEIPT_FILES
from recorder.store.receipts import Lab, is_deletable, signed_sessions
from recorder.upload.outbox import read_state
from recorder.upload.published import read_published

if TYPE_CHECKING:
    from recorder.box import Box
    from recorder.store.disk import Disk
    from recorder.store.receipts import Signed


@dataclass(frozen=True, slots=True)
class Counts:
    """What the store's folders say. ``waiting`` are not wholly sent."""

    waiting: int = 0
    sent: int = 0
    verified: int = 0
    newest_receipt_wall_ns: int | None = None
    deletable_bytes: int = 0


def shape_of(box: Box) -> list[tuple[str, int]]:
    """Return what changes whenever a session is added, signed, sent or answered."""
    folders = box.sessions.iterdir()
    try:
        return sorted((path.name, path.stat().st_mtime_ns) for path in folders)
    except FileNotFoundError:
        return []  # one was renamed meanwhile


def count_sessions(disk: Disk, box: Box) -> Counts:
    """Look at every signed session. Raises OSError, FormatError."""
    lab = Lab.read(box.device, box.signers_path)
    waiting = sent = verified = deletable = 0
    newest: int | None = None
    for session in signed_sessions(disk, box.sessions)[0]:
        receipt = lab.stored(disk, session)
        if receipt is not None and receipt.status == "verified":
            verified += 1
            newest = max(newest or 0, _receipt_wall_ns(session))
            deletable += session.size_bytes if is_deletable(disk, session, lab) else 0
        elif receipt is None or receipt.status == "resend":
            if read_state(disk, session).sent:
                sent += 1
            else:
                waiting += 1
    return Counts(waiting, sent, verified, newest, deletable)


def upload_of(box: Box, counts: Counts, now_ns: int) -> Upload:
    """Return what a screen shows of sending."""
    sync = read_published(runtime_folder(box.root) / SYNC_PROGRESS, now_ns)
    return Upload(
        waiting=counts.waiting,
        sent=counts.sent,
        verified=counts.verified,
        phase="off" if sync is None else sync.phase,
        percent=None if sync is None else sync.percent,
        rate_bytes_s=None if sync is None else sync.rate_bytes_s,
        left_s=None if sync is None else sync.left_s,
        trouble="" if sync is None else sync.trouble,
        trouble_code=0 if sync is None else sync.trouble_code,
        last_verified_wall_ns=counts.newest_receipt_wall_ns,
    )


def _receipt_wall_ns(session: Signed) -> int:
    try:
        return (session.folder / RECEIPT_FILES[0]).stat().st_mtime_ns
    except OSError:
        return 0
