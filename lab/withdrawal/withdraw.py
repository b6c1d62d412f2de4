"""Carry a withdrawal out: block, destroy, tell, certify; and remember what is left.

What a person still has to do (a server that can't be reached, researchers to be told) is
listed, and thirty days after the wish it is overdue. Doing it again does what is left.
"""

from __future__ import annotations

import getpass
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from lab.act_signers import NAMESPACE_ACT
from lab.catalogue import Act
from lab.clients import block_client
from lab.copies_tables import WithdrawalRow
from lab.publish import CLIENTS_FILE, sign_register
from lab.receipting import ReceiptReport, hand_out, withdraw_receipt
from lab.review.cases import forget_words
from lab.transcripts.keeping import Keeping
from lab.transcripts.scratch import sweep
from lab.withdrawal.survey import certificates, find_holdings
from lab.withdrawal.trees import remove_subject
from recorder.errors import FieldrecError
from recorder.files import PRIVATE, create, read_private, sync_folder, write_atomic
from recorder.format.sshsig import sign

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab.catalogue import Catalogue
    from lab.copies_tables import CopyRow
    from lab.intake_place import Place
    from lab.settings import Lab
    from lab.withdrawal.survey import Holdings

DAYS: Final = timedelta(days=30)


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """What was destroyed, as the lab signs it; ``left`` is what could not be yet."""

    version: int = 1
    client: str
    wished_utc: datetime
    signed_utc: datetime
    who: str
    reason: str
    sessions: tuple[dict[str, str], ...]
    destroyed: tuple[str, ...]
    grantees: tuple[str, ...]
    left: tuple[str, ...]
    words: str = (
        "The lab destroyed every copy it had of these sessions, and blocked the client's"
        " code on its boxes. Boxes delete what they hold as soon as they get the signed"
        " receipt. Backups of the lab's computer are outside this program; copies that"
        " grantees hold can't be recalled: they are to be told."
    )


@dataclass(slots=True)
class _Work:
    """What was done and what is left; lives only inside `withdraw`."""

    destroyed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What became of a withdrawal; ``certificate`` is the signed file."""

    row: WithdrawalRow
    destroyed: tuple[str, ...]
    certificate: Path


def withdraw(
    lab: Lab,
    catalogue: Catalogue,
    client: str,
    *,
    place: Place | None,
    who: str = "",
    reason: str = "",
) -> Withdrawn:
    """Destroy everything of ``client``, as far as this computer reaches.

    ``place`` is the server's folder, None where the lab knows none. Raises
    ClientCodeError for a code nobody was given.
    """
    holdings = find_holdings(lab, catalogue, client)
    key = lab.receipt_key()
    before = {row.client: row for row in catalogue.whereabouts.withdrawals()}
    earlier = before.get(holdings.client)
    wished = earlier.at_utc if earlier else datetime.now(UTC).replace(microsecond=0)
    block_client(lab, holdings.client)
    started = WithdrawalRow(
        client=holdings.client,
        at_utc=wished,
        who=who or getpass.getuser(),
        reason=reason or (earlier.reason if earlier else ""),
        due_utc=wished + DAYS,
        done_utc=None,
        open_items=earlier.open_items if earlier else ("begun, but not carried out",),
    )
    with catalogue.transaction():
        catalogue.whereabouts.put_withdrawal(started)
    work = _Work(left=_people_to_tell(earlier))
    for row in holdings.sessions:
        withdraw_receipt(lab, catalogue, row)
    _destroy(lab, catalogue, holdings, work)
    _destroy_at(place, holdings, work)
    _tell_boxes(lab, catalogue, place, work)
    with catalogue.transaction():
        catalogue.study.forget_client(holdings.client)
    certificate = Certificate(
        client=holdings.client,
        wished_utc=wished,
        signed_utc=datetime.now(UTC).replace(microsecond=0),
        who=started.who,
        reason=started.reason,
        sessions=tuple(
            {"device": row.device, "session": row.session, "manifest": row.manifest_sha256}
            for row in holdings.sessions
        ),
        destroyed=tuple(work.destroyed),
        grantees=tuple(sorted({grant.recipient for grant in holdings.grants})),
        left=tuple(work.left),
    )
    content = msgspec.json.format(msgspec.json.encode(certificate), indent=2) + b"\n"
    signature = sign(content, key, namespace=NAMESPACE_ACT)
    path = _keep(lab, holdings.client, content, signature)
    finished = _finished(started, work.left)
    with catalogue.transaction():
        catalogue.whereabouts.put_withdrawal(finished)
        details = msgspec.json.encode({"certificate": path.name}).decode()
        catalogue.log(Act("withdraw", details=details, who=started.who))
    return Withdrawn(finished, tuple(work.destroyed), path)


def confirm_item(
    catalogue: Catalogue, client: str, number: int, *, who: str = ""
) -> WithdrawalRow | None:
    """Note that a person did open item ``number`` (from 1); None where there is none."""
    rows = {row.client: row for row in catalogue.whereabouts.withdrawals()}
    row = rows.get(client.strip().upper())
    if row is None or not 1 <= number <= len(row.open_items):
        return None
    items = list(row.open_items)
    done = items.pop(number - 1)
    changed = _finished(row, items)
    with catalogue.transaction():
        catalogue.whereabouts.put_withdrawal(changed)
        details = msgspec.json.encode({"done": done}).decode()
        catalogue.log(Act("withdraw-item", details=details, who=who))
    return changed


def withdraw_late(lab: Lab, catalogue: Catalogue, place: Place | None) -> tuple[str, ...]:
    """Destroy what came in of clients who had withdrawn already; return the sessions."""
    gone = {row.client for row in catalogue.whereabouts.withdrawals()}
    late = {row.facts.client for row in catalogue.study.facts()} & gone
    found = [row.session for row in catalogue.study.facts() if row.facts.client in late]
    for client in sorted(late):
        withdraw(lab, catalogue, client, place=place)
    return tuple(found)


def _people_to_tell(earlier: WithdrawalRow | None) -> list[str]:
    """Return what an earlier attempt left for people to do; the rest is tried again."""
    items = earlier.open_items if earlier else ()
    return [item for item in items if item.startswith(("tell ", "find "))]


def _destroy(lab: Lab, catalogue: Catalogue, holdings: Holdings, work: _Work) -> None:
    for path in holdings.folders:
        _remove(path)
        work.destroyed.append(str(path.relative_to(lab.root)))
    for copy in holdings.copies:
        _destroy_copy(copy, holdings)
        work.destroyed.append(f"{copy.kind}: {copy.path}")
    _forget_person(lab, holdings.client)
    forget_words(Keeping(lab), holdings.client)
    sweep(lab.root)
    with catalogue.transaction():
        for copy in (*holdings.copies, *holdings.elsewhere):
            catalogue.whereabouts.forget_copy(copy.number, holdings.uuids)
    for copy in holdings.elsewhere:
        _note(work, f"find where {copy.kind} {copy.path} was moved to, and delete it")
    for grant in holdings.grants:
        _note(work, f"tell {grant.recipient}, who holds release {grant.release}")


def _destroy_copy(copy: CopyRow, holdings: Holdings) -> None:
    """Delete a copy, or the client's share of one that holds others, too."""
    path = Path(copy.path)
    if copy.kind in ("bids", "release") and path.is_dir():
        remove_subject(path, holdings.label)
    else:
        _remove(path)


