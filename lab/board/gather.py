"""What the board shows, taken from the catalogue at one moment."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from lab.chain import check_chains
from lab.consents import Consents
from lab.dataset.settings import read_study
from lab.quality import Level, judge_facts, worst

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from lab.catalogue import Catalogue
    from lab.catalogue_rows import SessionRow
    from lab.chain import Finding
    from lab.session_facts import SessionFacts
    from lab.settings import Lab
    from lab.study_tables import FactsRow

_SILENT: Final = timedelta(days=7)
_RECENT: Final = 5
_IN_A_ROW: Final = 2

CellKind = Literal["green", "yellow", "red", "skipped", "discarded"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One session of the grid: ``number`` is 0 for one that was not recorded."""

    session: str
    kind: CellKind
    number: int
    reasons: tuple[str, ...]
    date: str


@dataclass(frozen=True, slots=True)
class ClientRow:
    """One client's line of the grid; ``left_out`` are reasons and how often."""

    client: str
    scopes: frozenset[str]
    form: str
    state: Literal["", "blocked", "withdrawn"]
    cells: tuple[Cell, ...]
    recorded: int
    left_out: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class BoxRow:
    """One box's line; ``missing`` are sessions its chain says it made and has not sent."""

    device: str
    last_seen: datetime
    days_silent: int
    missing: int
    version: str
    clock: str
    n_sessions: int
    recent: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something a person should look at; ``code`` is a key of the pages' words."""

    code: str
    level: Level
    figures: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Board:
    """Everything on the board."""

    at: datetime
    planned: int
    boxes: tuple[BoxRow, ...]
    clients: tuple[ClientRow, ...]
    alarms: tuple[Alarm, ...]


def gather(lab: Lab, catalogue: Catalogue, *, at: datetime) -> Board:
    """Return the board as of ``at``."""
    facts = catalogue.study.facts()
    rows = {row.session: row for row in catalogue.sessions()}
    consents = Consents.of(lab, catalogue)
    cells = _cells(facts, rows)
    findings = check_chains(catalogue.links())
    boxes = tuple(_boxes(catalogue, facts, cells, findings, at))
    withdrawn = {row.client for row in catalogue.whereabouts.withdrawals()}
    clients = tuple(_clients(facts, cells, consents, withdrawn))
    alarms = [
        *_box_alarms(boxes),
        *_chain_alarms(findings),
        *_session_alarms(catalogue, facts, consents),
        *_withdrawal_alarms(catalogue, at),
    ]
    alarms.sort(key=lambda alarm: (-alarm.level, alarm.code, sorted(alarm.figures.items())))
    planned = read_study(lab).sessions_per_client
    return Board(at, planned, boxes, clients, tuple(alarms))


def _cells(facts: Sequence[FactsRow], rows: dict[str, SessionRow]) -> dict[str, Cell]:
    """Return the cell of each session, by uuid; runs of one session share its number."""
    numbers: dict[str, int] = {}
    counts: Counter[str] = Counter()
    found = {}
    for row in facts:
        session = rows.get(row.session)
        if session is None:
            continue
        reasons = judge_facts(row.facts, status=session.status, clean=session.clean)
        kind: CellKind = "skipped"
        if session.discarded:
            kind = "discarded"
        elif row.facts.has_eeg:
            kind = ("green", "yellow", "red")[worst(reasons)]
            counts[row.facts.client] += row.facts.continues not in numbers
            numbers[row.session] = counts[row.facts.client]
        found[row.session] = Cell(
            row.session,
            kind,
            numbers.get(row.session, 0),
            tuple(reason.code for reason in reasons),
            row.facts.started_utc.strftime("%Y-%m-%d"),
        )
    return found


def _boxes(
    catalogue: Catalogue,
    facts: Sequence[FactsRow],
    cells: dict[str, Cell],
    findings: Iterable[Finding],
    at: datetime,
) -> Iterator[BoxRow]:
    missing: Counter[str] = Counter()
    for finding in findings:
        if finding.kind == "gap":
            missing[finding.device] += finding.last - finding.first + 1
    by_device: dict[str, list[FactsRow]] = defaultdict(list)
    for row in sorted(facts, key=lambda row: row.facts.started_utc):
        by_device[row.device].append(row)
    for device, seen in sorted(catalogue.last_seen().items()):
        mine = by_device[device]
        last = mine[-1].facts if mine else None
        recent = [cells[row.session] for row in mine if row.session in cells]
        yield BoxRow(
            device=device,
            last_seen=seen,
            days_silent=max(0, (at - seen).days),
            missing=missing[device],
            version=last.software if last else "",
            clock=last.clock_state if last else "unknown",
            n_sessions=len(mine),
            recent=tuple(recent[-_RECENT:]),
        )


