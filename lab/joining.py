"""Join the copies of one session that the server took in into one session of the lab's.

Usually there is one copy. Where bytes got lost on the way the box sends again, and the
server keeps that as another copy; what each has right makes the session whole.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lab.archive import (
    MAX_TAKEN_BYTES,
    put_away,
    read_taken,
    release,
    settle,
    sync_names,
    taken_path,
)
from lab.catalogue_rows import AttemptRow
from lab.intake_place import TAKEN_FILE
from lab.judge import matches, refused
from lab.judging import of_another
from lab.registry import ForkError, digest_of
from lab.verify import (
    MANIFEST_FILE,
    MAX_MANIFEST_BYTES,
    MAX_SIGNATURE_BYTES,
    SIGNATURE_FILE,
)
from recorder.errors import ManifestError, SignatureError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from lab.intake_place import Copy, Place
    from lab.judge import Verdict
    from lab.judging import Judging
    from recorder.format.manifest import Manifest

_LIMITS = {
    TAKEN_FILE: MAX_TAKEN_BYTES,
    MANIFEST_FILE: MAX_MANIFEST_BYTES,
    SIGNATURE_FILE: MAX_SIGNATURE_BYTES,
}


@dataclass(frozen=True, slots=True)
class Step:
    """What pull does next with a session: fetch, judge, settle, note, or done."""

    device: str
    session: str
    what: str


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What became of one session's copies; no ``verdict`` where none was fetched."""

    attempts: tuple[AttemptRow, ...]
    verdict: Verdict | None
    taken: datetime


@dataclass(frozen=True, slots=True)
class _Word:
    """A copy's fetched word: where it lies, what tells it from others, when it came."""

    folder: Path
    digest: str
    taken: datetime


