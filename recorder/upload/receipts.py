"""Fetch the lab's receipts by their exact names and act on each as it says.

``verified`` is kept, and the session may go when space is needed; ``resend`` sends the
named files again; ``damaged`` keeps everything; ``withdrawn`` deletes at once. Only a
receipt newer than the last one obeyed counts, so that one replayed does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from recorder.errors import ReceiptError
from recorder.format.receipt import MAX_RECEIPT_BYTES, receipt_name
from recorder.store.delete import delete_session, is_emptied
from recorder.store.receipts import (
    drop_receipt,
    is_deletable,
    keep_receipt,
    list_deletable,
)

if TYPE_CHECKING:
    from pathlib import Path

    from recorder.format.receipt import Receipt
    from recorder.store.disk import Disk
    from recorder.store.receipts import Lab, Signed
    from recorder.upload.outbox import Outbox
    from recorder.upload.sftp import Link

_MAX_SIGNATURE_BYTES = 1 << 14
# Room for two sessions of 90 minutes of loud stereo sound.
WANTED_FREE_BYTES = 4 << 30


@dataclass(frozen=True, slots=True)
class Receipts:
    """The receipts of one box on the server, and what they let it do."""

    outbox: Outbox
    lab: Lab

    def obey(self, link: Link, session: Signed) -> Receipt | None:
        """Fetch the receipt of ``session``; act on it and return it if it is new.

        Raises UploadError, ReceiptError where it can't be believed, OSError.
        """
        if is_emptied(self.outbox.disk, session.folder) and not session.discarded:
            return None
        fetched = _fetch(link, session)
        if fetched is None:
            return None
        receipt = self.lab.check(*fetched, session)
        if receipt.lab_sequence <= self._obeyed(session):
            return None
        self._act(session, receipt, *fetched)
        return receipt

    def _obeyed(self, session: Signed) -> int:
        """Return the number of the newest receipt that was acted on."""
        kept = self.lab.stored(self.outbox.disk, session)
        obeyed = self.outbox.state(session).lab_sequence
        return max(obeyed, kept.lab_sequence if kept else 0)

    def _act(
        self, session: Signed, receipt: Receipt, content: bytes, signature: bytes
    ) -> None:
        disk = self.outbox.disk
        if receipt.status == "resend":
            drop_receipt(disk, session)
            self.outbox.send_again(session, frozenset(receipt.files), receipt.lab_sequence)
            return
        keep_receipt(disk, session, content, signature)
        if receipt.status == "withdrawn":
            delete_session(disk, session.folder)


def _fetch(link: Link, session: Signed) -> tuple[bytes, bytes] | None:
    name = "receipts/" + receipt_name(session.manifest.session, session.sha256)
    content = link.read(name, limit_bytes=MAX_RECEIPT_BYTES)
    if content is None:
        return None
    signature = link.read(f"{name}.sig", limit_bytes=_MAX_SIGNATURE_BYTES)
    if signature is None:
        raise ReceiptError(
            f"the receipt of session {session.manifest.session} has no signature",
            hint="nothing was deleted; the lab may be writing it just now",
        )
    return content, signature


def delete_withdrawn(disk: Disk, sessions: Path, lab: Lab) -> list[str]:
    """Delete withdrawn sessions that an interruption left; return their names."""
    gone: list[str] = []
    for session in list_deletable(disk, sessions, lab):
        receipt = lab.stored(disk, session)
        if receipt is not None and receipt.status == "withdrawn":
            delete_session(disk, session.folder)
            gone.append(session.manifest.session)
    return gone


def delete_verified(
    disk: Disk, sessions: Path, lab: Lab, *, wanted_bytes: int | None = None
) -> list[str]:
    """Delete verified sessions, oldest first, and return their names.

    With ``wanted_bytes`` only until so much is free; without, all of them.
    """
    gone: list[str] = []
    for session in list_deletable(disk, sessions, lab):
        if wanted_bytes is not None and disk.free_bytes(sessions) >= wanted_bytes:
            break
        if is_deletable(disk, session, lab):
            delete_session(disk, session.folder)
            gone.append(session.manifest.session)
    return gone
