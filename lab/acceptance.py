"""Acceptance: the data manager's signed word for what the lab itself can't verify.

Either a damaged session is taken as it is, so that its box may delete it, or a session of
a lost box is believed after all. An act counts only if a key of the lab signed it, the
present one or one before: an edited catalogue accepts nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from lab.act_signers import NAMESPACE_ACT, read_act_signers
from lab.catalogue import Act
from lab.registry import check_word
from lab.settings import PRINCIPAL
from lab.verify import MANIFEST_FILE
from recorder.errors import FormatError, LabError, SignatureError
from recorder.format.manifest import digest
from recorder.format.manifest import parse as parse_manifest
from recorder.format.sshsig import sign, verify

if TYPE_CHECKING:
    from lab.archive import Archive
    from lab.catalogue import Catalogue
    from lab.catalogue_rows import ActionRow, AttemptRow, SessionRow
    from lab.settings import Lab
    from recorder.format.signers import AllowedSigners

_WHAT = "accept"


class Acceptance(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What was accepted: this manifest, with these files damaged, and why."""

    version: Literal[1] = 1
    device: str
    session: str
    manifest_sha256: str
    files: tuple[str, ...] = ()
    reason: str

    def covers(self, row: SessionRow) -> bool:
        """Tell whether this accepts the session as it was judged last."""
        same = (self.device, self.session, self.manifest_sha256) == (
            row.device,
            row.session,
            row.manifest_sha256,
        )
        return same and row.status == "damaged" and set(row.files) <= set(self.files)


def accept(
    lab: Lab,
    archive: Archive,
    catalogue: Catalogue,
    session: str,
    *,
    reason: str,
    who: str = "",
) -> Acceptance:
    """Sign and log that ``session`` is accepted; LabError where nothing is to accept."""
    if not reason.strip():
        raise LabError("an acceptance needs a reason", hint="give it with --reason")
    key = lab.receipt_key()
    act = _of_damaged(catalogue, session, reason) or _of_lost(
        archive, catalogue, session, reason
    )
    if act is None:
        raise LabError(
            f"session {session[:80]} is neither damaged nor of a lost box",
            hint="fieldrec-lab sessions shows what each is",
        )
    details = msgspec.json.encode(act, order="sorted").decode()
    signature = sign(details.encode(), key, namespace=NAMESPACE_ACT)
    with catalogue.transaction():
        catalogue.log(Act(_WHAT, act.device, act.session, details, signature, who))
    return act


def acceptances(lab: Lab, catalogue: Catalogue) -> tuple[Acceptance, ...]:
    """Return every acceptance; LabError for one that the lab's key did not sign."""
    rows = catalogue.actions(_WHAT)
    if not rows:
        return ()
    signers = read_act_signers(lab)
    return tuple(_read(row, signers) for row in rows)


def _read(row: ActionRow, signers: AllowedSigners) -> Acceptance:
    try:
        verify(
            row.details.encode(),
            row.signature,
            namespace=NAMESPACE_ACT,
            principal=PRINCIPAL,
            signers=signers,
        )
        return msgspec.json.decode(row.details, type=Acceptance)
    except (SignatureError, FormatError, msgspec.MsgspecError) as error:
        raise LabError(
            f"act {row.number} of the catalogue is not what the lab's key signed: {error}",
            hint="somebody changed the catalogue, or the lab's keys were replaced",
        ) from error


def _of_damaged(catalogue: Catalogue, session: str, reason: str) -> Acceptance | None:
    rows = [r for r in catalogue.sessions() if r.session == session]
    damaged = [row for row in rows if row.status == "damaged"]
    if len(damaged) != 1:
        return None
    row = damaged[0]
    return Acceptance(
        device=row.device,
        session=row.session,
        manifest_sha256=row.manifest_sha256,
        files=row.files,
        reason=reason,
    )


def _of_lost(
    archive: Archive, catalogue: Catalogue, session: str, reason: str
) -> Acceptance | None:
    rows = [r for r in catalogue.attempts() if r.session == session and r.cause == "lost"]
    if len(rows) != 1:
        return None
    return Acceptance(
        device=rows[0].device,
        session=session,
        manifest_sha256=_quarantined_digest(archive, rows[0]),
        reason=reason,
    )


def _quarantined_digest(archive: Archive, row: AttemptRow) -> str:
    folder = archive.quarantine / row.device / row.copy
    check_word(folder)
    content = (folder / MANIFEST_FILE).read_bytes()
    parse_manifest(content)
    return digest(content)
