"""One session into one run of a tree: what a worker does, wherever it is.

It opens the sealed session in a private folder that is gone afterwards, and writes the
run's files into a folder of its own; nothing else of the tree is touched.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path  # noqa: TC003 - a worker unpickles it
from typing import TYPE_CHECKING, Final

from lab.dataset.run_files import write_run
from lab.identity import read_identities
from lab.open import open_session
from lab.opened_session import read_opened
from lab.review.cases import Cases
from lab.review.signing import check_signed, text_digest
from lab.settings import Lab
from lab.transcripts.keeping import Keeping
from lab.verifying import taken_of
from recorder.errors import FieldrecError, OpenError, ReviewError
from recorder.format.signers import AllowedSigners

if TYPE_CHECKING:
    from lab.dataset.run_files import RunPlan, RunSummary
    from lab.review.signing import SignedText

_UNSIGNED: Final = "its transcript is not signed as it is now: its words were left out"


@dataclass(frozen=True, slots=True)
class RunJob:
    """A session to be exported as ``plan`` into ``scratch``; ``opened`` spares opening."""

    lab: Path
    folder: Path
    device: str
    session: str
    plan: RunPlan
    scratch: Path
    opened: Path | None = None


@dataclass(frozen=True, slots=True)
class RunDone:
    """What became of a job; ``refusal`` says why there is no run."""

    device: str
    session: str
    summary: RunSummary | None
    scales: dict[str, dict[str, int]] = field(default_factory=dict)
    refusal: str = ""
    hint: str = field(default="", repr=False)
    words_sha256: str = ""  # of the signed text whose words the run holds


def run_job(job: RunJob) -> RunDone:
    """Open and export one session; what is wrong with it comes back as a refusal."""
    with_opened = job.scratch.with_name(f"{job.scratch.name}.opened")
    try:
        folder = job.opened or open_here(job.lab, job.folder, with_opened)
        session = read_opened(folder)
        cases = Cases(Keeping(Lab.load(job.lab)))
        said = job.plan.words and job.session in cases.keeping.sessions()
        signed = _signed_text(cases, job.session) if said else None
        summary = write_run(session, job.plan, job.scratch, signed)
        if said and signed is None:
            summary = replace(summary, notes=(*summary.notes, _UNSIGNED))
    except FieldrecError as error:
        shutil.rmtree(job.scratch, ignore_errors=True)
        return RunDone(
            job.device, job.session, None, refusal=error.message, hint=error.hint
        )
    finally:
        shutil.rmtree(with_opened, ignore_errors=True)
    scales = session.sheet.ending.scales if session.sheet else {}
    words_sha256 = text_digest(signed) if signed else ""
    return RunDone(
        job.device, job.session, summary, scales=scales, words_sha256=words_sha256
    )


def _signed_text(cases: Cases, session: str) -> SignedText | None:
    """Return the words of a session; None where nobody signed them as they are now."""
    try:
        return check_signed(cases, session)
    except ReviewError:
        return None  # a release is refused for it before it gets here


def open_here(lab_root: Path, folder: Path, out: Path) -> Path:
    """Open the lab's session in ``folder`` below ``out``; return where it lies open.

    Raises OpenError for one that nobody signed: it is never published.
    """
    lab = Lab.load(lab_root)
    signers = AllowedSigners.parse(lab.device_signers_path.read_text("utf-8"))
    out.mkdir(mode=0o700)
    opened = open_session(
        folder,
        out=out,
        identities=read_identities(lab.identity_path),
        signers=signers,
        at=taken_of(folder),
        progress=lambda _: None,
    )
    if not opened.integrity.signed:
        raise OpenError("nobody signed it")
    return opened.folder
