"""Judge one session completely: who signed it, every byte, and whether everything opens.

Nothing readable is written: sound is decoded and let go. Three verdicts become receipts;
a session which nobody of the fleet vouches for is quarantined and gets none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from lab.audio_merge import AudioMerger
from lab.boxmade import boxmade
from lab.integrity import Problem
from lab.losses import find_problems
from lab.parts import Part
from lab.registry import ForkError, LostBoxError, digest_of
from lab.sealed_sheet import owner_of, read_sheet
from lab.session_facts import session_facts
from lab.survey import Survey
from lab.vault import Vault
from lab.verify import SHEET_FILE, Checked, check_session, hash_file, never_signed
from recorder.errors import (
    FieldrecError,
    FormatError,
    LabError,
    ManifestError,
    OpenError,
    SignatureError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from numpy.typing import NDArray

    from lab.flac_frames import StreamFormat
    from lab.identity import Identity
    from lab.registry import Registry
    from lab.session_facts import SessionFacts
    from lab.survey import Extent, PartSurvey
    from recorder.format.manifest import Manifest

Status = Literal["verified", "resend", "damaged", "quarantined"]
Cause = Literal["", "word", "lost", "content", "fork"]
_PART_FILE = re.compile(r"\d{4}(\.open)?/(eeg\.xdf\.age|audio\.flac\.age|journal)")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the lab found about the session in ``folder``.

    ``resend``: ``files`` are missing or not the bytes that were signed. ``damaged``: all
    bytes are, but ``files`` don't open or aren't what they should be. ``quarantined``:
    nobody vouches for it, and ``refusal`` says why: the ``cause`` is its signed word, that
    its box was lost, a second manifest (fork), or content that belongs elsewhere.
    ``manifest_sha256`` is the digest of the very bytes whose signature was checked; empty
    where none held. ``facts`` are what the sheet and the parts tell, where they opened.
    """

    folder: Path
    status: Status
    manifest: Manifest | None = None
    manifest_sha256: str = ""
    files: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    cause: Cause = ""
    refusal: FieldrecError | None = None
    facts: SessionFacts | None = None

    @property
    def reason(self) -> str:
        """Why it is not simply verified, in one line; empty where it is."""
        if self.refusal is not None:
            return str(self.refusal)
        if self.status == "verified":
            return ""
        first = next(p for p in self.problems if not p.is_harmless)
        return f"{len(self.files)} file(s), such as {first.path}: {first.text}"


class _SoundProof(AudioMerger):
    """Decodes a session's sound as the merger does, and keeps none of it."""

    def _write(self, stream: StreamFormat, frames: NDArray) -> None:  # type: ignore[type-arg]  # any samples
        del frames
        self.stream = stream


def judge_session(
    folder: Path,
    *,
    registry: Registry,
    taken: datetime,
    identities: Sequence[Identity],
    accepted: frozenset[str] = frozenset(),
) -> Verdict:
    """Judge the session in ``folder``, which the server took in at ``taken``.

    ``accepted`` are digests of manifests the data manager vouches for though their box
    was lost. Never raises for what is wrong with the session: that is the verdict. Raises
    LabError where the lab's own computer can't read it.
    """
    try:
        manifest = registry.vouch(folder, taken=taken, accepted=accepted)
    except FieldrecError as error:
        return refused(folder, error)
    verdict = Verdict(folder, "verified", manifest, digest_of(manifest))
    try:
        if manifest.discarded or not manifest.files:
            return _judge_unopened(verdict, manifest)
        checked = _checked(folder, registry, taken)
        return _judge_bytes(verdict, checked) or _judge_boxmade(
            verdict, checked, identities
        )
    except (ManifestError, SignatureError) as error:
        return replace(verdict, status="quarantined", cause="content", refusal=error)


def refused(folder: Path, error: FieldrecError) -> Verdict:
    """Return the verdict on a session whose manifest nobody vouches for."""
    cause: Cause = "word"
    if isinstance(error, LostBoxError):
        cause = "lost"
    elif isinstance(error, ForkError):
        cause = "fork"
    return Verdict(folder, "quarantined", cause=cause, refusal=error)


def _checked(folder: Path, registry: Registry, taken: datetime) -> Checked:
    try:
        return check_session(folder, signers=registry.signers, at=taken)
    except ManifestError:
        raise
    except OpenError as error:
        raise LabError(error.message, hint=error.hint) from error


def _judge_unopened(verdict: Verdict, manifest: Manifest) -> Verdict:
    """Judge what the therapist discarded, or what ended before anything was kept."""
    wrong = [path for path in manifest.files if not matches(verdict.folder, manifest, path)]
    problems = tuple(
        Problem(code="missing", path=path, text="missing, or not as signed")
        for path in sorted(wrong)
    )
    if manifest.discarded or problems:
        return _with_problems(verdict, "resend", problems)
    return _with_problems(verdict, "damaged", never_signed(manifest))


