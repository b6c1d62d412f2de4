"""The signed chain of manifests: what a session consists of, said once and for ever.

Each manifest names the one before it, so that a session withheld or replaced is a gap.
The manifest is written first, its signature last; only with the signature does it count.
A manifest without one was cut off by a crash: it is dropped and written again under the
same number. The chain's head is found in the session folders themselves, which keep
their manifests when everything else in them is deleted.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recorder.errors import FormatError, StoreError
from recorder.format import manifest as manifests
from recorder.format.age import fingerprint
from recorder.format.manifest import FileEntry, Manifest
from recorder.format.sshsig import sign
from recorder.store.disk import read_all, replace_file
from recorder.store.layout import (
    ERASED,
    MANIFEST_FILE,
    OPEN,
    RECEIPT_FILES,
    SIGNATURE_FILE,
    TRASH,
    UPLOAD_FILE,
    part_name,
    session_name,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from uuid import UUID

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from recorder.format.age import Recipient
    from recorder.store.disk import Disk
    from recorder.store.layout import PartName

_UNLISTED = frozenset({MANIFEST_FILE, SIGNATURE_FILE, *RECEIPT_FILES, UPLOAD_FILE})
_UNFINISHED = ".new"


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: the box, its chain and key, and for whom it seals."""

    device: str
    chain: UUID
    key: Ed25519PrivateKey
    recipients: tuple[Recipient, ...]


def is_signed(disk: Disk, session_path: Path) -> bool:
    """Tell whether a session is complete."""
    return disk.is_file(session_path / SIGNATURE_FILE)


def sign_session(
    disk: Disk, signer: Signer, session_path: Path, *, clean: bool, discarded: bool = False
) -> Manifest:
    """Write and sign a session's manifest; it must not be signed yet.

    ``clean`` is only a wish: with a part open or missing a session is not clean.
    Raises OSError while writing, StoreError where the chain on this disk is broken.
    """
    if is_signed(disk, session_path):
        raise StoreError(f"session {session_path.name} is signed already")
    name = session_name(session_path.name)
    if name is None:
        raise StoreError(f"{session_path.name} is no session")
    _remove_unfinished(disk, session_path)
    parts = [part for text in disk.names(session_path) if (part := part_name(text))]
    sequence, previous = _next_link(disk, signer, session_path.parent)
    manifest = Manifest(
        device=signer.device,
        chain=str(signer.chain),
        sequence=sequence,
        previous=previous,
        session=name[0],
        clean=clean and _is_whole(parts),
        discarded=discarded,
        parts=sum(part.state != ERASED for part in parts),
        erased=tuple(part.number for part in parts if part.state == ERASED),
        recipients=tuple(fingerprint(recipient) for recipient in signer.recipients),
        files=_files(disk, session_path),
    )
    content = manifests.encode(manifest)
    signature = sign(content, signer.key, namespace=manifests.NAMESPACE_MANIFEST)
    replace_file(disk, session_path / MANIFEST_FILE, content)
    replace_file(disk, session_path / SIGNATURE_FILE, signature.encode())
    return manifest


def _is_whole(parts: Sequence[PartName]) -> bool:
    """Tell whether every part was closed and none is missing from the row."""
    numbers = sorted(part.number for part in parts)
    closed = all(part.state != OPEN for part in parts)
    return closed and numbers == list(range(1, len(numbers) + 1))


def _remove_unfinished(disk: Disk, session_path: Path) -> None:
    """Drop what a crash left of writing a small file: the old one still counts."""
    for name in disk.names(session_path):
        if name == MANIFEST_FILE or name.endswith(_UNFINISHED):
            disk.remove_file(session_path / name)


def newest_manifest(disk: Disk, sessions: Path, chain: UUID) -> Manifest | None:
    """Return the manifest at the chain's head; StoreError where the chain is broken."""
    linked = _chain(disk, sessions, chain)
    return linked[max(linked)][0] if linked else None


def _next_link(disk: Disk, signer: Signer, sessions: Path) -> tuple[int, str]:
    """Return the next sequence number and the digest of the chain's last manifest."""
    linked = _chain(disk, sessions, signer.chain)
    if not linked:
        return 1, ""
    last = max(linked)
    return last + 1, linked[last][1]


def _chain(disk: Disk, sessions: Path, chain: UUID) -> dict[int, tuple[Manifest, str]]:
    """Return every signed manifest of the chain and its digest, by sequence number."""
    linked: dict[int, tuple[Manifest, str]] = {}
    for name in disk.names(sessions):
        folder = sessions / name
        if not session_name(name.removesuffix(TRASH)) or not disk.is_folder(folder):
            continue
        if not is_signed(disk, folder):
            continue
        content = read_all(disk, folder / MANIFEST_FILE)
        try:
            manifest = manifests.parse(content)
        except FormatError as error:
            raise StoreError(
                f"the manifest of session {name} can't be read: {error.message}",
                hint="send the box to the lab; its disk is damaged",
            ) from error
        if manifest.chain != str(chain):
            continue
        if manifest.sequence in linked:
            raise StoreError(
                f"two sessions have number {manifest.sequence} in the chain",
                hint="send the box to the lab; its store was copied or changed",
            )
        linked[manifest.sequence] = (manifest, manifests.digest(content))
    return linked


def _files(disk: Disk, session_path: Path) -> dict[str, FileEntry]:
    entries: dict[str, FileEntry] = {}
    for name in disk.names(session_path):
        path = session_path / name
        if disk.is_folder(path):
            for inner in disk.names(path):
                if disk.is_file(path / inner):  # no link: it could lead anywhere
                    entries[f"{name}/{inner}"] = _entry(disk, path / inner)
        elif name not in _UNLISTED and disk.is_file(path):
            entries[name] = _entry(disk, path)
    return entries


def _entry(disk: Disk, path: Path) -> FileEntry:
    size, checksum = 0, hashlib.sha256()
    for chunk in disk.chunks(path):
        size += len(chunk)
        checksum.update(chunk)
    return FileEntry(size=size, sha256=checksum.hexdigest())
