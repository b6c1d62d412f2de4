"""Take one session: build it in staging, publish it, then remove the upload.

Files that were taken before and not sent again are completed from the intake where their
digest is what the manifest says: so a box may send again only what the lab asked for, and
a removal that was cut off is finished.
"""

from __future__ import annotations

import filecmp
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lab.server.uploads import MANIFEST_FILE, SIGNATURE_FILE, flat
from recorder.errors import LabError
from recorder.files import create, sync_folder

if TYPE_CHECKING:
    from datetime import datetime

    from lab.server.folder import ServerFolder
    from lab.server.uploads import Offer, Uploads
    from recorder.format.manifest import FileEntry

MAX_ATTEMPTS = 20
_PIECE_BYTES = 1 << 20
_TAKEN_MODE = 0o440
_RECORD_MODE = 0o640


class Incomplete(Exception):  # noqa: N818 - a state of an upload, not an error
    """Not every file of the session is there in its full size yet."""


@dataclass(frozen=True, slots=True)
class _Take:
    """Where a session comes from and goes to."""

    offer: Offer
    uploads: Uploads
    staging: Path
    intake: Path

    @property
    def session(self) -> str:
        return self.offer.manifest.session

    @property
    def tree(self) -> Path:
        return self.staging / "tree"


def take_session(
    folder: ServerFolder, uploads: Uploads, user: str, session: str, now: datetime
) -> str:
    """Take ``session``; return the name it got, "" where it was there already.

    Raises Incomplete, FormatError, ManifestError, LabError or OSError where the upload
    stays as it is.
    """
    device = user.upper()
    if _finish_removal(uploads, folder.intake / device, session):
        return ""
    take = _Take(
        uploads.read_offer(session, device),
        uploads,
        folder.staging / session,
        folder.intake / device,
    )
    name = _next_name(take)
    sources = _sources(take)
    take.intake.mkdir(mode=0o750, exist_ok=True)
    sync_folder(folder.intake)
    try:
        _build(take, sources)
        if any(_is_same(take.tree, known) for known in _takes(take.intake, session)):
            name = ""
        else:
            _publish(take, name, now)
    finally:
        shutil.rmtree(take.staging, ignore_errors=True)
    _remove_uploads(take)
    return name


def _sources(take: _Take) -> dict[str, Path | None]:
    """Return where each file comes from: an earlier take, or (None) the upload."""
    sources: dict[str, Path | None] = {}
    for path, entry in take.offer.manifest.files.items():
        size_bytes = take.uploads.size_bytes(flat(take.session, path))
        sources[path] = None
        if size_bytes != entry.size:
            sources[path] = _taken_before(take, path, entry)
            if sources[path] is None:
                found = "missing" if size_bytes is None else f"{size_bytes} bytes"
                raise Incomplete(f"{path} is {found}, its manifest says {entry.size}")
    return sources


def _taken_before(take: _Take, path: str, entry: FileEntry) -> Path | None:
    for folder in _takes(take.intake, take.session):
        file = folder / path
        if file.is_file() and file.stat().st_size == entry.size:
            with file.open("rb") as content:
                if hashlib.file_digest(content, "sha256").hexdigest() == entry.sha256:
                    return file
    return None


def _build(take: _Take, sources: dict[str, Path | None]) -> None:
    take.tree.mkdir(mode=0o750, parents=True)
    for path, source in sources.items():
        target = take.tree / path
        target.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        size_bytes = take.offer.manifest.files[path].size
        if source is not None:
            with source.open("rb") as content:
                _copy(content.fileno(), target, size_bytes)
            continue
        with take.uploads.open(flat(take.session, path)) as descriptor:
            _copy(descriptor, target, size_bytes)
    create(take.tree / MANIFEST_FILE, take.offer.content, mode=_TAKEN_MODE)
    create(take.tree / SIGNATURE_FILE, take.offer.signature, mode=_TAKEN_MODE)
    for inner, _, _ in os.walk(take.tree):
        sync_folder(Path(inner))


def _copy(source: int, target: Path, size_bytes: int) -> None:
    """Copy exactly ``size_bytes``; Incomplete where the file has changed since."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(target, flags, _TAKEN_MODE), "wb", buffering=0) as file:
        copied = 0
        while piece := os.read(source, min(_PIECE_BYTES, size_bytes + 1 - copied)):
            file.write(piece)
            copied += len(piece)
        os.fsync(file.fileno())
    if copied != size_bytes:
        raise Incomplete(f"{target.name} changed its size while it was copied")


def _publish(take: _Take, name: str, now: datetime) -> None:
    """Let the session appear in the intake as ``name``."""
    # The time comes first: whoever sees the session finds it. A kill in between leaves a
    # time without a session, and the next run a later time.
    record = {"version": 1, "taken_utc": now.isoformat().replace("+00:00", "Z")}
    content = msgspec.json.encode(record) + b"\n"
    written = take.staging / "intake.json"
    create(written, content, mode=_RECORD_MODE)
    written.rename(take.intake / f"{name}.intake.json")
    sync_folder(take.intake)
    take.tree.rename(take.intake / name)
    sync_folder(take.intake)


def _next_name(take: _Take) -> str:
    for name in _names(take.session):
        if not (take.intake / name).exists():
            return name
    raise LabError(
        f"{take.session} came in {MAX_ATTEMPTS + 1} different copies, the limit",
        hint="look into the box; every copy so far is kept",
    )


def _takes(intake: Path, session: str) -> list[Path]:
    """Return the copies of ``session`` taken so far, in the order they came."""
    return [intake / name for name in _names(session) if (intake / name).is_dir()]


def _names(session: str) -> list[str]:
    return [session, *(f"{session}.attempt-{n}" for n in range(1, MAX_ATTEMPTS + 1))]


def _is_same(one: Path, other: Path) -> bool:
    files = _files(one)
    return files == _files(other) and all(
        filecmp.cmp(one / path, other / path, shallow=False) for path in files
    )


def _files(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir()}


def _remove_uploads(take: _Take) -> None:
    """Remove what was taken: the signature last, for it makes a next run finish this."""
    for path in take.offer.manifest.files:
        take.uploads.remove(flat(take.session, path))
    take.uploads.remove(flat(take.session, MANIFEST_FILE))
    take.uploads.remove(flat(take.session, SIGNATURE_FILE))


def _finish_removal(uploads: Uploads, intake: Path, session: str) -> bool:
    """Remove a signature whose session is in the intake and whose manifest is gone."""
    if uploads.size_bytes(flat(session, MANIFEST_FILE)) is not None:
        return False
    name = flat(session, SIGNATURE_FILE)
    with uploads.open(name) as descriptor:
        found = os.read(descriptor, _PIECE_BYTES)
    for take in _takes(intake, session):
        if (take / SIGNATURE_FILE).read_bytes() == found:
            uploads.remove(name)
            return True
    raise Incomplete("its manifest is missing")