class Joining:
    """Takes in the copies of one session, in the order the server did."""

    def __init__(
        self,
        place: Place,
        judging: Judging,
        copies: Sequence[Copy],
        known: Mapping[tuple[str, str], str],
        tell: Callable[[Step], None],
    ) -> None:
        self._place = place
        self._judging = judging
        self._copies = copies
        self._known = known
        self._archive = judging.archive
        self._device, self._session = copies[0].device, copies[0].session
        self._tell = tell
        self._quarantine = judging.archive.quarantine / self._device
        self._attempts: list[AttemptRow] = []

    def run(self) -> TakenIn:
        """Fetch every copy and judge what they make together; nothing if all are known."""
        words = {copy: self._fetch_word(copy) for copy in self._copies}
        if self._is_known(words):
            for word in words.values():
                shutil.rmtree(word.folder.parent)
            return TakenIn((), None, datetime.now(UTC))
        vouched = {copy: word for copy, word in words.items() if self._take(copy, word)}
        if not vouched:
            return TakenIn(tuple(self._attempts), None, datetime.now(UTC))
        first_taken = min(word.taken for word in vouched.values())
        self._step("judge")
        verdict = self._judging.judge(self._home, self._device, taken=first_taken)
        self._step("settle")
        self._settle(verdict)
        for copy, word in vouched.items():
            release(self._quarantine / copy.name, self._home)
            self._attempt(copy, word, verdict)
        return TakenIn(tuple(self._attempts), verdict, first_taken)

    def _fetch_word(self, copy: Copy) -> _Word:
        """Fetch a copy's word and tell what it is: a name may stand for another by now."""
        folder = self._archive.incoming / self._device / f".{copy.name}" / "word"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        self._step("fetch")
        self._place.fetch_word(copy, folder, limits=_LIMITS)
        files = [folder / name for name in _LIMITS]
        content = b"".join(path.read_bytes() for path in files if path.is_file())
        if (folder / TAKEN_FILE).is_file():
            (folder / TAKEN_FILE).replace(taken_path(folder))
        return _Word(
            folder=folder,
            digest=hashlib.sha256(content).hexdigest(),
            taken=read_taken(folder) or datetime.now(UTC),
        )

    def _is_known(self, words: Mapping[Copy, _Word]) -> bool:
        """Tell whether all was dealt with, and the lab still has what came of it."""
        places = (
            self._archive.session(self._device, self._session),
            self._quarantine / self._session,
            *(self._quarantine / copy.name for copy in words),
        )
        return any(place.is_dir() for place in places) and all(
            self._known.get((copy.device, copy.name)) == word.digest
            for copy, word in words.items()
        )

    def _take(self, copy: Copy, word: _Word) -> bool:
        """Fetch the rest of one copy; return False where it went to quarantine."""
        try:
            manifest = self._vouch(word.folder, word.taken)
        except (ManifestError, SignatureError) as error:
            self._step("settle")
            put_away(word.folder, self._quarantine / copy.name)
            shutil.rmtree(word.folder.parent)
            self._attempt(copy, word, refused(word.folder, error))
            return False
        self._fetch(copy, manifest, word.folder.parent)
        return True

    def _vouch(self, word: Path, taken: datetime) -> Manifest:
        """Return the manifest in ``word`` if it is the one and only of this session."""
        vouched = self._judging.vouched(self._device, self._session)
        vouch = self._judging.registry.vouch
        manifest = vouch(word, taken=taken, accepted=vouched)
        if (manifest.device, manifest.session) != (self._device, self._session):
            raise of_another(manifest, self._device)
        home = self._home
        if not home.is_dir():
            return manifest
        try:
            known = vouch(home, taken=taken, accepted=vouched)
        except (ManifestError, SignatureError):
            return manifest  # the lab's own copy of the word is broken: it is replaced
        if digest_of(known) != digest_of(manifest):
            raise ForkError(
                f"{self._device} signed another manifest for session {self._session}"
                " before: that one stays",
                hint="look into the box: its card or its key may have been copied",
            )
        return manifest

    def _fetch(self, copy: Copy, manifest: Manifest, scratch: Path) -> None:
        """Bring what the lab's copy of the session lacks, or has wrong, from ``copy``."""
        home, files = self._home, scratch / "files"
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.mkdir(mode=0o700, exist_ok=True)
        wanted = {
            path: entry.size
            for path, entry in manifest.files.items()
            if not matches(home, manifest, path)
        }
        self._place.fetch_files(copy, files, sizes=wanted)
        for path in wanted:
            fetched, target = files / path, home / path
            if fetched.is_file() and (
                not target.exists() or matches(files, manifest, path)
            ):
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                fetched.replace(target)
        for name in (MANIFEST_FILE, SIGNATURE_FILE):
            (scratch / "word" / name).replace(home / name)
        if taken_path(scratch / "word").exists() and not taken_path(home).exists():
            taken_path(scratch / "word").replace(taken_path(home))
        sync_names(home)
        shutil.rmtree(scratch)

    @property
    def _home(self) -> Path:
        """Where the session is put together: in its place once it has one."""
        settled = self._archive.session(self._device, self._session)
        if settled.is_dir():
            return settled
        return self._archive.incoming / self._device / self._session

    def _settle(self, verdict: Verdict) -> None:
        home, target = self._home, self._archive.session(self._device, self._session)
        if verdict.status == "quarantined":
            put_away(home, self._quarantine / self._session)
        elif home != target:
            settle(home, target)

    def _attempt(self, copy: Copy, word: _Word, verdict: Verdict) -> None:
        self._attempts.append(
            AttemptRow(
                device=copy.device,
                copy=copy.name,
                session=copy.session,
                taken_utc=word.taken,
                pulled_utc=datetime.now(UTC),
                cause=verdict.cause,
                reason=str(verdict.refusal or ""),
                manifest_sha256=verdict.manifest_sha256,
                word_sha256=word.digest,
            )
        )

    def _step(self, what: str) -> None:
        self._tell(Step(self._device, self._session, what))
