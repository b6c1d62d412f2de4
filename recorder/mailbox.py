"""A box's mailbox on the intake server, as the lab and the technicians fill it.

``DIR/boxes/<device in lower case>/receipts`` is what the box reads as ``receipts/``. Where
DIR is a server's folder its script makes the mailboxes, since their owners matter; any
other folder is one to be copied to the server, and mailboxes are made in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recorder.files import read_signed, write_signed

if TYPE_CHECKING:
    from pathlib import Path

    from recorder.errors import FieldrecError

_SERVER_FILE = "sshd_config"


def find_mailbox(root: Path, device: str, refusal: type[FieldrecError]) -> Path:
    """Return the mailbox of ``device`` in the folder ``root``, or raise ``refusal``."""
    if not root.is_dir():
        raise refusal(
            f"there is no folder {root}",
            hint="name the server's folder, or a folder to be copied to it",
        )
    mailbox = root / "boxes" / device.lower() / "receipts"
    if (root / _SERVER_FILE).exists() and not mailbox.is_dir():
        raise refusal(
            f"the server's folder {root} has no mailbox for {device}",
            hint=f"make it, as root on the server: {root}/add-device {device.lower()}",
        )
    mailbox.mkdir(parents=True, exist_ok=True)
    return mailbox


def deliver(mailbox: Path, name: str, content: bytes, signature: bytes) -> None:
    """Put ``name`` and its signature into ``mailbox``, replacing another version."""
    path = mailbox / name
    try:
        if read_signed(path) == (content, signature):
            return
    except FileNotFoundError:
        pass
    write_signed(path, content, signature)
