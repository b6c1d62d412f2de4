"""A session as a box leaves it on the intake server: flat names, sealed by nobody.

The mover holds no key, so any bytes do for it; the manifest is a true one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import UUID

from recorder.format import manifest as manifests
from recorder.format.manifest import FileEntry, Manifest

if TYPE_CHECKING:
    from pathlib import Path

DEVICE = "BOX-00019"
SESSION = "7f0c0c53-7f6e-4f3c-9a52-0d6a4c6f3b11"
FILES = {
    "session.json.age": b"sheet",
    "0001/eeg.xdf.age": b"eeg" * 1000,
    "0001/audio.flac.age": bytes(range(256)) * 20,
    "0002.open/journal": b"",
}


@dataclass(frozen=True, slots=True)
class Uploaded:
    """One session's files, and the manifest over them."""

    session: str = SESSION
    device: str = DEVICE
    files: dict[str, bytes] = field(default_factory=lambda: dict(FILES))
    signature: bytes = b"-----BEGIN SSH SIGNATURE-----\n"

    @property
    def manifest(self) -> bytes:
        entries = {
            path: FileEntry(size=len(content), sha256=sha256(content).hexdigest())
            for path, content in self.files.items()
        }
        return manifests.encode(
            Manifest(
                device=self.device,
                chain=str(UUID(int=1)),
                sequence=1,
                previous="",
                session=self.session,
                clean=True,
                discarded=False,
                parts=1,
                erased=(),
                recipients=(),
                files=entries,
            )
        )

    def all_files(self) -> dict[str, bytes]:
        """Return what lies in the intake once it is taken."""
        signed = {"manifest.json": self.manifest, "manifest.json.sig": self.signature}
        return self.files | signed

    def name(self, path: str) -> str:
        return f"{self.session}~{path.replace('/', '~')}"

    def upload(self, up: Path, *, without: tuple[str, ...] = ()) -> None:
        """Put every file into ``up`` as the server's sshd leaves it: mode 0240."""
        for path, content in self.all_files().items():
            if path not in without:
                put(up / self.name(path), content)


def put(target: Path, content: bytes) -> None:
    """Leave ``content`` at ``target`` as an upload does: under .part, then renamed."""
    part = target.with_name(f"{target.name}.part")
    part.write_bytes(content)
    part.chmod(0o240)
    part.rename(target)


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file below ``folder`` by its relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
