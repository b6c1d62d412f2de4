"""Whom the box may record: client codes, their consents, and how many sessions there were.

Two registers decide. The box's own, ``BOX/clients.json``, knows the clients recorded
here; the lab's, signed, brings unused codes (the pool), consents the lab holds, and
blocked codes. Where both speak of a client the narrower word counts. A lab register
older than one seen before is refused: it could bring back a withdrawn consent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from recorder.errors import (
    ClientCodeError,
    ConsentError,
    FieldrecError,
    FormatError,
    RegisterError,
)
from recorder.files import PRIVATE, read_private, read_signed, write_atomic
from recorder.format.manifest import NAMESPACE_CLIENTS
from recorder.format.registers import (
    SCOPES,
    BoxClient,
    BoxRegister,
    ConsentRecord,
    LabRegister,
    LastSession,
    decode_register,
    encode_register,
    list_scopes,
)
from recorder.format.sshsig import AllowedSigners, verify
from recorder.identifiers import parse_client_code

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from recorder.box import Box
    from recorder.format.registers import Scope

LAB_PRINCIPAL = "lab"
_GIVE_CONSENT = "give the signed consent: --consent eeg,audio --form VERSION"


@dataclass(frozen=True, slots=True)
class Consent:
    """What a client agreed to; ``sessions`` counts those already recorded on this box."""

    code: str
    scopes: frozenset[Scope]
    form: str
    sessions: int
    signed_on: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """A client who may be chosen; ``is_new`` where none of his sessions began here."""

    consent: Consent
    is_new: bool


@dataclass(frozen=True, slots=True)
class Clients:
    """The registers of one box. Only the holder of the recorder's lock may use it."""

    own_path: Path
    lab_folder: Path

    @classmethod
    def of(cls, box: Box) -> Clients:
        """Return the registers of ``box``."""
        return cls(own_path=box.root / "clients.json", lab_folder=box.lab)

    def authorise(
        self,
        code: str,
        *,
        scopes: frozenset[str] | None,
        form: str | None,
        needs: frozenset[str],
        signed_on: str = "",
    ) -> Consent:
        """Return the consent under which ``code`` may be recorded, and remember it.

        ``scopes`` and ``form`` say what the client signed just now (and ``signed_on``
        when, as ``2026-01-31``), None for what is on file; ``needs`` are the scopes this
        session can't do without. Raises ClientCodeError for a wrong, unknown or blocked
        code, ConsentError where no consent covers ``needs``, RegisterError where the
        lab's register can't be trusted.
        """
        code = parse_client_code(code)
        given = _given_consent(scopes, form)
        own = self._read_own()
        lab = self._read_lab(own.lab_serial)
        if lab.serial > own.lab_serial:
            own = msgspec.structs.replace(own, lab_serial=lab.serial)
            self._write_own(own)
        _check_known(code, own, lab)
        client = _effective(own.clients.get(code), lab.clients.get(code), given)
        if given is not None:
            client = msgspec.structs.replace(client, signed_on=signed_on)
        remembered = msgspec.structs.replace(own, clients=own.clients | {code: client})
        missing = needs - client.scopes
        if code in own.clients or not missing:
            # A known client's consent that got narrower stays so, also if we refuse now.
            self._write_own(remembered)
        if missing:
            raise ConsentError(
                f"no consent to {list_scopes(missing)}; the client agreed to "
                f"{list_scopes(client.scopes) or 'nothing'}",
                hint="record without it, or have a new version of the form signed",
            )
        return _consent(code, client)

    def listed(self) -> tuple[list[Listed], list[str]]:
        """Return who may be recorded, last recorded first, and codes nobody has yet.

        Raises RegisterError where the lab's register can't be trusted.
        """
        own = self._read_own()
        lab = self._read_lab(own.lab_serial)
        known = {**dict.fromkeys(lab.clients), **dict.fromkeys(own.clients)}
        entries = {
            code: _effective(own.clients.get(code), lab.clients.get(code), None)
            for code in known
            if code not in lab.blocked
        }
        order = sorted(entries, key=lambda code: (-entries[code].turn, code))
        free = [code for code in lab.pool if code not in known and code not in lab.blocked]
        return [
            Listed(_consent(code, entries[code]), is_new=entries[code].sessions == 0)
            for code in order
        ], free

    def count_session(self, code: str, session: UUID, *, continues: bool = False) -> int:
        """Count ``session`` of ``code`` and remember whose it is; return their number.

        One that ``continues`` another is the same session, counted when it began.
        """
        code = parse_client_code(code)
        own = self._read_own()
        if code not in own.clients:
            raise ClientCodeError("a session of a client nobody authorised")
        client = own.clients[code]
        turn = 1 + max(each.turn for each in own.clients.values())
        more = 0 if continues else 1
        counted = msgspec.structs.replace(
            client, sessions=client.sessions + more, turn=turn
        )
        self._write_own(
            msgspec.structs.replace(
                own,
                clients=own.clients | {code: counted},
                last_session=LastSession(code, session),
            )
        )
        return counted.sessions

    def forget_session(self) -> None:
        """Forget whose the last session was: one that ended well is never continued."""
        own = self._read_own()
        if own.last_session is not None:
            self._write_own(msgspec.structs.replace(own, last_session=None))

    def sessions_of(self, code: str) -> int:
        """Return how many sessions of ``code`` began here; 0 of one nobody knows."""
        client = self._read_own().clients.get(parse_client_code(code))
        return 0 if client is None else client.sessions

    def uncount_session(self, code: str, *, continues: bool = False) -> None:
        """Take back the count of a session of ``code`` that was discarded."""
        own = self._read_own()
        client = own.clients[parse_client_code(code)]
        fewer = client.sessions if continues else max(0, client.sessions - 1)
        back = msgspec.structs.replace(client, sessions=fewer)
        self._write_own(
            msgspec.structs.replace(
                own,
                clients=own.clients | {parse_client_code(code): back},
                last_session=None,
            )
        )

    def interrupted(self) -> LastSession | None:
        """Return the session begun last that did not end well, and whose it is."""
        return self._read_own().last_session

    def check_continued(self, code: str, session: UUID) -> None:
        """Raise ClientCodeError unless ``session`` was begun last here and with ``code``.

        Its sheet can't tell: only the lab can open it.
        """
        last = self._read_own().last_session
        hint = "start a new session without --continue"
        if last is None or last.session != session:
            raise ClientCodeError(
                "the box does not know whose the session that was cut off is", hint=hint
            )
        if last.code != parse_client_code(code):
            raise ClientCodeError(
                "the session that was cut off was another client's", hint=hint
            )

    def _read_own(self) -> BoxRegister:
        return decode_register(read_private(self.own_path), BoxRegister)

    def _write_own(self, register: BoxRegister) -> None:
        write_atomic(self.own_path, encode_register(register), mode=PRIVATE)

    def _read_lab(self, newest: int) -> LabRegister:
        """Return the lab's register, or an empty one where it never sent any."""
        path = self.lab_folder / "clients.json"
        if not path.exists() and newest == 0:
            return LabRegister()
        hint = "fetch it again, or on the lab's PC: fieldrec-lab publish --box BOX"
        try:
            content, signature = read_signed(path)
            signers = (self.lab_folder / "allowed_signers").read_text("utf-8")
            verify(
                content,
                signature.decode("ascii"),
                namespace=NAMESPACE_CLIENTS,
                principal=LAB_PRINCIPAL,
                signers=AllowedSigners.parse(signers),
            )
        except (OSError, UnicodeDecodeError, FormatError) as error:
            what = error.message if isinstance(error, FieldrecError) else str(error)
            raise RegisterError(
                f"the lab's register of clients: {what}", hint=hint
            ) from error
        register = decode_register(content, LabRegister)
        if register.serial < newest:
            raise RegisterError(
                f"the lab's register of clients has serial {register.serial}, "
                f"older than {newest} seen before",
                hint=hint,
            )
        return register


