"""What the lab said about a session, kept beside it, and what may go because of it.

A session may go only on a receipt that verifies now and matches in device, session and
manifest digest. No clock decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from recorder.errors import FieldrecError, FormatError, ReceiptError
from recorder.format import manifest as manifests
from recorder.format.fleet import LAB_PRINCIPAL
from recorder.format.manifest import NAMESPACE_RECEIPT, Manifest
from recorder.format.receipt import parse_receipt
from recorder.format.signers import AllowedSigners
from recorder.format.sshsig import verify
from recorder.store.delete import is_emptied
from recorder.store.disk import read_all, replace_file
from recorder.store.layout import MANIFEST_FILE, RECEIPT_FILES, TRASH, session_name
from recorder.store.signing import is_signed

if TYPE_CHECKING:
    from pathlib import Path

    from recorder.format.receipt import Receipt
    from recorder.store.disk import Disk

GONE = frozenset({"verified", "withdrawn"})


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed session on the box: where it lies and what its manifest says."""

    folder: Path
    manifest: Manifest
    sha256: str
    discarded: bool

    @property
    def size_bytes(self) -> int:
        """How many bytes its manifest counts."""
        return sum(entry.size for entry in self.manifest.files.values())


@dataclass(frozen=True, slots=True)
class Lab:
    """How this box knows the lab's word: its own id and whom it believes."""

    device: str
    signers: AllowedSigners

    @classmethod
    def read(cls, device: str, path: Path) -> Lab:
        """Read ``allowed_signers``. Raises OSError or FormatError."""
        return cls(device, AllowedSigners.parse(path.read_text("utf-8")))

    def check(self, content: bytes, signature: bytes, session: Signed) -> Receipt:
        """Return the receipt in ``content``; ReceiptError unless it is for ``session``."""
        try:
            verify(
                content,
                signature.decode("ascii"),
                namespace=NAMESPACE_RECEIPT,
                principal=LAB_PRINCIPAL,
                signers=self.signers,
            )
            receipt = parse_receipt(content)
        except (FormatError, UnicodeDecodeError) as error:
            why = error.message if isinstance(error, FieldrecError) else str(error)
            raise ReceiptError(
                f"the receipt of session {session.manifest.session}: {why}",
                hint="nothing was deleted; if it stays so, tell the lab",
            ) from error
        spoken_of = (receipt.device, receipt.session, receipt.manifest_sha256)
        ours = (self.device, session.manifest.session, session.sha256)
        if spoken_of != ours or session.manifest.device != self.device:
            raise ReceiptError(
                f"the receipt of session {session.manifest.session} speaks of another"
                " box, session or manifest",
                hint="nothing was deleted; if it stays so, tell the lab",
            )
        return receipt

    def stored(self, disk: Disk, session: Signed) -> Receipt | None:
        """Return the receipt kept beside ``session``, None unless it verifies now."""
        files = [session.folder / name for name in RECEIPT_FILES]
        if not all(disk.is_file(path) for path in files):
            return None
        content, signature = (read_all(disk, path) for path in files)
        try:
            return self.check(content, signature, session)
        except ReceiptError:
            return None


def keep_receipt(disk: Disk, session: Signed, content: bytes, signature: bytes) -> None:
    """Keep a checked receipt beside its session. Raises OSError."""
    for name, data in zip(RECEIPT_FILES, (content, signature), strict=True):
        replace_file(disk, session.folder / name, data)


def drop_receipt(disk: Disk, session: Signed) -> None:
    """Forget what the lab said before. Raises OSError."""
    for name in reversed(RECEIPT_FILES):
        if disk.is_file(session.folder / name):
            disk.remove_file(session.folder / name)
    disk.sync_folder(session.folder)


def read_signed_session(disk: Disk, folder: Path) -> Signed | None:
    """Return the signed session in ``folder``, None where it is none (yet).

    Raises OSError, FormatError for a manifest that can't be read.
    """
    name = session_name(folder.name.removesuffix(TRASH))
    if name is None or not disk.is_folder(folder) or not is_signed(disk, folder):
        return None
    content = read_all(disk, folder / MANIFEST_FILE)
    return Signed(folder, manifests.parse(content), manifests.digest(content), name[1])


def signed_sessions(disk: Disk, sessions: Path) -> tuple[list[Signed], list[str]]:
    """Return the signed sessions, oldest first, and the names of unreadable ones."""
    found: list[Signed] = []
    unreadable: list[str] = []
    for name in disk.names(sessions):
        if session_name(name) is None:
            continue
        try:
            session = read_signed_session(disk, sessions / name)
        except (FormatError, OSError):
            unreadable.append(name)
        else:
            found += [session] if session else []
    found.sort(key=lambda each: (each.manifest.sequence, each.manifest.session))
    return found, unreadable


def list_deletable(disk: Disk, sessions: Path, lab: Lab) -> list[Signed]:
    """Return what may be deleted when space is needed, oldest first. Raises OSError."""
    found, _ = signed_sessions(disk, sessions)
    return [session for session in found if is_deletable(disk, session, lab)]


def count_deletable_bytes(disk: Disk, sessions: Path, lab: Lab) -> int:
    """Return how many bytes may be deleted when space is needed. Raises OSError."""
    return sum(session.size_bytes for session in list_deletable(disk, sessions, lab))


def is_deletable(disk: Disk, session: Signed, lab: Lab) -> bool:
    """Tell whether the lab has verified (or withdrawn) what still lies here."""
    if is_emptied(disk, session.folder):
        return False
    receipt = lab.stored(disk, session)
    return receipt is not None and receipt.status in GONE
