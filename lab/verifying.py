"""Verify session folders where they lie, and write down what concerns the lab's own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from lab.archive import Archive, put_away, read_taken
from lab.catalogue import Catalogue
from lab.identity import read_identities
from lab.judge import judge_session
from lab.judging import Judging, note_verdict
from lab.registry import Registry
from lab.settings import Lab
from lab.verify import MANIFEST_FILE, SHEET_FILE, SIGNATURE_FILE
from recorder.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from lab.acceptance import Acceptance
    from lab.judge import Verdict

_DEPTH = 2  # LAB/sessions/<DEVICE>/<session>
_MARKS = (MANIFEST_FILE, SIGNATURE_FILE, SHEET_FILE)


def find_folders(paths: Sequence[Path], lab: Lab) -> tuple[Path, ...]:
    """Return the session folders that ``paths`` are, hold, or name by their uuid.

    Raises LabError for a path with none.
    """
    found: dict[Path, None] = {}
    for path in paths:
        is_folder = path.is_dir()
        folders = list(_sessions_in(path, _DEPTH)) if is_folder else [locate(lab, path)]
        if not folders:
            raise LabError(f"{path} is no session, and holds none")
        found |= dict.fromkeys(folders)
    return tuple(found)


def _sessions_in(folder: Path, depth: int) -> Iterator[Path]:
    if any((folder / mark).exists() for mark in _MARKS) or is_uuid(folder.name):
        yield folder
    elif depth:
        for inner in sorted(folder.iterdir()):
            if inner.is_dir() and not inner.is_symlink():
                yield from _sessions_in(inner, depth - 1)


def is_uuid(text: str) -> bool:
    """Tell whether ``text`` is a uuid as sessions are named by."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def locate(lab: Lab, session: Path) -> Path:
    """Return a session's folder: ``session`` itself, or the lab's of that uuid."""
    archive = Archive(lab.root)
    if session.exists() or not is_uuid(str(session)):
        return session
    if not archive.catalogue_path.exists():
        raise LabError(
            f"the lab has no catalogue to find session {session} in",
            hint="run: fieldrec-lab pull --lab LAB --from DIR",
        )
    with Catalogue(archive.catalogue_path) as catalogue:
        row = catalogue.find(str(session))
    return archive.session(row.device, row.session)


def note_opened(lab: Lab, folder: Path, session: str) -> None:
    """Note where a session lies open, so that a withdrawal finds it.

    A lab without a catalogue, or one that is only read, has nothing to note it in.
    """
    path = Archive(lab.root).catalogue_path
    if path.exists() and os.access(path, os.W_OK):
        with Catalogue(path) as catalogue, catalogue.transaction():
            catalogue.whereabouts.put_copy("opened", folder, [session])


def taken_of(folder: Path) -> datetime:
    """Return when the server took in a session; now for one it never did."""
    return read_taken(folder) or datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class VerifyJob:
    """A session to judge where it lies; ``device`` is empty for one not of the lab's.

    Keys are not in it: whoever does the job reads them from the lab's folder.
    """

    lab: Path
    folder: Path
    device: str
    taken: datetime
    accepted: tuple[Acceptance, ...]


def verify_job(lab: Lab, folder: Path, judging: Judging) -> VerifyJob:
    """Return the job of judging the session in ``folder``."""
    key = judging.archive.owner_of(folder)
    return VerifyJob(
        lab=lab.root.resolve(),
        folder=folder.resolve(),
        device=key[0] if key else "",
        taken=taken_of(folder),
        accepted=judging.accepted,
    )


def run_verify(job: VerifyJob) -> Verdict:
    """Judge one session; nothing is written."""
    lab = Lab.load(job.lab)
    judging = Judging(
        archive=Archive(lab.root),
        registry=Registry.load(lab),
        identities=read_identities(lab.identity_path),
        accepted=job.accepted,
    )
    return _judge(job.folder, job.device, judging, job.taken)


def verify_folder(folder: Path, *, judging: Judging, catalogue: Catalogue) -> Verdict:
    """Judge the session in ``folder``; the verdict on one of the lab's is written down."""
    key = judging.archive.owner_of(folder)
    verdict = _judge(folder, key[0] if key else "", judging, taken_of(folder))
    note_verified(verdict, judging=judging, catalogue=catalogue)
    return verdict


def _judge(folder: Path, device: str, judging: Judging, taken: datetime) -> Verdict:
    if device:
        return judging.judge(folder, device, taken=taken)
    return judge_session(
        folder,
        registry=judging.registry,
        taken=taken,
        identities=judging.identities,
        accepted=frozenset(act.manifest_sha256 for act in judging.accepted),
    )


def note_verified(verdict: Verdict, *, judging: Judging, catalogue: Catalogue) -> None:
    """Write down the verdict on one of the lab's sessions.

    One that nobody vouches for any more goes to quarantine; of one that is no longer
    whole, the next pull looks at every copy on the server again.
    """
    folder = verdict.folder
    key = judging.archive.owner_of(folder)
    if key is None:
        return
    taken = taken_of(folder)
    if verdict.status == "quarantined":
        put_away(folder, judging.archive.quarantine / key[0] / key[1])
    with catalogue.transaction():
        note_verdict(catalogue, verdict, key, taken=taken)
        if verdict.status == "resend":
            catalogue.forget_attempts(*key)
        elif verdict.status == "quarantined":
            catalogue.refuse_attempts(*key, verdict.cause, verdict.reason)
