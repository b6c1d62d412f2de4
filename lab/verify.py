"""Check a session folder against the manifest its box signed, before anything is opened.

A manifest that is forged, edited or unsigned is refused. Files that are missing, differ
or were never signed are named; what is sound in them is still opened. A folder without
any manifest is not refused here: `Checked.manifest` is None then.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.integrity import Problem
from lab.session_files import list_files, refuse_unreadable
from recorder.errors import FormatError, ManifestError, OpenError, SignatureError
from recorder.format.manifest import NAMESPACE_MANIFEST, FileEntry, Manifest
from recorder.format.manifest import parse as parse_manifest
from recorder.format.sshsig import verify as verify_signature

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from recorder.format.signers import AllowedSigners

MANIFEST_FILE = "manifest.json"
SIGNATURE_FILE = "manifest.json.sig"
SHEET_FILE = "session.json.age"
# A session of 90 minutes has a manifest of 25 kB.
MAX_MANIFEST_BYTES = 4 << 20
MAX_SIGNATURE_BYTES = 16 << 10
_UNSIGNED_FILES = frozenset(
    {MANIFEST_FILE, SIGNATURE_FILE, "receipt.json", "receipt.json.sig"}
)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PART_FILE = re.compile(r"(\d{4})(\.open)?/(eeg\.xdf\.age|audio\.flac\.age|journal)")
_PART = re.compile(r"(\d{4})(\.open)?(/|\Z)")
_ERASED_FOLDER = re.compile(r"(\d{4})\.erased")
_FIELD_OF_FILE = {"eeg.xdf.age": "eeg", "audio.flac.age": "audio", "journal": "journal"}
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class PartFiles:
    """The files of one part that may be opened; an empty path is a file not there."""

    number: int
    is_open: bool
    eeg: str = ""
    audio: str = ""
    journal: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """A session folder and what its manifest says of it.

    ``session`` is empty where neither manifest nor folder name tells it. ``sealed`` are
    the paths that may be opened, ``differing`` those of them that were not signed so.
    """

    folder: Path
    session: str
    manifest: Manifest | None
    sealed: tuple[str, ...]
    differing: frozenset[str]
    parts: tuple[PartFiles, ...]
    erased: tuple[int, ...]
    problems: tuple[Problem, ...]

    @property
    def device(self) -> str:
        """The device that signed; empty where none did."""
        return self.manifest.device if self.manifest else ""


def check_session(folder: Path, *, signers: AllowedSigners | None, at: datetime) -> Checked:
    """Check ``folder`` against its manifest and return what may be opened.

    ``signers`` is None where the lab knows no fleet: then no signature holds. Raises
    SignatureError for a manifest without a right signature, ManifestError for one that
    can't be a manifest or is another session's, OpenError for what is no session.
    """
    if not folder.is_dir():
        raise OpenError(f"{folder} is not a folder")
    found, odd = list_files(folder)
    name = folder.name if _UUID.fullmatch(folder.name) else ""
    if MANIFEST_FILE not in found and SIGNATURE_FILE not in found:
        return _without_manifest(folder, name, found, odd)
    manifest = read_manifest(folder, signers=signers, at=at)
    if name and manifest.session != name:
        raise ManifestError(
            f"the manifest is of session {manifest.session}, the folder is named {name}"
        )
    if manifest.discarded:
        raise OpenError(f"session {manifest.session} was discarded: it holds nothing")
    if not manifest.files:
        raise OpenError(
            f"session {manifest.session} holds nothing: it ended before anything was kept"
        )
    return _with_manifest(folder, manifest, found, odd)


def read_manifest(
    folder: Path, *, signers: AllowedSigners | None, at: datetime
) -> Manifest:
    """Return the manifest in ``folder`` after checking its signature."""
    content = _read(folder / MANIFEST_FILE, MAX_MANIFEST_BYTES)
    try:
        manifest = parse_manifest(content)
    except FormatError as error:
        raise ManifestError(error.message, hint=error.hint) from error
    if not (folder / SIGNATURE_FILE).is_file():
        raise SignatureError(
            "the manifest has no signature",
            hint="a box drops such a manifest and signs a new one: fetch the session again",
        )
    if signers is None:
        raise SignatureError(
            "no list of boxes to check the manifest's signature with",
            hint="run once: fieldrec-lab publish --lab LAB --fleet FLEET/public",
        )
    verify_signature(
        content,
        _read(folder / SIGNATURE_FILE, MAX_SIGNATURE_BYTES).decode("ascii", "replace"),
        namespace=NAMESPACE_MANIFEST,
        principal=manifest.device,
        signers=signers,
        at=at,
    )
    return manifest


def _read(path: Path, limit_bytes: int) -> bytes:
    """Return a plain file's bytes; a pipe, a link or more than the limit is refused."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ManifestError(f"{path.name} is not a plain file")
            content = file.read(limit_bytes + 1)
    except OSError as error:
        raise ManifestError(f"{path.name} can't be read: {error.strerror}") from error
    if len(content) > limit_bytes:
        raise ManifestError(f"{path.name} has more bytes than the limit of {limit_bytes}")
    return content


