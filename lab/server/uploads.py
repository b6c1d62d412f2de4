"""One box's uploads as they lie: hostile names, odd files and huge manifests included.

Nothing here follows a link, waits on a pipe or reads more than it was told to. A session
is offered by the last name uploaded for it: its manifest's signature.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recorder.errors import FormatError, ManifestError
from recorder.format import manifest as manifests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from recorder.format.manifest import Manifest

MANIFEST_FILE = "manifest.json"
SIGNATURE_FILE = "manifest.json.sig"
# A session of 9999 parts, the most there can be, has a manifest of 2.3 MB.
MAX_MANIFEST_BYTES = 4 << 20
MAX_SIGNATURE_BYTES = 1 << 14

_OFFER = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})~manifest\.json\.sig")
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_LINK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_OWNER_READS = 0o640


@dataclass(frozen=True, slots=True)
class Offer:
    """A session a box says is complete: its manifest and the very bytes signed."""

    manifest: Manifest
    content: bytes
    signature: bytes


class Uploads:
    """The folder a box uploads to, held open while the mover works in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def offered(self) -> list[str]:
        """Return the sessions whose signature is there, sorted."""
        names = os.listdir(self.folder)  # noqa: PTH208 - names, not paths
        matches = (_OFFER.fullmatch(name) for name in names)
        return sorted(match[1] for match in matches if match)

    def read_offer(self, session: str, device: str) -> Offer:
        """Return what ``device`` signed for ``session``; FormatError where it can't be."""
        content = self._read(flat(session, MANIFEST_FILE), MAX_MANIFEST_BYTES)
        signature = self._read(flat(session, SIGNATURE_FILE), MAX_SIGNATURE_BYTES)
        manifest = manifests.parse(content)
        if (manifest.session, manifest.device) != (session, device):
            raise ManifestError(
                f"{device} offers {session}, but the manifest is {manifest.device}'s"
                f" for {manifest.session}"
            )
        _check_tree(manifest)
        return Offer(manifest, content, signature)

    def size_bytes(self, name: str) -> int | None:
        """Return the size of the plain file ``name``; None where there is none."""
        try:
            status = os.lstat(self.folder / name)
        except OSError:
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    @contextmanager
    def open(self, name: str) -> Iterator[int]:
        """Yield a descriptor to read the plain file ``name``; ManifestError for others."""
        handle = os.open(self.folder / name, _NO_LINK)
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise ManifestError(f"{name} is no plain file")
            # Through the handle, so that what is opened is what was looked at.
            itself = f"/proc/self/fd/{handle}"
            if not os.access(itself, os.R_OK) and status.st_uid == os.geteuid():
                os.chmod(itself, _OWNER_READS)  # noqa: PTH101 - a trial's own uploads
            descriptor = os.open(itself, _OPEN & ~os.O_NOFOLLOW)
        finally:
            os.close(handle)
        try:
            _check_written(descriptor, name)
            yield descriptor
        finally:
            os.close(descriptor)

    def remove(self, name: str) -> None:
        """Remove ``name`` where it is still there."""
        (self.folder / name).unlink(missing_ok=True)

    def _read(self, name: str, limit_bytes: int) -> bytes:
        with self.open(name) as descriptor, os.fdopen(os.dup(descriptor), "rb") as file:
            content = file.read(limit_bytes + 1)
        if len(content) > limit_bytes:
            raise ManifestError(f"{name} has more than {limit_bytes} bytes")
        return content


def flat(session: str, path: str) -> str:
    """Return the name under which ``path`` of ``session`` is uploaded."""
    return f"{session}~{path.replace('/', '~')}"


def _check_written(descriptor: int, name: str) -> None:
    """Raise ManifestError where bytes of the file were skipped and never written.

    Skipping costs no space, so no quota sees it; a copy would fill the disk with zeros.
    """
    size_bytes = os.fstat(descriptor).st_size
    if size_bytes and os.lseek(descriptor, 0, os.SEEK_HOLE) < size_bytes:
        raise ManifestError(f"{name} has holes: some of its bytes were never written")
    os.lseek(descriptor, 0, os.SEEK_SET)


def _check_tree(manifest: Manifest) -> None:
    """Raise FormatError where one path would have to be a file and a folder at once."""
    files = {*manifest.files, MANIFEST_FILE, SIGNATURE_FILE}
    for path in manifest.files:
        parts = path.split("/")
        for depth in range(1, len(parts)):
            if "/".join(parts[:depth]) in files:
                raise FormatError(f"manifest: {path[:80]!r} lies inside a file")
