"""Before a session: whether this client may be recorded, and all is answered."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from recorder.clock import read_host_clock
from recorder.continuing import continued
from recorder.errors import ConsentError, FormatError
from recorder.format.sheet import Ending, Equipment, Preparation, SessionSheet
from recorder.format.study import check_scale_answers
from recorder.identifiers import parse_client_code
from recorder.papers import load_codebook, load_study
from recorder.session import clock_state, sheet_consent, software

if TYPE_CHECKING:
    from uuid import UUID

    from recorder.clients import Consent
    from recorder.format.codebook import Codebook
    from recorder.format.sheet import Mode
    from recorder.format.study import Study
    from recorder.protocol import calls
    from recorder.service.devices import InUse
    from recorder.service.place import Place

# Whoever types a client's name here must be stopped: versions of forms have digits.
_FORM = re.compile(r"(?=.*[0-9])[0-9A-Za-z][0-9A-Za-z._-]{0,31}")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A session that may be recorded; ``since_ns`` is when its fit began."""

    consent: Consent
    mode: Mode
    confirmed: tuple[str, ...]
    codebook: Codebook
    study: Study
    since_ns: int
    continues: UUID | None = None

    @property
    def sound(self) -> bool:
        """Whether the client agreed to be heard."""
        return "audio" in self.consent.scopes

    @property
    def number(self) -> int:
        """Which session of this client on this box it is."""
        return self.consent.sessions + (1 if self.continues is None else 0)

    def preparation(self, *, good_share: float, overridden: bool) -> Preparation:
        """Return what the sheet says of it."""
        return Preparation(
            only_consented=True,
            confirmed=self.confirmed,
            good_share=round(good_share, 3),
            fit_overridden=overridden,
        )


def prepare(place: Place, call: calls.Prepare, now_ns: int) -> Prepared:
    """Return what may be recorded; raise what stands against it. Nothing is echoed."""
    code = parse_client_code(call.client)
    if not call.only_consented:
        raise ConsentError(
            "somebody who did not consent may be in the room",
            hint="record only those who signed",
        )
    _check_form(call)
    study, codebook = load_study(place.box), load_codebook(place.box)
    _check_answers(study, call, is_new=place.clients.sessions_of(code) == 0)
    continues = continued(place.box, place.disk, code) if call.continues else None
    consent = place.clients.authorise(
        code,
        scopes=None if call.scopes is None else frozenset(call.scopes),
        form=call.form,
        signed_on=call.signed_on,
        needs=frozenset({"eeg"}),
    )
    return Prepared(
        consent=consent,
        mode=call.mode,
        confirmed=call.confirmed,
        codebook=codebook,
        study=study,
        since_ns=now_ns,
        continues=continues,
    )


def still_prepared(place: Place, prepared: Prepared) -> Prepared:
    """Return ``prepared`` under the consent as it stands now: a fit may take long.

    The lab's register may have come meanwhile, with less in it. Raises as `prepare`.
    """
    consent = place.clients.authorise(
        prepared.consent.code, scopes=None, form=None, needs=frozenset({"eeg"})
    )
    return replace(prepared, consent=consent)


def skipped_sheet(place: Place, call: calls.Skip, in_use: InUse) -> SessionSheet:
    """Return the sheet of a planned session that did not take place."""
    study = load_study(place.box)
    check_reason(study, call.reason)
    consent = place.clients.authorise(
        call.client, scopes=None, form=None, needs=frozenset()
    )
    clock = read_host_clock()
    return SessionSheet(
        device=place.box.device,
        session=uuid.uuid4(),
        client=consent.code,
        consent=sheet_consent(consent),
        mode=call.mode,
        headset=Equipment(spec=in_use.headset, description={}, simulated=False),
        microphone=Equipment(spec=in_use.microphone, description={}, simulated=False),
        codebook=load_codebook(place.box).version,
        software=software(),
        started_wall_ns=clock.wall_ns,
        clock_state=clock_state(clock.sync_state),
        started_host_ns=clock.host_ns,
        ending=Ending(outcome="skipped", reason=call.reason),
    )


def ending_of(study: Study, call: calls.Finish) -> Ending:
    """Return what the therapist said; FormatError where the study does not know it."""
    if call.reason or call.outcome in ("partial", "skipped"):
        check_reason(study, call.reason)
    check_scale_answers(study, call.scales)
    return Ending(call.outcome, call.reason, call.scales)


def check_reason(study: Study, reason: str) -> None:
    """Refuse a reason that the study does not list."""
    known = [one.id for one in study.reason]
    if reason not in known and (known or not reason):
        raise FormatError(
            "the study has no such reason", hint=f"there are {', '.join(known) or 'none'}"
        )


def _check_form(call: calls.Prepare) -> None:
    if call.form is not None and not _FORM.fullmatch(call.form):
        raise ConsentError(
            f"a form's version of {len(call.form)} characters can't be right",
            hint="up to 32 letters, digits, '.', '_' and '-', a digit among them: 2026-1",
        )
    if call.signed_on and not _is_date(call.signed_on):
        raise ConsentError(
            "the date on the form can't be read", hint="write it as 2026-01-31"
        )


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _check_answers(study: Study, call: calls.Prepare, *, is_new: bool) -> None:
    needed = [one.id for one in study.eligibility] if is_new else []
    if call.mode == "online":
        needed += [one.id for one in study.online_check]
    missing = [one for one in needed if one not in call.confirmed]
    if missing:
        raise ConsentError(
            f"not confirmed: {', '.join(missing)}", hint="every answer must be yes"
        )
    known = {one.id for one in (*study.eligibility, *study.online_check)}
    if not known.issuperset(call.confirmed):
        raise FormatError("the study has no such question")
