"""What the lab has at a glance: sessions, quarantine, and what chains say of boxes."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import typer

from lab.chain import Finding, check_chains
from recorder.format.receipt import parse_receipt

if TYPE_CHECKING:
    from lab.archive import Archive
    from lab.catalogue import Catalogue
    from lab.catalogue_rows import AttemptRow, SessionRow


@dataclass(frozen=True, slots=True)
class ListedSession:
    """One session; ``receipt`` is what its box was told, ``copies`` how often it came."""

    device: str
    session: str
    number: int
    status: str
    receipt: str
    taken_utc: str
    parts: int
    size_bytes: int
    clean: bool
    discarded: bool
    copies: int
    path: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A copy that a person must look at."""

    device: str
    copy: str
    cause: str
    reason: str
    taken_utc: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything there is to see."""

    sessions: tuple[ListedSession, ...]
    quarantined: tuple[Quarantined, ...]
    findings: tuple[Finding, ...]


def list_intake(archive: Archive, catalogue: Catalogue) -> Listing:
    """Return what the catalogue has."""
    told = {
        (row.device, row.session, row.manifest_sha256): parse_receipt(row.content).status
        for row in catalogue.receipts()
    }
    attempts = catalogue.attempts()
    copies = Counter((row.device, row.session) for row in attempts if not row.cause)
    return Listing(
        sessions=tuple(
            _listed(
                archive,
                row,
                told.get((row.device, row.session, row.manifest_sha256), ""),
                copies[row.device, row.session],
            )
            for row in catalogue.sessions()
        ),
        quarantined=tuple(_quarantined(row) for row in attempts if row.cause),
        findings=check_chains(catalogue.links()),
    )


def _listed(archive: Archive, row: SessionRow, receipt: str, copies: int) -> ListedSession:
    return ListedSession(
        device=row.device,
        session=row.session,
        number=row.sequence,
        status=row.status,
        receipt=receipt,
        taken_utc=row.taken_utc.isoformat(),
        parts=row.parts,
        size_bytes=row.size_bytes,
        clean=row.clean,
        discarded=row.discarded,
        copies=copies,
        path=str(archive.session(row.device, row.session)),
    )


def _quarantined(row: AttemptRow) -> Quarantined:
    return Quarantined(
        device=row.device,
        copy=row.copy,
        cause=row.cause,
        reason=row.reason,
        taken_utc=row.taken_utc.isoformat(),
    )


def show_intake(listing: Listing, *, as_json: bool) -> None:
    """Print the listing: a table, or one JSON object."""
    if as_json:
        typer.echo(json.dumps(asdict(listing), indent=2))
        return
    if not listing.sessions and not listing.quarantined:
        typer.echo("no sessions")
    for row in listing.sessions:
        typer.echo(
            f"{row.device}  {row.number:>4}  {row.session}  {row.status:<9}"
            f"  receipt {row.receipt or 'none':<9} {row.parts:>4} part(s)"
            f" {row.size_bytes / 1e6:>9.1f} MB"
        )
    for held in listing.quarantined:
        typer.echo(f"{held.device}  quarantined  {held.copy}: {held.reason}")
    for finding in listing.findings:
        numbers = f"{finding.first}-{finding.last}"
        typer.echo(f"{finding.device}  {finding.kind:<8}  {numbers}: {finding.text}")