def _clients(
    facts: Sequence[FactsRow],
    cells: dict[str, Cell],
    consents: Consents,
    withdrawn: set[str],
) -> Iterator[ClientRow]:
    by_client: dict[str, list[FactsRow]] = defaultdict(list)
    for row in facts:
        by_client[row.facts.client].append(row)
    for client in sorted({*by_client, *withdrawn}):
        mine = by_client[client]
        shown = [cells[row.session] for row in mine if row.session in cells]
        reasons = Counter(
            row.facts.reason or row.facts.outcome
            for row in mine
            if row.facts.outcome in ("partial", "skipped")
        )
        state: Literal["", "blocked", "withdrawn"] = ""
        if client in withdrawn:
            state = "withdrawn"
        elif client in consents.blocked:
            state = "blocked"
        last = mine[-1].facts if mine else None
        yield ClientRow(
            client=client,
            scopes=consents.scopes(last) if last else frozenset(),
            form=last.form if last else "",
            state=state,
            cells=tuple(shown),
            recorded=max((cell.number for cell in shown), default=0),
            left_out=tuple(sorted(reasons.items())),
        )


def _box_alarms(boxes: Iterable[BoxRow]) -> Iterator[Alarm]:
    for box in boxes:
        if box.days_silent >= _SILENT.days:
            days = str(box.days_silent)
            figures = {"device": box.device, "days": days}
            yield Alarm("alarm_silent", Level.YELLOW, figures)
        recorded = [cell for cell in box.recent if cell.number]
        last = [cell.kind for cell in recorded[-_IN_A_ROW:]]
        if last == ["red"] * _IN_A_ROW:
            yield Alarm("alarm_red_twice", Level.RED, {"device": box.device})


def _chain_alarms(findings: Iterable[Finding]) -> Iterator[Alarm]:
    grouped: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        grouped[finding.kind, finding.device].append(finding)
    for (kind, device), found in grouped.items():
        level = Level.YELLOW if kind == "gap" else Level.RED
        n = sum(f.last - f.first + 1 for f in found)
        figures = {"device": device, "first": str(found[0].first), "n": str(n)}
        yield Alarm(f"alarm_{kind}", level, figures)


def _session_alarms(
    catalogue: Catalogue, facts: Sequence[FactsRow], consents: Consents
) -> Iterator[Alarm]:
    states = Counter(
        (row.status, row.device) for row in catalogue.sessions() if row.status != "verified"
    )
    for (status, device), n in states.items():
        level = Level.RED if status == "damaged" else Level.YELLOW
        yield Alarm(f"alarm_{status}", level, {"device": device, "n": str(n)})
    uncovered = Counter(
        row.facts.client for row in facts if not _is_covered(row.facts, consents)
    )
    for client, n in uncovered.items():
        yield Alarm("alarm_consent", Level.RED, {"client": client, "n": str(n)})
    held = Counter(attempt.device for attempt in catalogue.attempts() if attempt.cause)
    for device, n in held.items():
        yield Alarm("alarm_quarantine", Level.RED, {"device": device, "n": str(n)})


def _is_covered(facts: SessionFacts, consents: Consents) -> bool:
    needed = {"eeg"} | ({"audio"} if facts.audio_s else set())
    return not facts.has_eeg or needed <= consents.scopes(facts)


def _withdrawal_alarms(catalogue: Catalogue, at: datetime) -> Iterator[Alarm]:
    for row in catalogue.whereabouts.withdrawals():
        if row.done_utc is not None:
            continue
        days = (row.due_utc - at).days
        figures = {"client": row.client, "n": str(len(row.open_items))}
        if days < 0:
            yield Alarm("alarm_overdue", Level.RED, {**figures, "days": str(-days)})
        else:
            yield Alarm("alarm_withdrawal", Level.YELLOW, {**figures, "days": str(days)})
