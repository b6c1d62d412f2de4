"""Names on the box's disk: what lies where under ``sessions/``.

A part folder's name tells its state: ``0007.open`` is being written, ``0007`` is closed,
``0007.erased`` is empty for ever.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

EEG_FILE = "eeg.xdf.age"
AUDIO_FILE = "audio.flac.age"
JOURNAL_FILE = "journal"
SHEET_FILE = "session.json.age"
MANIFEST_FILE = "manifest.json"
SIGNATURE_FILE = "manifest.json.sig"
RECEIPT_FILES = ("receipt.json", "receipt.json.sig")
UPLOAD_FILE = "upload.json"
ERASING_FILE = "erasing.json"
RECORDER_LOCK = "recorder.lock"
SYNC_LOCK = "sync.lock"
FREE_JOURNALS = ("journal-1", "journal-2")
LAST_PART = 9999

OPEN = ".open"
ERASED = ".erased"
DISCARDED = ".discarded"
TRASH = ".trash"

_PART = re.compile(r"(\d{4})(\.open|\.erased|)\Z")
_SESSION = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(\.discarded|)\Z")


@dataclass(frozen=True, slots=True)
class PartName:
    """A part folder's number and state (``""``, ``.open`` or ``.erased``)."""

    number: int
    state: str

    def __str__(self) -> str:
        """Return the folder's name."""
        return f"{self.number:04d}{self.state}"


def part_name(text: str) -> PartName | None:
    """Read a part folder's name; None for anything else."""
    match = _PART.match(text)
    return PartName(int(match[1]), match[2]) if match else None


def session_name(text: str) -> tuple[str, bool] | None:
    """Read a session folder's name: its uuid and whether it was discarded."""
    match = _SESSION.match(text)
    return (match[1], bool(match[2])) if match else None


def part_folder(session: Path, number: int, state: str = "") -> Path:
    """Return the path of a part of ``session``."""
    return session / str(PartName(number, state))


def session_folder(sessions: Path, session: UUID) -> Path:
    """Return the path of a session."""
    return sessions / str(session)
