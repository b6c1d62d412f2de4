"""fieldrec sessions: what lies on the box, as far as the box itself can tell.

Sheets are sealed, so no client and no date stands here: number, state, parts and size.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from recorder.box import Box
from recorder.errors import FormatError
from recorder.files import locked
from recorder.store.delete import is_emptied
from recorder.store.disk import RealDisk
from recorder.store.layout import ERASED, part_name, session_name
from recorder.store.receipts import Lab, read_signed_session
from recorder.store.sessions import is_recording
from recorder.upload.outbox import confirmed_bytes, read_state

if TYPE_CHECKING:
    from pathlib import Path

    from recorder.store.disk import Disk
    from recorder.store.receipts import Signed

State = Literal[
    "recording",
    "cut off",
    "unreadable",
    "waiting",
    "uploading",
    "sent",
    "verified",
    "damaged",
    "withdrawn",
    "discarded",
]
_PERCENT = 100


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session as the list shows it."""

    session: str
    state: State
    number: int | None  # in the box's chain of signed sessions
    parts: int
    erased: int
    size_bytes: int
    clean: bool | None
    sent_percent: int
    kept_until: str  # empty where nothing lets it go yet, or where it is gone


def show_sessions(box_root: Path, *, as_json: bool) -> None:
    """Print the sessions of a box, oldest signed first."""
    box = Box.load(box_root)
    lab = Lab.read(box.device, box.signers_path)
    rows = list_sessions(RealDisk(), box.sessions, lab)
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    if not rows:
        print("no sessions")
    for row in rows:
        number = "-" if row.number is None else str(row.number)
        erased = f", {row.erased} erased" if row.erased else ""
        print(
            f"{number:>4}  {row.session}  {_words(row):<14} {row.parts:>4} part(s)"
            f" {row.size_bytes / 1e6:>9.1f} MB{erased}{_keeping(row)}"
        )


def list_sessions(disk: Disk, sessions: Path, lab: Lab) -> list[SessionRow]:
    """Return every session in ``sessions``: signed ones in their order, others last."""
    recording = is_recording(disk, sessions)
    with locked(sessions):  # none is deleted or signed while it is looked at
        rows = [
            _row(disk, sessions / name, lab, recording=recording)
            for name in disk.names(sessions)
            if session_name(name) and disk.is_folder(sessions / name)
        ]
    return sorted(rows, key=lambda row: (row.number is None, row.number or 0))


def _row(disk: Disk, folder: Path, lab: Lab, *, recording: bool) -> SessionRow:
    parts = [part for name in disk.names(folder) if (part := part_name(name))]
    state: State = "recording" if recording else "cut off"
    percent, kept_until = 0, ""
    try:
        signed = read_signed_session(disk, folder)
    except (FormatError, OSError):
        signed, state = None, "unreadable"  # of one spoilt manifest, the others are listed
    if signed is not None:
        state, percent = _sent_state(disk, signed, lab)
        kept_until = _kept_until(state, gone=is_emptied(disk, folder))
    return SessionRow(
        session=(session_name(folder.name) or (folder.name, False))[0],
        state=state,
        number=signed.manifest.sequence if signed else None,
        parts=sum(part.state != ERASED for part in parts),
        erased=sum(part.state == ERASED for part in parts),
        size_bytes=_size_bytes(folder),
        clean=signed.manifest.clean if signed else None,
        sent_percent=percent,
        kept_until=kept_until,
    )


def _sent_state(disk: Disk, session: Signed, lab: Lab) -> tuple[State, int]:
    """Return how far a signed session came, and how many percent of it were sent."""
    upload = read_state(disk, session)
    receipt = lab.stored(disk, session)
    arrived = upload.sent or receipt is not None
    done = confirmed_bytes(session, upload) * _PERCENT // max(1, session.size_bytes)
    percent = _PERCENT if arrived else min(done, _PERCENT - 1)
    if session.discarded:
        return "discarded", percent
    if receipt is not None and receipt.status != "resend":
        return receipt.status, percent
    if arrived:
        return "sent", percent
    return "uploading" if upload.confirmed else "waiting", percent


def _kept_until(state: State, *, gone: bool) -> str:
    if gone:
        return ""
    reasons = {"verified": "space is needed", "damaged": "the lab accepts it"}
    return reasons.get(state, "")


def _words(row: SessionRow) -> str:
    return f"uploading {row.sent_percent} %" if row.state == "uploading" else row.state


def _keeping(row: SessionRow) -> str:
    return f", kept until {row.kept_until}" if row.kept_until else ""


def _size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
