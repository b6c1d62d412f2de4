"""Make reports: of one session, or of all; what a worker does, wherever it is."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.archive import Archive
from lab.dataset.job import open_here
from lab.dataset.settings import read_codebooks, read_study
from lab.opened_session import read_opened
from lab.quality import Level, Reason, judge_facts
from lab.report.measure import measure
from lab.report.page import Subject, report_page
from recorder.errors import FieldrecError, LabError
from recorder.files import PRIVATE, write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.catalogue import Catalogue
    from lab.pages.render import Language
    from lab.settings import Lab
    from lab.study_tables import FactsRow
    from lab.workers import Workers


@dataclass(frozen=True, slots=True)
class ReportJob:
    """A session to report on, into ``out``; ``is_open``: ``folder`` was opened before."""

    lab: Path
    folder: Path
    is_open: bool
    session: str
    subject: Subject
    out: Path
    language: Language


@dataclass(frozen=True, slots=True)
class ReportDone:
    """What became of a report; ``refusal`` says why there is none."""

    session: str
    out: Path
    level: Level
    reasons: tuple[Reason, ...]
    refusal: str = ""


def run_report(job: ReportJob) -> ReportDone:
    """Write one report; what is wrong with the session comes back as a refusal."""
    scratch = Path(tempfile.mkdtemp(prefix=".report-", dir=job.out.parent))
    try:
        folder = job.folder
        if not job.is_open:
            folder = open_here(job.lab, job.folder, scratch / "opened")
        measured = measure(read_opened(folder))
        page, level, reasons = report_page(measured, job.subject, language=job.language)
        write_atomic(job.out, page, mode=PRIVATE)
    except FieldrecError as error:
        return ReportDone(job.session, job.out, Level.RED, (), str(error))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return ReportDone(job.session, job.out, level, reasons)


def report_jobs(
    lab: Lab,
    catalogue: Catalogue,
    *,
    out: Path,
    language: Language,
    only: Sequence[str] = (),
) -> tuple[ReportJob, ...]:
    """Return a job for each of the lab's sessions with EEG, or for ``only`` these uuids.

    ``out`` is a file for a single one of ``only``, else a folder.
    """
    archive = Archive(lab.root.resolve())
    subjects = subjects_of(lab, catalogue)
    rows = [row for row, _ in subjects.values() if row.facts.has_eeg]
    chosen = [row for row in rows if not only or row.session in only]
    missing = set(only) - {row.session for row in chosen}
    if missing:
        raise LabError(
            f"the lab has no session {min(missing)[:80]} with EEG",
            hint="fieldrec-lab sessions lists all; verify it again if it is there",
        )
    return tuple(
        ReportJob(
            lab=lab.root.resolve(),
            folder=archive.session(row.device, row.session),
            is_open=False,
            session=row.session,
            subject=subjects[row.session][1],
            out=out if only else out / f"{row.session}.html",
            language=language,
        )
        for row in chosen
    )


def subjects_of(lab: Lab, catalogue: Catalogue) -> dict[str, tuple[FactsRow, Subject]]:
    """Return what the catalogue tells of each session, by uuid."""
    codebooks, planned = read_codebooks(lab), read_study(lab).sessions_per_client
    rows = {row.session: row for row in catalogue.sessions()}
    found: dict[str, tuple[FactsRow, Subject]] = {}
    numbers: dict[str, int] = {}
    for row in catalogue.study.facts():
        session = rows.get(row.session)
        if session is None or session.discarded:
            continue
        if row.facts.has_eeg and row.facts.continues not in found:
            numbers[row.facts.client] = numbers.get(row.facts.client, 0) + 1
        reasons = judge_facts(row.facts, status=session.status, clean=session.clean)
        subject = Subject(
            facts=row.facts,
            number=numbers.get(row.facts.client, 0),
            planned=planned,
            reasons=reasons,
            codebook=codebooks.get(row.facts.codebook),
        )
        found[row.session] = (row, subject)
    return found


def opened_job(lab: Lab, folder: Path, out: Path, language: Language) -> ReportJob:
    """Return the job for a session opened before, which the lab may not have."""
    session = read_opened(folder)
    codebook = session.sheet.codebook if session.sheet else ""
    study = read_study(lab)
    subject = Subject(
        facts=None,
        number=0,
        planned=study.sessions_per_client,
        reasons=(),
        codebook=read_codebooks(lab).get(codebook),
    )
    return ReportJob(
        lab.root.resolve(),
        folder,
        True,  # noqa: FBT003 - a field
        session.integrity.session,
        subject,
        out,
        language,
    )


def make_reports(jobs: Sequence[ReportJob], workers: Workers) -> Iterator[ReportDone]:
    """Do the jobs and yield what became of each."""
    for folder in {job.out.parent for job in jobs}:
        folder.mkdir(parents=True, exist_ok=True)
    yield from workers.run(run_report, jobs)
