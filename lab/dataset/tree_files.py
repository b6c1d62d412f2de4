"""The files of a tree that tell of several sessions: participants, sessions, scales."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lab.dataset import texts
from lab.dataset.anonymity import QUASI_IDENTIFIERS
from lab.dataset.event_words import events_description, published_marks
from lab.dataset.people import Person
from lab.dataset.pseudonyms import shifted
from lab.dataset.sidecar import CHANNELS_DESCRIPTION, TASK
from lab.dataset.tables import json_bytes, tsv

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lab.copies_tables import TreeName
    from lab.dataset.anonymity import Assessment
    from lab.dataset.run_files import RunSummary
    from lab.dataset.settings import DatasetSettings
    from lab.dataset.tables import Cell
    from lab.session_facts import SessionFacts
    from lab.study_tables import FactsRow, NumberRow, SubjectRow
    from recorder.format.codebook import Codebook, Mark
    from recorder.format.study import Scale, Study

_GOOD, _FAIR = 0.8, 0.5
_SHARED: Final = ("age", *QUASI_IDENTIFIERS)


@dataclass(frozen=True, slots=True)
class ExportedRun:
    """One run in the tree: which recording it is, its number, and what was written."""

    row: FactsRow
    subject: SubjectRow
    number: NumberRow
    summary: RunSummary
    scales: Mapping[str, Mapping[str, int]]

    @property
    def session_label(self) -> str:
        """The session's name in the tree."""
        return f"{self.number.number:02d}"


def subject_profiles(
    runs: Iterable[ExportedRun], people: Mapping[str, Person]
) -> dict[str, dict[str, str | None]]:
    """Return what might single each subject out, by label."""
    modes: dict[str, set[str]] = defaultdict(set)
    found: dict[str, dict[str, str | None]] = {}
    for run in runs:
        person = people.get(run.subject.client, Person())
        label = run.subject.label
        modes[label].add(run.row.facts.mode)
        mode = "both" if len(modes[label]) > 1 else next(iter(modes[label]))
        found[label] = {
            name: mode if name == "mode" else getattr(person, name)
            for name in QUASI_IDENTIFIERS
        }
    return found


def tree_files(
    settings: DatasetSettings,
    tree: TreeName,
    *,
    runs: Sequence[ExportedRun],
    attrition: Sequence[FactsRow],
    study: Study,
    codebooks: Iterable[Codebook],
    assessment: Assessment,
) -> dict[str, bytes]:
    """Return every file that is no run's, by its path in the tree."""
    marks: dict[str, Mark] = {}
    for codebook in codebooks:
        marks |= published_marks(codebook, restricted=tree == "restricted")
    files = {
        "dataset_description.json": json_bytes(texts.dataset_description(settings, tree)),
        "README.md": texts.readme(settings, tree),
        "CHANGES": texts.UNRELEASED,
        f"task-{TASK}_events.json": json_bytes(
            events_description(marks, words_said=tree == "restricted")
        ),
        f"task-{TASK}_channels.json": json_bytes(CHANNELS_DESCRIPTION),
        "participants.json": json_bytes(texts.PARTICIPANTS),
        "participants.tsv": _participants(runs, assessment),
        "sessions.json": json_bytes(texts.SESSIONS),
        "derivatives/fieldrec/dataset_description.json": json_bytes(
            texts.derivatives_description(settings)
        ),
        "derivatives/fieldrec/deidentification.json": json_bytes(_protection(assessment)),
    }
    for label, mine in _by_subject(runs).items():
        hidden = assessment.profiles[label]["mode"] is None
        files[f"sub-{label}/sub-{label}_sessions.tsv"] = _sessions(mine, hidden=hidden)
        files |= _scans(label, mine)
    files |= _scales(study, runs)
    files |= _attrition(runs, attrition)
    if tree == "restricted":
        files[".bidsignore"] = b"*_audio.*\n"
    return files


def _by_subject(runs: Iterable[ExportedRun]) -> dict[str, list[ExportedRun]]:
    found: dict[str, list[ExportedRun]] = defaultdict(list)
    for run in runs:
        found[run.subject.label].append(run)
    return {label: found[label] for label in sorted(found)}


def _participants(runs: Sequence[ExportedRun], assessment: Assessment) -> bytes:
    rows: list[list[Cell]] = []
    for label, mine in _by_subject(runs).items():
        profile = assessment.profiles[label]
        person = Person(age_band=profile["age_band"])
        n_sessions = len({run.number.number for run in mine})
        values = [profile[name] for name in QUASI_IDENTIFIERS]
        rows.append([f"sub-{label}", person.age, *values, n_sessions])
    return tsv(["participant_id", *_SHARED, "n_sessions"], rows)


