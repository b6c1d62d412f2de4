"""Registers of client codes and consents: the lab's signed one and the box's own.

The lab's register goes to every box, signed in the namespace ``fieldrec-clients``; its
serial only grows. The box's own register adds the clients taken from the pool here,
counts their sessions and knows whose the newest is. Both are JSON, version 1; fields
unknown to us are let pass.
"""

from __future__ import annotations

from typing import Literal, TypeVar
from uuid import UUID  # noqa: TC003 - msgspec reads it at run time

import msgspec

from recorder.errors import ConsentError, RegisterError

Scope = Literal["eeg", "audio", "transcript", "sharing"]
SCOPES: tuple[Scope, ...] = ("eeg", "audio", "transcript", "sharing")


class ConsentRecord(msgspec.Struct, frozen=True):
    """What one client signed: scopes, and which version of the consent form."""

    scopes: frozenset[Scope]
    form: str


class LabRegister(msgspec.Struct, frozen=True):
    """The lab's word: unused codes, known consents, blocked codes; newest serial counts."""

    version: Literal[1] = 1
    serial: int = 0
    pool: tuple[str, ...] = ()
    clients: dict[str, ConsentRecord] = msgspec.field(default_factory=dict)
    blocked: tuple[str, ...] = ()


class BoxClient(msgspec.Struct, frozen=True):
    """One client as this box knows him: his consent and how many sessions began here.

    ``signed_on`` is the form's date as ``2026-01-31``, empty where nobody gave it. Of two
    clients the one with the higher ``turn`` was recorded later.
    """

    scopes: frozenset[Scope]
    form: str
    sessions: int = 0
    signed_on: str = ""
    turn: int = 0


class LastSession(msgspec.Struct, frozen=True):
    """The session being recorded, or cut off last, and whose it is."""

    code: str
    session: UUID


class BoxRegister(msgspec.Struct, frozen=True):
    """The box's own register, with the newest serial it ever accepted from the lab."""

    version: Literal[1] = 1
    lab_serial: int = 0
    clients: dict[str, BoxClient] = msgspec.field(default_factory=dict)
    last_session: LastSession | None = None


_Register = TypeVar("_Register", LabRegister, BoxRegister)


def encode_register(register: LabRegister | BoxRegister) -> bytes:
    """Return the register as JSON; equal registers give equal bytes."""
    plain = msgspec.json.encode(register, order="deterministic")
    return msgspec.json.format(plain, indent=1) + b"\n"


def decode_register(content: bytes, kind: type[_Register]) -> _Register:
    """Return the register in ``content``; RegisterError where it is not one."""
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise RegisterError(f"a register of clients can't be read: {error}") from error


def parse_scopes(text: str) -> frozenset[Scope]:
    """Return the consent scopes in a list such as ``eeg,audio``; ConsentError else."""
    names = {name.strip() for name in text.split(",")}
    scopes = frozenset(scope for scope in SCOPES if scope in names)
    if unknown := names.difference(SCOPES):
        raise ConsentError(
            f"consent scope {min(unknown)!r} is unknown",
            hint=f"scopes are {','.join(SCOPES)}",
        )
    return scopes


def list_scopes(scopes: frozenset[str]) -> str:
    """Return scopes as text, in their usual order."""
    return ",".join(scope for scope in SCOPES if scope in scopes)
