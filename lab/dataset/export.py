"""Make a BIDS tree of the lab's verified sessions: whole, or not at all."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lab.archive import Archive
from lab.dataset.anonymity import assess
from lab.dataset.event_words import HED_VERSION, machine_words
from lab.dataset.hed_check import check_hed
from lab.dataset.job import RunJob, run_job
from lab.dataset.people import read_people
from lab.dataset.pseudonyms import Pseudonyms
from lab.dataset.run_files import RunPlan
from lab.dataset.selection import LeftOut, select
from lab.dataset.settings import read_codebooks, read_dataset_settings, read_study
from lab.dataset.tree_files import ExportedRun, subject_profiles, tree_files
from recorder.errors import LabError, OpenError
from recorder.files import check_new, new_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from lab.catalogue import Catalogue
    from lab.copies_tables import TreeName
    from lab.dataset.anonymity import Assessment
    from lab.dataset.job import RunDone
    from lab.dataset.selection import Chosen, Selection
    from lab.settings import Lab
    from lab.study_tables import NumberRow, SubjectRow
    from lab.workers import Workers
    from recorder.errors import FieldrecError
    from recorder.format.codebook import Codebook

_OPEN: Final = 0o755
_PRIVATE: Final = 0o700


@dataclass(frozen=True, slots=True)
class TreeOptions:
    """What kind of tree is asked for.

    ``opened`` holds sessions opened before; ``note`` says that the catalogue shall
    remember where the tree is.
    """

    tree: TreeName = "open"
    simulated: bool = False
    sound: bool = True
    only: tuple[str, ...] = ()
    opened: Path | None = None
    note: bool = True


@dataclass(frozen=True, slots=True)
class TreeReport:
    """What a tree holds and what it doesn't.

    ``notes`` are by session uuid, and so are ``words``: digests of the signed texts in it.
    """

    path: Path
    tree: TreeName
    subjects: tuple[str, ...]
    sessions: tuple[str, ...]
    files: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    notes: Mapping[str, tuple[str, ...]]
    assessment: Assessment
    words: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Named:
    """A chosen session with its names in the dataset."""

    chosen: Chosen
    subject: SubjectRow
    number: NumberRow
    box_alias: str
    headset_alias: str


def export_tree(
    lab: Lab,
    catalogue: Catalogue,
    out: Path,
    options: TreeOptions,
    *,
    workers: Workers,
    tell: Callable[[str], None],
) -> TreeReport:
    """Write a tree to ``out``, which must not exist yet.

    A session that can't be exported is left out and named in the report. Raises LabError
    where nothing at all can, FormatError for a codebook whose HED is not valid.
    """
    check_new(out, LabError, hint="delete it, or give another --out")
    export = _Export(lab, catalogue, options)
    with new_folder(out, mode=_OPEN if options.tree == "open" else _PRIVATE) as tree:
        export.work(tree, workers, tell)
        export.write_tree_files(tree)
        files = sorted(p.relative_to(tree).as_posix() for p in tree.rglob("*.*"))
        report = export.report(out, tuple(files))
    if options.note:
        with catalogue.transaction():
            catalogue.whereabouts.put_copy("bids", out, report.sessions)
    return report


def check_codebooks(codebooks: Iterable[Codebook]) -> None:
    """Raise FormatError for a HED string that is not valid, ours included."""
    own = {name: word.hed for name, word in machine_words().items()}
    check_hed(own, version=HED_VERSION)
    for codebook in codebooks:
        strings = {mark.id: mark.hed for mark in codebook.mark}
        check_hed(strings, version=codebook.hed_version)


class _Export:
    """One tree being made."""

    def __init__(self, lab: Lab, catalogue: Catalogue, options: TreeOptions) -> None:
        self._lab = lab
        self._options = options
        self._settings = read_dataset_settings(lab)
        self._codebooks = read_codebooks(lab)
        self._study = read_study(lab)
        self._people = read_people(lab)
        check_codebooks(self._codebooks.values())
        self._selection = select(
            lab,
            catalogue,
            codebooks=self._codebooks,
            simulated=options.simulated,
            only=options.only,
        )
        if not self._selection.chosen:
            raise _nothing(self._selection)
        with catalogue.transaction():
            self._named = _name(catalogue, self._selection)
        self._runs: list[ExportedRun] = []
        self._refused: list[LeftOut] = []
        self._words: dict[str, str] = {}
        self._assessment = assess({}, k=self._settings.smallest_group)

    def work(self, tree: Path, workers: Workers, tell: Callable[[str], None]) -> None:
        """Write every run's files; each worker has a folder of its own until it is done."""
        scratch = tree / ".runs"
        scratch.mkdir(mode=_PRIVATE)
        jobs = [self._job(named, scratch) for named in self._named.values()]
        tell(f"{len(jobs)} session(s) to export")
        for n, done in enumerate(workers.run(run_job, jobs), start=1):
            self._take(done, scratch, tree)
            tell(f"{n} of {len(jobs)}: {done.session} {done.refusal or 'exported'}")
        shutil.rmtree(scratch)
        if not self._runs:
            raise _nothing_left(self._refused)
        self._runs.sort(
            key=lambda run: (run.subject.label, run.number.number, run.number.run)
        )

    def write_tree_files(self, tree: Path) -> None:
        """Write what tells of several sessions."""
        profiles = subject_profiles(self._runs, self._people)
        self._assessment = assess(profiles, k=self._settings.smallest_group)
        used = {run.row.facts.codebook for run in self._runs}
        files = tree_files(
            self._settings,
            self._options.tree,
            runs=self._runs,
            attrition=self._selection.attrition,
            study=self._study,
            codebooks=[self._codebooks[version] for version in sorted(used)],
            assessment=self._assessment,
        )
        for name, content in files.items():
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def report(self, out: Path, files: tuple[str, ...]) -> TreeReport:
        """Return what the tree holds."""
        return TreeReport(
            path=out,
            tree=self._options.tree,
            subjects=tuple(sorted({run.subject.label for run in self._runs})),
            sessions=tuple(run.row.session for run in self._runs),
            files=files,
            left_out=(*self._selection.left_out, *self._refused),
            notes={r.row.session: r.summary.notes for r in self._runs if r.summary.notes},
            assessment=self._assessment,
            words=self._words,
        )

    def _job(self, named: _Named, scratch: Path) -> RunJob:
        row, options = named.chosen.row, self._options
        restricted = options.tree == "restricted"
        plan = RunPlan(
            subject=named.subject.label,
            session=f"{named.number.number:02d}",
            run=named.number.run,
            codebook=self._codebooks[row.facts.codebook],
            restricted=restricted,
            sound=restricted and options.sound and "audio" in named.chosen.scopes,
            voice="audio" in named.chosen.scopes,
            words=restricted and {"audio", "transcript"} <= named.chosen.scopes,
            box_alias=named.box_alias,
            headset_alias=named.headset_alias,
            site=self._settings.site,
        )
        opened = options.opened / row.session if options.opened else None
        return RunJob(
            lab=self._lab.root.resolve(),
            folder=Archive(self._lab.root.resolve()).session(row.device, row.session),
            device=row.device,
            session=row.session,
            plan=plan,
            scratch=scratch / row.session,
            opened=opened if opened is not None and opened.is_dir() else None,
        )

    def _take(self, done: RunDone, scratch: Path, tree: Path) -> None:
        """Move a run's files into the tree, or note why there are none."""
        if done.summary is None:
            error = OpenError(done.refusal, hint=done.hint)
            self._refused.append(LeftOut(done.device, done.session, error))
            return
        folder = scratch / done.session
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                target = tree / path.relative_to(folder)
                target.parent.mkdir(parents=True, exist_ok=True)
                path.rename(target)
        if done.words_sha256:
            self._words[done.session] = done.words_sha256
        named = self._named[done.session]
        self._runs.append(
            ExportedRun(
                named.chosen.row, named.subject, named.number, done.summary, done.scales
            )
        )