def _sessions(runs: Sequence[ExportedRun], *, hidden: bool) -> bytes:
    columns = ("session_id", "acq_time", "days_since_first", "mode", "outcome", "reason")
    first = min(run.row.facts.started_utc for run in runs).date()
    rows: list[list[Cell]] = []
    by_number: dict[int, list[ExportedRun]] = defaultdict(list)
    for run in runs:
        by_number[run.number.number].append(run)
    for number in sorted(by_number):
        mine = by_number[number]
        facts = mine[-1].row.facts  # how the last run ended is how the session did
        begun = mine[0].row.facts
        rows.append(
            [
                f"ses-{number:02d}",
                shifted(begun.started_utc, mine[0].subject.shift_days),
                (begun.started_utc.date() - first).days,
                None if hidden else facts.mode,
                facts.outcome,
                facts.reason or None,
                _quality(mine),
                round(sum(run.summary.seconds for run in mine), 3),
            ]
        )
    return tsv([*columns, "quality", "duration"], rows)


def _quality(runs: Sequence[ExportedRun]) -> str | None:
    shares = [r.summary.fine_share for r in runs if r.summary.fine_share is not None]
    if not shares:
        return None
    share = sum(shares) / len(shares)
    if share >= _GOOD:
        return "good"
    return "fair" if share >= _FAIR else "poor"


def _scans(label: str, runs: Sequence[ExportedRun]) -> dict[str, bytes]:
    by_session: dict[str, list[ExportedRun]] = defaultdict(list)
    for run in runs:
        by_session[run.session_label].append(run)
    files = {}
    for session, mine in by_session.items():
        rows = [
            (
                run.summary.file,
                shifted(run.row.facts.started_utc, run.subject.shift_days),
            )
            for run in mine
        ]
        path = f"sub-{label}/ses-{session}/sub-{label}_ses-{session}_scans.tsv"
        files[path] = tsv(("filename", "acq_time"), rows)
    return files


def _scales(study: Study, runs: Sequence[ExportedRun]) -> dict[str, bytes]:
    files = {}
    for scale in study.scale:
        items = [item.id for item in scale.item]
        rows: list[list[Cell]] = [
            [
                f"sub-{run.subject.label}",
                f"ses-{run.session_label}",
                *(run.scales[scale.id].get(item) for item in items),
            ]
            for run in runs
            if scale.id in run.scales
        ]
        if rows:
            columns = ["participant_id", "session_id", *items]
            files[f"phenotype/{scale.id}.tsv"] = tsv(columns, sorted(rows, key=str))
            files[f"phenotype/{scale.id}.json"] = json_bytes(_scale_description(scale))
    return files


def _scale_description(scale: Scale) -> dict[str, object]:
    items: dict[str, object] = {
        item.id: {
            "Description": item.en or f"Item {item.id}; its wording is its authors'",
            "Minimum": item.low,
            "Maximum": item.high,
        }
        for item in scale.item
    }
    when = f"Filled in {scale.when} the session"
    tool = {"Description": f"{scale.en}. {when}"}
    session = {"session_id": {"Description": "Session that the answers belong to"}}
    return {"MeasurementToolMetadata": tool, **session, **items}


def _attrition(
    runs: Sequence[ExportedRun], attrition: Sequence[FactsRow]
) -> dict[str, bytes]:
    labels = {run.subject.client: run.subject.label for run in runs}
    of_label: dict[str, list[SessionFacts]] = defaultdict(list)
    for row in (*(run.row for run in runs), *attrition):
        if row.facts.client in labels:
            of_label[labels[row.facts.client]].append(row.facts)
    rows: list[list[Cell]] = []
    for label in sorted(of_label):
        ends = Counter(facts.outcome for facts in of_label[label])
        reasons = Counter(facts.reason for facts in of_label[label] if facts.reason)
        told = ", ".join(f"{name}: {reasons[name]}" for name in sorted(reasons))
        counts = [ends["complete"], ends["partial"], ends["skipped"], ends["not stated"]]
        rows.append([f"sub-{label}", *counts, told or "none"])
    columns = ("participant_id", "complete", "partial", "skipped", "not_stated", "reasons")
    return {
        "phenotype/attrition.tsv": tsv(columns, rows),
        "phenotype/attrition.json": json_bytes(texts.ATTRITION),
    }


def _protection(assessment: Assessment) -> dict[str, object]:
    return {
        "Description": "How the people in this dataset were protected",
        "Names": "Random labels; the list that ties them to clients never leaves the lab",
        "Dates": "All dates of a subject are moved by one random number of whole weeks to"
        " before 1925; times are cut to the hour",
        "Devices": "Boxes and headsets have random aliases",
        "Voice": "Loudness a hundred times a second, and who spoke when; no sound",
        "FileHeaders": "No field of a file tells a person, a date or a device",
        "QuasiIdentifiers": list(QUASI_IDENTIFIERS),
        "SmallestGroupAllowed": assessment.k,
        "SmallestGroupFound": assessment.smallest_group or "nothing of any was published",
        "ValuesTakenAway": dict(assessment.suppressed),
    }