def matches(folder: Path, manifest: Manifest, path: str) -> bool:
    """Tell whether ``path`` lies in ``folder`` with the very bytes that were signed."""
    file, entry = folder / path, manifest.files[path]
    if file.is_symlink() or not file.is_file():
        return False
    return file.stat().st_size == entry.size and hash_file(file) == entry.sha256


def _judge_bytes(verdict: Verdict, checked: Checked) -> Verdict | None:
    """Return the verdict where bytes are not those that were signed; None where all are.

    What the box never signed can't be sent again: that is damage.
    """
    if checked.manifest is None or checked.manifest != verdict.manifest:
        raise ManifestError("the manifest changed while it was read")
    wrong = tuple(p for p in _harmful(checked) if p.path in checked.manifest.files)
    return _with_problems(verdict, "resend", wrong) if wrong else None


def _harmful(checked: Checked) -> list[Problem]:
    return [problem for problem in checked.problems if not problem.is_harmless]


def _judge_boxmade(
    verdict: Verdict, checked: Checked, identities: Sequence[Identity]
) -> Verdict:
    """Judge the content, be it never so hostile; raises ManifestError as there."""
    try:
        with boxmade():
            return _judge_content(verdict, checked, identities)
    except SignatureError:
        raise
    except FormatError as error:
        sealed = checked.sealed or (SHEET_FILE,)
        problems = [Problem(code="unreadable", path=p, text=error.message) for p in sealed]
        return _with_problems(verdict, "damaged", problems)


def _judge_content(
    verdict: Verdict, checked: Checked, identities: Sequence[Identity]
) -> Verdict:
    """Open everything; raises ManifestError for a file that belongs elsewhere."""
    vault = Vault(checked, identities)
    try:
        vault.check_identity()
    except OpenError as error:
        sealed = checked.sealed or (SHEET_FILE,)
        problems = [Problem(code="unsound", path=p, text=error.message) for p in sealed]
        return _with_problems(verdict, "damaged", problems)
    sheet, problems = read_sheet(checked, vault)
    problems += _harmful(checked)
    survey = Survey(owner_of(checked, sheet), _SoundProof(checked.folder))
    for files in checked.parts:
        try:
            with boxmade():
                survey.add(Part(files, vault, survey.owner.session))
        except FormatError as error:
            path = files.eeg or files.journal or files.audio
            problems.append(Problem(code="unreadable", path=path, text=error.message))
    rate_hz = survey.audio.stream.rate_hz if survey.audio.stream else 0
    problems += find_problems((), survey.parts, rate_hz)
    problems += _inconsistent(survey.parts)
    problems += _unknown(checked.sealed)
    if sheet is not None:
        facts = session_facts(sheet, survey, erased_parts=len(checked.erased))
        verdict = replace(verdict, facts=facts)
    return _with_problems(verdict, "damaged", [p for p in problems if not p.is_harmless])


def _with_problems(
    verdict: Verdict, status: Status, problems: Sequence[Problem]
) -> Verdict:
    """Return ``verdict`` as it was, or with ``status`` where there are problems."""
    if not problems:
        return verdict
    files = sorted({problem.path for problem in problems if problem.path})
    return replace(verdict, status=status, files=tuple(files), problems=tuple(problems))


def _inconsistent(parts: Iterable[PartSurvey]) -> list[Problem]:
    """Name files that opened whole and yet contradict themselves: holes, wrong totals."""
    found = []
    for part in parts:
        for extent in (part.eeg, part.audio):
            if extent.recovered.is_whole and not extent.faults and _contradicts(extent):
                text = (
                    f"it opens whole, but holds {extent.seconds:.3f} s with"
                    f" {extent.inner_lost_s:.3f} s missing between, and says it has"
                    f" {extent.expected_s or extent.seconds:.3f} s"
                )
                path = extent.recovered.path
                found.append(
                    Problem(code="unreadable", path=path, part=part.number, text=text)
                )
    return found


def _contradicts(extent: Extent) -> bool:
    if extent.recovered.from_journal:
        return False
    # Counts of frames: equal or at least one frame of some hundred thousandths apart.
    expected_s = extent.seconds if extent.expected_s is None else extent.expected_s
    return extent.inner_lost_s > 0 or abs(expected_s - extent.seconds) > 1e-7  # noqa: PLR2004 - see above


def _unknown(sealed: Iterable[str]) -> list[Problem]:
    """Name signed files of a kind no box writes: nobody could open them."""
    return [
        Problem(code="unreadable", path=path, text="no box writes such a file")
        for path in sealed
        if path != SHEET_FILE and not _PART_FILE.fullmatch(path)
    ]
