"""Take in marks that a therapist delivers after the session."""

from __future__ import annotations

import getpass
import hashlib
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING

import msgspec

from lab.archive import Archive
from lab.catalogue import Act
from lab.dataset.settings import read_codebooks
from lab.identity import read_identities
from lab.later_marks import Deliveries, Delivery, read_deliveries, write_deliveries
from lab.marks_file import Frame, parse_marks
from recorder.errors import FormatError, LabError
from recorder.format.age import parse_recipients

if TYPE_CHECKING:
    from pathlib import Path

    from lab.catalogue import Catalogue
    from lab.settings import Lab
    from lab.study_tables import FactsRow

_MAX_BYTES = 4 << 20


def deliver_marks(
    lab: Lab,
    catalogue: Catalogue,
    session: str,
    file: Path,
    *,
    who: str,
    zone: tzinfo | None,
) -> Delivery:
    """Keep the marks in ``file`` with a session of the lab's; return what was delivered.

    Raises FormatError for what is wrong in the file, LabError for a session the lab does
    not have, or a file that was delivered before.
    """
    row = _row(catalogue, session)
    content = _read(file)
    digest = hashlib.sha256(content).hexdigest()
    folder = Archive(lab.root).session(row.device, row.session)
    known = read_deliveries(folder, read_identities(lab.identity_path))
    if any(delivery.sha256 == digest for delivery in known.deliveries):
        raise LabError(f"{file} was delivered for this session before")
    marks = parse_marks(content, _frame(lab, row, zone))
    delivery = Delivery(
        who=who or getpass.getuser(),
        at_utc=datetime.now(UTC).replace(microsecond=0),
        sha256=digest,
        marks=marks,
    )
    recipients = parse_recipients((lab.public / "recipients.txt").read_text("utf-8"))
    write_deliveries(
        folder, Deliveries(deliveries=(*known.deliveries, delivery)), recipients
    )
    details = msgspec.json.encode({"file_sha256": digest, "marks": len(marks)}).decode()
    with catalogue.transaction():
        catalogue.log(Act("marks", row.device, row.session, details, who=delivery.who))
    return delivery


def _row(catalogue: Catalogue, session: str) -> FactsRow:
    for row in catalogue.study.facts():
        if row.session == session:
            return row
    raise LabError(
        f"the lab has no session {session[:80]}", hint="fieldrec-lab sessions lists all"
    )


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        content = opened.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise LabError(f"{file} has more than {_MAX_BYTES} bytes: no file of marks")
    return content


def _frame(lab: Lab, row: FactsRow, zone: tzinfo | None) -> Frame:
    codebook = read_codebooks(lab).get(row.facts.codebook)
    if codebook is None:
        raise FormatError(
            f"nobody knows the session's codebook, version {row.facts.codebook[:40]!r}",
            hint="put that codebook.toml into LAB/codebooks",
        )
    return Frame(row.facts.started_utc, row.facts.length_s, zone, codebook)
