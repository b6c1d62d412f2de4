"""The drill: prove that the recovery identity alone opens a session, and log it.

A recovery key that nobody ever tried is a hope. Nothing opened is written anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from lab.archive import Archive, read_taken
from lab.catalogue import Act
from lab.identity import read_identities
from lab.judge import judge_session
from lab.registry import Registry
from recorder.errors import DamagedError, IdentityError, LabError
from recorder.format.age import fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    from lab.catalogue import Catalogue
    from lab.identity import Identity
    from lab.judge import Verdict
    from lab.settings import Lab

_WHAT = "drill"


@dataclass(frozen=True, slots=True)
class Drilled:
    """A drill that succeeded: which session, which public key, and the one before."""

    device: str
    session: str
    n_files: int
    recipient: str
    last_utc: datetime | None


def last_drill(catalogue: Catalogue) -> datetime | None:
    """Return when a drill succeeded last; None where none ever did."""
    rows = catalogue.actions(_WHAT)
    return rows[-1].at_utc if rows else None


def drill(
    lab: Lab, catalogue: Catalogue, *, identity: Path, session: Path | None = None
) -> Drilled:
    """Open all of a session with the identities in the file ``identity`` and no other.

    Without ``session`` it is the one the lab verified last. Raises IdentityError where
    the key opens nothing or is the lab's working one, DamagedError where it does not
    open all.
    """
    identities = read_identities(identity)
    _refuse_working(lab, identities)
    folder = session or _last_verified(lab, catalogue)
    verdict = judge_session(
        folder,
        registry=Registry.load(lab),
        taken=read_taken(folder) or datetime.now(UTC),
        identities=identities,
    )
    manifest = verdict.manifest
    if verdict.refusal is not None:
        raise verdict.refusal
    if manifest is None or verdict.status != "verified":
        raise _failed(folder, verdict)
    if not manifest.files:
        raise LabError(
            f"session {manifest.session} holds nothing a key could open",
            hint="name the folder of a session that holds a recording",
        )
    drilled = Drilled(
        device=manifest.device,
        session=manifest.session,
        n_files=len(manifest.files),
        recipient=fingerprint(identities[0].recipient),
        last_utc=last_drill(catalogue),
    )
    details = msgspec.json.encode(
        {"recipient": drilled.recipient, "files": drilled.n_files}
    ).decode()
    with catalogue.transaction():
        catalogue.log(Act(_WHAT, drilled.device, drilled.session, details))
    return drilled


def _refuse_working(lab: Lab, identities: tuple[Identity, ...]) -> None:
    """Refuse the key that opens recordings every day: it would prove nothing."""
    working = _working_recipient(lab)
    if any(fingerprint(one.recipient) == working for one in identities):
        raise IdentityError(
            "this is the lab's working key; a drill is for the recovery key",
            hint="type the key of the printed sheet into a file and name that",
        )


def _working_recipient(lab: Lab) -> str:
    """Return the working key's fingerprint; empty where the lab lost its secrets."""
    if not lab.identity_path.exists():
        return ""
    return fingerprint(read_identities(lab.identity_path)[0].recipient)


def _last_verified(lab: Lab, catalogue: Catalogue) -> Path:
    rows = [
        row
        for row in catalogue.sessions()
        if row.status == "verified" and not row.discarded and row.size_bytes
    ]
    if not rows:
        raise LabError(
            "the lab has no verified session to drill with", hint="name a session's folder"
        )
    last = max(rows, key=lambda row: row.judged_utc)
    return Archive(lab.root).session(last.device, last.session)


def _failed(folder: Path, verdict: Verdict) -> DamagedError:
    return DamagedError(
        f"the drill failed on {folder.name}: {verdict.reason}",
        hint="try another session; if no session opens, the recovery key is not the lab's",
    )
