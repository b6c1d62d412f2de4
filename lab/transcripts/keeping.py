"""Transcripts at rest: sealed for the lab's own keys, like the recordings they are from.

    LAB/sessions/<DEVICE>/<session>.transcript/
        transcript.json.age    the words as they came
        sound.flac.age         what the review page plays
        lemmas.json.age        which words it has: rare ones are judged against others
        proposals.json.age     what the machine would take out
        review.json.age        what a person decided
        signed.json.age        the text that was signed, and by whom
    LAB/protected.json.age     each client's protected words

Only LAB/secret opens them: a copy of the rest of the lab's folder tells nobody a word.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import msgspec

from lab.archive import Archive
from lab.catalogue import Act, Catalogue
from lab.identity import read_identities
from lab.unseal import unseal
from lab.verifying import is_uuid
from recorder.errors import FormatError, LabError, RecipientsError, TranscriptError
from recorder.files import PRIVATE, locked, new_folder, sync_folder, write_atomic
from recorder.format.age import parse_recipients, seal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.identity import Identity
    from lab.settings import Lab
    from recorder.format.age import Recipient

_Kind = TypeVar("_Kind")
_PRIVATE_FOLDER = 0o700
_ENDING, _NEXT, _OLD = ".transcript", ".next", ".old"
TRANSCRIPT, SOUND = "transcript.json.age", "sound.flac.age"
LEMMAS = "lemmas.json.age"
PROPOSALS, REVIEW, SIGNED = "proposals.json.age", "review.json.age", "signed.json.age"


@dataclass(frozen=True, slots=True)
class _Known:
    """What a file held, and which file it was."""

    stamp: tuple[int, int, int]
    value: object


@dataclass(frozen=True)
class Keeping:
    """Reads and writes what a lab keeps sealed about its sessions' words."""

    lab: Lab
    # What was read lately, by path, with what tells that the file is still the same.
    _known: dict[Path, _Known] = field(default_factory=dict, repr=False, compare=False)

    @property
    def protected_path(self) -> Path:
        """The protected words and placeholders of all clients."""
        return self.lab.root / "protected.json.age"

    @cached_property
    def identities(self) -> tuple[Identity, ...]:
        """What opens them."""
        return read_identities(self.lab.identity_path)

    @cached_property
    def recipients(self) -> tuple[Recipient, ...]:
        """For whom they are sealed; LabError unless this lab could open them again."""
        path = self.lab.public / "recipients.txt"
        try:
            recipients = parse_recipients(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, RecipientsError) as error:
            raise LabError(f"{path} can't be used: {error}") from error
        if not {i.recipient for i in self.identities} & set(recipients):
            raise LabError(
                f"{path} does not name this lab's working key",
                hint="somebody changed it: take it from a backup, then tell the technician",
            )
        return recipients

    def folder(self, session: str) -> Path:
        """Return where a session's files lie or would lie; LabError for no session."""
        return self._recording(session).with_name(f"{session}{_ENDING}")

    @contextmanager
    def held(self, session: str) -> Iterator[None]:
        """Hold a session's files against other programs that would change them."""
        # The recording's folder is locked, since it stays when a transcript is replaced.
        with locked(self._recording(session)):
            yield

    def sessions(self) -> tuple[str, ...]:
        """Return the sessions that have a transcript."""
        found = (self.lab.root / "sessions").glob(f"*/*{_ENDING}/{TRANSCRIPT}")
        names = (path.parent.name.removesuffix(_ENDING) for path in found)
        return tuple(sorted(name for name in names if is_uuid(name)))

    def has(self, session: str, name: str) -> bool:
        """Tell whether a session has the file ``name``."""
        return (self.folder(session) / name).is_file()

    def begin(
        self, session: str, files: dict[str, bytes], *, replace: bool = False
    ) -> bool:
        """Keep a new session's files, all or none; tell whether they replaced others.

        LabError where some are there and are not to be replaced.
        """
        sealed = {name: seal(content, self.recipients) for name, content in files.items()}
        with self.held(session):
            target = self.folder(session)
            self._finish(target)
            if not replace:
                self.check_free(session)
            there = self.has(session, TRANSCRIPT)
            coming = target.with_name(f"{target.name}{_NEXT}")
            with new_folder(coming, mode=_PRIVATE_FOLDER) as folder:
                for name, content in sealed.items():
                    path = folder / name
                    path.touch(PRIVATE)
                    path.write_bytes(content)
            self._finish(target)
        return there

    def check_free(self, session: str) -> None:
        """Raise LabError where a session has a transcript already."""
        if self.has(session, TRANSCRIPT):
            raise LabError(
                f"session {session} has a transcript already",
                hint="to replace it and its review, say --replace",
            )

    def finish_all(self) -> None:
        """Finish what a killed run was replacing."""
        for path in (self.lab.root / "sessions").glob(f"*/*{_ENDING}.*"):
            session = path.name.partition(_ENDING)[0]
            if is_uuid(session):
                with self.held(session):
                    self._finish(self.folder(session))

    def log(self, act: Act) -> None:
        """Write into the lab's log what was done about a transcript."""
        path = Archive(self.lab.root).catalogue_path
        with Catalogue(path) as catalogue, catalogue.transaction():
            catalogue.log(act)

    def put(self, session: str, name: str, content: bytes) -> None:
        """Replace one of a session's files in one step."""
        path = self.folder(session) / name
        write_atomic(path, seal(content, self.recipients), mode=PRIVATE)

    def get(self, session: str, name: str) -> bytes:
        """Return one of a session's files; TranscriptError where it is none or broken."""
        return self._unsealed(self.folder(session) / name)

    def read(self, session: str, name: str, kind: type[_Kind]) -> _Kind:
        """Return one of a session's files of JSON."""
        return self._read(self.folder(session) / name, kind)

    def read_protected(self, kind: type[_Kind]) -> _Kind | None:
        """Return the file of protected words; None where there is none yet."""
        if not os.path.lexists(self.protected_path):
            return None
        return self._read(self.protected_path, kind)

    def write_protected(self, content: object) -> None:
        """Replace the file of protected words."""
        sealed = seal(msgspec.json.encode(content), self.recipients)
        write_atomic(self.protected_path, sealed, mode=PRIVATE)

    def _finish(self, target: Path) -> None:
        """Let a whole new folder take the place of the one before, which then goes.

        A kill between the two leaves one of them to be found here again.
        """
        old, coming = (target.with_name(f"{target.name}{end}") for end in (_OLD, _NEXT))
        if coming.is_dir():
            if target.is_dir():
                shutil.rmtree(old, ignore_errors=True)
                target.rename(old)
            coming.rename(target)
            sync_folder(target.parent)
        shutil.rmtree(old, ignore_errors=True)

    def _recording(self, session: str) -> Path:
        """Return where a session's recording lies."""
        if is_uuid(session):
            places = list((self.lab.root / "sessions").glob(f"*/{session}"))
            if len(places) == 1:
                return places[0]
        raise LabError(
            f"the lab has no session {session[:80]}", hint="fieldrec-lab sessions lists all"
        )

    def _read(self, path: Path, kind: type[_Kind]) -> _Kind:
        """Return a file of JSON, read again only if it is another one by now."""
        stamp = _stamp(path)
        known = self._known.get(path)
        if known is not None and known.stamp == stamp and isinstance(known.value, kind):
            return known.value
        value = self._decoded(self._unsealed(path), kind, path.name)
        # Of another moment than the stamp: then it is read again next time.
        self._known[path] = _Known(stamp, value)
        return value

    def _unsealed(self, path: Path) -> bytes:
        try:
            return unseal(path.read_bytes(), self.identities)
        except FileNotFoundError:
            raise TranscriptError(
                f"{path.parent.name.removesuffix(_ENDING)} has no {path.name}",
                hint="make its transcript first: fieldrec-lab transcribe SESSION --lab LAB",
            ) from None
        except (OSError, FormatError) as error:
            raise TranscriptError(
                f"{path} can't be opened: {error}", hint="bring it back from a backup"
            ) from error

    def _decoded(self, content: bytes, kind: type[_Kind], name: str) -> _Kind:
        try:
            return msgspec.json.decode(content, type=kind)
        except msgspec.MsgspecError:
            # Without its cause: that one may quote what was said.
            raise TranscriptError(
                f"{name} is of another version or broken",
                hint="update the lab's software, or bring the file back from a backup",
            ) from None


def _stamp(path: Path) -> tuple[int, int, int]:
    """Return what tells a file from the one that replaces it."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_mtime_ns, found.st_size)
