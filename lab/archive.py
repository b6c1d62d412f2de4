"""The lab's own folders for sessions, and the moves between them.

    LAB/sessions/<DEVICE>/<session>/      what the lab has of its boxes, sealed as it came
    LAB/quarantine/<DEVICE>/<copy>/       what nobody of the fleet vouches for
    LAB/incoming/<DEVICE>/<session>/      what is being fetched; nobody looks at it

A session appears in one of the first two by one rename, and whole. Beside each,
``<name>.intake.json`` tells when the server took it in.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - msgspec reads the annotations
from pathlib import Path

import msgspec

from lab.verify import MANIFEST_FILE, SIGNATURE_FILE
from recorder.errors import LabError
from recorder.files import sync_folder

MAX_TAKEN_BYTES = 4096
_WORD = {MANIFEST_FILE, SIGNATURE_FILE}
_PRIVATE = 0o700


class _Taken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    taken_utc: datetime


@dataclass(frozen=True, slots=True)
class Archive:
    """The folders of one lab."""

    root: Path

    @property
    def catalogue_path(self) -> Path:
        """The database of what is here."""
        return self.root / "catalogue.sqlite"

    @property
    def incoming(self) -> Path:
        """What is being fetched."""
        return self.root / "incoming"

    @property
    def sessions(self) -> Path:
        """What the lab has, by device."""
        return self.root / "sessions"

    @property
    def quarantine(self) -> Path:
        """What a person must look at, by device."""
        return self.root / "quarantine"

    def session(self, device: str, session: str) -> Path:
        """Return where a session lies or would lie."""
        return self.sessions / device / session

    def make(self) -> None:
        """Make the folders that are missing, closed to others."""
        for folder in (self.incoming, self.sessions, self.quarantine):
            folder.mkdir(mode=_PRIVATE, exist_ok=True)

    def owner_of(self, folder: Path) -> tuple[str, str] | None:
        """Return device and session of a folder among the lab's sessions; else None."""
        resolved, sessions = folder.resolve(), self.sessions.resolve()
        if resolved.parent.parent != sessions:
            return None
        return resolved.parent.name, resolved.name


def taken_path(folder: Path) -> Path:
    """Return the file beside ``folder`` that tells when the server took it in."""
    return folder.with_name(f"{folder.name}.intake.json")


def sync_names(folder: Path) -> None:
    """Make the names in ``folder`` and all below it durable."""
    for inner, _, _ in os.walk(folder):
        sync_folder(Path(inner))


def settle(folder: Path, target: Path) -> None:
    """Rename ``folder`` to ``target``, which must not exist, durably; its time first."""
    target.parent.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    sync_folder(target.parent.parent)
    if taken_path(folder).exists():
        taken_path(folder).replace(taken_path(target))
    folder.rename(target)
    sync_folder(target.parent)
    sync_folder(folder.parent)


def put_away(folder: Path, target: Path) -> Path:
    """Move ``folder`` into the quarantine as ``target`` and return where it lies.

    What lies there already stays; the same word a second time is not kept twice.
    """
    for place in _names(target):
        if not place.exists():
            settle(folder, place)
            return place
        if is_same_word(folder, place) and _paths(folder) == _paths(place):
            remove(folder)
            return place
    raise LabError(f"{target} was quarantined 1000 times", hint="look into it first")


def remove(folder: Path) -> None:
    """Remove a folder the lab has elsewhere, and its time."""
    shutil.rmtree(folder)
    taken_path(folder).unlink(missing_ok=True)


def release(folder: Path, session: Path) -> None:
    """Remove a quarantined word that lies in ``session`` by now, vouched for."""
    if folder.is_dir() and _paths(folder) <= _WORD and is_same_word(folder, session):
        remove(folder)


def is_same_word(one: Path, other: Path) -> bool:
    """Tell whether two folders hold the same manifest and signature."""
    return all(
        _content(one / name) == _content(other / name)
        for name in (MANIFEST_FILE, SIGNATURE_FILE)
    )


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _paths(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def _names(target: Path) -> list[Path]:
    others = (target.with_name(f"{target.name}.{n}") for n in range(2, 1001))
    return [target, *others]


def read_taken(folder: Path) -> datetime | None:
    """Return when the server took in what lies in ``folder``; None where nothing tells.

    A session read from a card was never taken in, and a time that can't be read is none:
    whoever asks then judges as of now, which never believes a lost box too long.
    """
    path = taken_path(folder)
    if not path.is_file() or path.stat().st_size > MAX_TAKEN_BYTES:
        return None
    try:
        taken = msgspec.json.decode(path.read_bytes(), type=_Taken)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if taken.version != 1 or taken.taken_utc.tzinfo is None:
        return None
    return taken.taken_utc