def _given_consent(scopes: frozenset[str] | None, form: str | None) -> ConsentRecord | None:
    if scopes is None and not form:
        return None
    if not scopes or not form:
        raise ConsentError(
            "a consent needs both its scopes and the version of the signed form",
            hint=_GIVE_CONSENT,
        )
    if unknown := scopes.difference(SCOPES):
        raise ConsentError(
            f"consent scope {min(unknown)!r} is unknown",
            hint=f"scopes are {','.join(SCOPES)}",
        )
    return ConsentRecord(_only(scopes), form)


def _only(scopes: frozenset[str]) -> frozenset[Scope]:
    return frozenset(scope for scope in SCOPES if scope in scopes)


def _check_known(code: str, own: BoxRegister, lab: LabRegister) -> None:
    if code in lab.blocked:
        raise ClientCodeError(
            "this client code is blocked by the lab", hint="do not record; ask the lab"
        )
    if code not in own.clients and code not in lab.pool and code not in lab.clients:
        raise ClientCodeError(
            "this client code is unknown to this box and to the lab",
            hint="take an unused code from the lab: fieldrec-lab client new, then publish",
        )


def _effective(
    here: BoxClient | None, lab: ConsentRecord | None, given: ConsentRecord | None
) -> BoxClient:
    """Combine what is on file with what was signed now: never wider than any of them.

    A new version of the form replaces the box's own record; signing the same version
    again can only narrow it.
    """
    known = ConsentRecord(here.scopes, here.form) if here else lab
    latest = given or known
    if latest is None:
        raise ConsentError("a new client has no consent on file", hint=_GIVE_CONSENT)
    scopes = latest.scopes
    if known is not None and known.form == latest.form:
        scopes &= known.scopes
    if lab is not None:
        scopes &= lab.scopes
    old = here or BoxClient(scopes, latest.form)
    return msgspec.structs.replace(old, scopes=scopes, form=latest.form)


def _consent(code: str, client: BoxClient) -> Consent:
    return Consent(code, client.scopes, client.form, client.sessions, client.signed_on)
