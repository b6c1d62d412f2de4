"""Receipts: the lab's signed word about each session it judged, kept and handed out.

A receipt is signed once and kept with its bytes; to hand it out again is to write the
same bytes again. `verified` is signed only while the lab's own copy still is, byte for
byte, what the manifest names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lab.acceptance import acceptances
from lab.catalogue_rows import ReceiptRow
from lab.judge import matches
from lab.registry import check_word
from lab.verify import MANIFEST_FILE
from recorder.errors import FieldrecError, LabError, ManifestError, UploadError
from recorder.format.manifest import NAMESPACE_RECEIPT, digest
from recorder.format.manifest import parse as parse_manifest
from recorder.format.receipt import Receipt, encode_receipt, parse_receipt, receipt_name
from recorder.format.sshsig import sign

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from lab.archive import Archive
    from lab.catalogue import Catalogue
    from lab.catalogue_rows import SessionRow
    from lab.intake_place import Place
    from lab.settings import Lab
    from recorder.format.receipt import Status

# A receipt may have 1 MiB; a box sends again what the next receipt names.
_MAX_NAMED_BYTES = 1 << 19


@dataclass(slots=True)
class ReceiptReport:
    """What was signed anew, what was written, and which session or box failed."""

    signed: list[ReceiptRow] = field(default_factory=list)
    written: list[ReceiptRow] = field(default_factory=list)
    failures: list[tuple[str, FieldrecError]] = field(default_factory=list)


def sign_receipts(
    lab: Lab, archive: Archive, catalogue: Catalogue, report: ReceiptReport
) -> None:
    """Sign a receipt for every session whose latest one says something else.

    A session whose copy is no longer whole fails, and gets none.
    """
    accepted = acceptances(lab, catalogue)
    key = lab.receipt_key()
    latest = {(r.device, r.session, r.manifest_sha256): r for r in catalogue.receipts()}
    came = {
        (a.device, a.session): a.pulled_utc for a in catalogue.attempts() if not a.cause
    }
    for row in catalogue.sessions():
        status: Status = row.status
        if any(act.covers(row) for act in accepted):
            status = "verified"
        files = () if status == "verified" else _named(row.files)
        last = latest.get((row.device, row.session, row.manifest_sha256))
        if last and _says(last, status, files, came.get((row.device, row.session))):
            continue
        try:
            if status == "verified":
                _check_copy(archive, row)
        except LabError as error:
            report.failures.append((row.session, error))
            continue
        report.signed.append(_sign(catalogue, key, row, status, files))


def _says(
    last: ReceiptRow, status: Status, files: tuple[str, ...], came: datetime | None
) -> bool:
    """Tell whether the receipt signed last still says what there is to say."""
    told = parse_receipt(last.content)
    if told.status == "withdrawn":
        return True
    if status == "resend" and came is not None and came > last.issued_utc:
        # A box obeys each receipt once: what came again and is wrong again needs another.
        return False
    return (told.status, told.files) == (status, files)


def withdraw_receipt(lab: Lab, catalogue: Catalogue, row: SessionRow) -> ReceiptRow:
    """Sign that the box must delete the session now; nothing later takes that back."""
    return _sign(catalogue, lab.receipt_key(), row, "withdrawn", ())


def hand_out(place: Place, catalogue: Catalogue, report: ReceiptReport) -> None:
    """Write every latest receipt that ``place`` does not hold with these very bytes."""
    by_device: dict[str, list[ReceiptRow]] = {}
    for row in catalogue.receipts():
        by_device.setdefault(row.device, []).append(row)
    for device, rows in by_device.items():
        try:
            report.written += _write(place, device, rows)
        except (UploadError, LabError) as error:
            report.failures.append((device, error))


def _write(place: Place, device: str, rows: Iterable[ReceiptRow]) -> list[ReceiptRow]:
    held = place.receipts(device)
    if held is None:
        raise LabError(
            f"the server has no folder for {device}",
            hint="make it there: fieldrec-lab server",
        )
    written = []
    files: dict[str, bytes] = {}
    for row in rows:
        pair = _files(row)
        if any(held.get(name) != content for name, content in pair.items()):
            # The receipt before its signature: a box believes a pair that fits.
            files |= pair
            written.append(row)
    if files:
        place.put_receipts(device, files)
    return written


def _files(row: ReceiptRow) -> dict[str, bytes]:
    name = receipt_name(row.session, row.manifest_sha256)
    return {name: row.content, f"{name}.sig": row.signature.encode()}


def _sign(
    catalogue: Catalogue,
    key: Ed25519PrivateKey,
    row: SessionRow,
    status: Status,
    files: tuple[str, ...],
) -> ReceiptRow:
    with catalogue.transaction():
        receipt = Receipt(
            device=row.device,
            session=row.session,
            manifest_sha256=row.manifest_sha256,
            status=status,
            files=files,
            lab_sequence=catalogue.next_lab_sequence(),
        )
        content = encode_receipt(receipt)
        issued = ReceiptRow(
            lab_sequence=receipt.lab_sequence,
            device=row.device,
            session=row.session,
            manifest_sha256=row.manifest_sha256,
            status=status,
            content=content,
            signature=sign(content, key, namespace=NAMESPACE_RECEIPT),
            issued_utc=datetime.now(UTC),
        )
        catalogue.put_receipt(issued)
    return issued


def _check_copy(archive: Archive, row: SessionRow) -> None:
    """Raise LabError unless the lab's copy is what the receipt would vouch for."""
    folder = archive.session(row.device, row.session)
    try:
        check_word(folder)
        content = (folder / MANIFEST_FILE).read_bytes()
        manifest = parse_manifest(content)
        whole = digest(content) == row.manifest_sha256 and all(
            matches(folder, manifest, path) for path in manifest.files
        )
    except (ManifestError, OSError):
        whole = False
    if not whole:
        raise LabError(
            f"{folder} is no longer what was verified: no receipt for it",
            hint=f"run: fieldrec-lab verify {folder}",
        )


def _named(files: tuple[str, ...]) -> tuple[str, ...]:
    """Return as many of ``files`` as fit into a receipt."""
    named, used = [], 0
    for path in files:
        used += len(path) + 3
        if used > _MAX_NAMED_BYTES:
            break
        named.append(path)
    return tuple(named)