def _destroy_at(place: Place | None, holdings: Holdings, work: _Work) -> None:
    """Delete the server's copies, or say what is to be deleted there."""
    if place is None or not holdings.uuids:
        return
    try:
        copies = [c for c in place.copies() if c.session in holdings.uuids]
        for copy in copies:
            place.delete(copy)
            work.destroyed.append(f"server: {copy.device}/{copy.name}")
    except FieldrecError as error:
        names = ", ".join(sorted(holdings.uuids))
        _note(work, f"delete on the server {place.name}: {names} ({error.message})")


def _tell_boxes(lab: Lab, catalogue: Catalogue, place: Place | None, work: _Work) -> None:
    """Hand out receipts and the register: boxes then delete, and record no more."""
    if place is None:
        _note(work, "hand the register to the boxes: fieldrec-lab publish, then receipts")
        return
    report = ReceiptReport()
    try:
        hand_out(place, catalogue, report)
        signed = sign_register(lab)
        files = {
            CLIENTS_FILE: signed.content,
            f"{CLIENTS_FILE}.sig": signed.signature.encode(),
        }
        for device in catalogue.last_seen():
            place.put_receipts(device, files)
    except FieldrecError as error:
        _note(
            work, f"hand the register to the boxes: fieldrec-lab publish ({error.message})"
        )
    for device, failure in report.failures:
        _note(work, f"hand the receipts to {device}: {failure.message}")


def _forget_person(lab: Lab, client: str) -> None:
    """Delete the client's line of the lab's own table of people."""
    path = lab.root / "participants.tsv"
    if not path.is_file():
        return
    lines = read_private(path).decode("utf-8-sig").splitlines(keepends=True)
    kept = [line for line in lines if client not in line.upper().split()]
    write_atomic(path, "".join(kept).encode(), mode=PRIVATE)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    if path.parent.is_dir():
        sync_folder(path.parent)


def _note(work: _Work, item: str) -> None:
    if item not in work.left:
        work.left.append(item)


def _finished(row: WithdrawalRow, left: Iterable[str]) -> WithdrawalRow:
    items = tuple(left)
    done = None if items else datetime.now(UTC).replace(microsecond=0)
    return msgspec.structs.replace(row, open_items=items, done_utc=done)


def _keep(lab: Lab, client: str, content: bytes, signature: str) -> Path:
    folder = lab.root / "withdrawals"
    folder.mkdir(mode=0o700, exist_ok=True)
    number = 1 + len(certificates(lab, client))
    path = folder / f"{client}-{number}.json"
    create(path, content, mode=PRIVATE)
    create(path.with_name(f"{path.name}.sig"), signature.encode(), mode=PRIVATE)
    return path