def _with_manifest(
    folder: Path, manifest: Manifest, found: frozenset[str], odd: tuple[str, ...]
) -> Checked:
    named = frozenset(manifest.files)
    missing = sorted(named - found)
    extra = sorted(found - named - _UNSIGNED_FILES)
    differing = frozenset(
        path
        for path in named & found
        if not _is_as_signed(folder / path, manifest.files[path])
    )
    problems = [
        *(_missing(path) for path in missing),
        *(_differs(path) for path in sorted(differing)),
        *never_signed(manifest),
        *(_extra(path) for path in (*extra, *odd)),
    ]
    sealed = sorted(named & found)
    return Checked(
        folder=folder,
        session=manifest.session,
        manifest=manifest,
        sealed=tuple(sealed),
        differing=differing,
        parts=_parts(named),
        erased=manifest.erased,
        problems=tuple(problems),
    )


def _without_manifest(
    folder: Path, name: str, found: frozenset[str], odd: tuple[str, ...]
) -> Checked:
    """Take what looks like a session's files: nobody vouches for any of them."""
    erased = sorted(
        int(match[1])
        for path in folder.iterdir()
        if path.is_dir() and (match := _ERASED_FOLDER.fullmatch(path.name))
    )
    sealed = [
        path
        for path in sorted(found)
        if path == SHEET_FILE
        or ((match := _PART_FILE.fullmatch(path)) and int(match[1]) not in erased)
    ]
    if not sealed:
        raise OpenError(
            f"{folder} holds neither a manifest nor a sealed file",
            hint="name a session's folder: the one with session.json.age in it",
        )
    extra = sorted(found.difference(sealed, _UNSIGNED_FILES))
    parts = _parts(sealed)
    problems = [
        *(_missing(path) for path in _gaps(parts, erased)),
        *(_extra(path) for path in (*extra, *odd)),
    ]
    return Checked(
        folder=folder,
        session=name,
        manifest=None,
        sealed=tuple(sealed),
        differing=frozenset(),
        parts=parts,
        erased=tuple(erased),
        problems=tuple(problems),
    )


def never_signed(manifest: Manifest) -> list[Problem]:
    """Name what must have been gone already when the box signed: no part is left out."""
    text = "the session must have had it, but the box found nothing of it to sign"
    parts = _parts(manifest.files)
    in_journal = {part.number for part in parts if part.journal}
    return [
        Problem(code="missing", path=path, part=part_of(path), lost_s=None, text=text)
        for path in _gaps(parts, manifest.erased)
        if part_of(path) not in in_journal
    ]


def _gaps(parts: tuple[PartFiles, ...], erased: Sequence[int]) -> list[str]:
    """Return what a session with these parts must have had: none is left out."""
    has_sound = any(part.audio for part in parts)
    known = {part.number for part in parts}.union(erased)
    last = max(known, default=0)
    missing = [f"{n:04d}" for n in range(1, last) if n not in known]
    for part in parts:
        if not part.is_open and not part.eeg:
            missing.append(f"{part.number:04d}/eeg.xdf.age")
        if not part.is_open and has_sound and not part.audio:
            missing.append(f"{part.number:04d}/audio.flac.age")
    return sorted(missing)


def _parts(paths: Iterable[str]) -> tuple[PartFiles, ...]:
    """Sort the paths of part files into parts; a closed folder goes before an open one."""
    folders: dict[tuple[int, bool], dict[str, str]] = {}
    for path in paths:
        match = _PART_FILE.fullmatch(path)
        if match:
            folder = folders.setdefault((int(match[1]), bool(match[2])), {})
            folder[_FIELD_OF_FILE[match[3]]] = path
    closed = {number for number, is_open in folders if not is_open}
    return tuple(
        PartFiles(number, is_open, **files)
        for (number, is_open), files in sorted(folders.items())
        if not is_open or number not in closed
    )


def part_of(path: str) -> int | None:
    """Return the number of the part that ``path`` is or lies in."""
    match = _PART.match(path)
    return int(match[1]) if match else None


def _is_as_signed(path: Path, entry: FileEntry) -> bool:
    try:
        return path.stat().st_size == entry.size and hash_file(path) == entry.sha256
    except OSError as error:
        refuse_unreadable(error)


def _missing(path: str) -> Problem:
    return Problem(
        code="missing",
        path=path,
        part=part_of(path),
        lost_s=None,
        text="it belongs to the session, but it is not here",
    )


def _differs(path: str) -> Problem:
    return Problem(
        code="differs",
        path=path,
        part=part_of(path),
        text="its bytes are not those the box signed: nobody vouches for what opened",
    )


def _extra(path: str) -> Problem:
    return Problem(
        code="extra",
        path=path,
        part=part_of(path),
        text="this session has no such file: not opened",
    )


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()