def _name(catalogue: Catalogue, selection: Selection) -> dict[str, _Named]:
    """Give every chosen session its names, by uuid; all sessions of a client count."""
    pseudonyms = Pseudonyms(catalogue.study)
    by_client: dict[str, list[Chosen]] = {}
    for chosen in selection.chosen:
        by_client.setdefault(chosen.row.facts.client, []).append(chosen)
    named = {}
    for client, mine in by_client.items():
        mine.sort(key=lambda chosen: (chosen.row.facts.started_utc, chosen.row.session))
        subject = pseudonyms.subject(client, mine[0].row.facts.started_utc)
        numbers = pseudonyms.number(client, [chosen.row for chosen in mine])
        for chosen in mine:
            row = chosen.row
            named[row.session] = _Named(
                chosen=chosen,
                subject=subject,
                number=numbers[row.session],
                box_alias=pseudonyms.alias("box", row.device),
                headset_alias=pseudonyms.alias(
                    "headset", f"{row.device} {row.facts.board}"
                ),
            )
    return named


def _nothing(selection: Selection) -> FieldrecError:
    if not selection.left_out:
        return LabError("the lab has no session to export", hint="run: fieldrec-lab pull")
    first = selection.left_out[0]
    return type(first.error)(
        f"none of {len(selection.left_out)} session(s) can be exported;"
        f" {first.session}: {first.error.message}",
        hint=first.error.hint,
    )


def _nothing_left(refused: Sequence[LeftOut]) -> FieldrecError:
    first = refused[0]
    return OpenError(
        f"none of {len(refused)} session(s) could be exported; {first.session}:"
        f" {first.error.message}",
        hint=first.error.hint,
    )
