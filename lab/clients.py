"""The lab's register of client codes: new codes, and consents the lab already holds.

LAB/clients.json names every code the lab ever gave out; it is what `publish` signs. A
code is never given twice.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import msgspec

from recorder.errors import ClientCodeError, ConsentError, LabError
from recorder.files import PRIVATE, locked, read_private, write_atomic
from recorder.format.registers import (
    ConsentRecord,
    LabRegister,
    decode_register,
    encode_register,
)
from recorder.identifiers import new_client_code, parse_client_code

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.settings import Lab
    from recorder.format.registers import Scope

MAX_COUNT = 1000


def new_clients(
    lab: Lab,
    *,
    count: int,
    scopes: frozenset[Scope] | None = None,
    form: str | None = None,
    choose: Callable[[str], str] = secrets.choice,
) -> tuple[str, ...]:
    """Add ``count`` new codes to the register and return them.

    Without ``scopes`` and ``form`` they join the pool: the box asks for the consent at the
    first session. With both, the lab already holds that consent.
    """
    if not 1 <= count <= MAX_COUNT:
        raise LabError(f"{count} new codes were asked for, allowed are 1 to {MAX_COUNT}")
    if bool(scopes) != bool(form):
        raise ConsentError(
            "a consent needs both its scopes and the version of the signed form",
            hint="give --scopes eeg,audio and --form VERSION, or neither",
        )
    with locked(lab.root):
        register = read_register(lab)
        codes = _new_codes(register, count, choose)
        if scopes and form:
            consent = ConsentRecord(scopes, form)
            clients = register.clients | dict.fromkeys(codes, consent)
            register = msgspec.structs.replace(register, clients=clients)
        else:
            register = msgspec.structs.replace(register, pool=(*register.pool, *codes))
        write_register(lab, register)
    return codes


def block_client(lab: Lab, code: str) -> bool:
    """Block ``code`` on every box that gets the next register; tell whether it is new.

    For good: boxes refuse an older register. ClientCodeError for a code never given out.
    """
    code = parse_client_code(code)
    with locked(lab.root):
        register = read_register(lab)
        if code in register.blocked:
            return False
        _check_given_out(register, code)
        blocked = (*register.blocked, code)
        write_register(lab, msgspec.structs.replace(register, blocked=blocked))
    return True


def set_consent(lab: Lab, code: str, scopes: frozenset[Scope], form: str) -> str:
    """Write what a client agrees to from now on into the register; return the code.

    Raises ClientCodeError for a code never given out or blocked.
    """
    code = parse_client_code(code)
    if not form.strip():
        raise ConsentError("a consent needs the version of the signed form")
    with locked(lab.root):
        register = read_register(lab)
        _check_usable(register, code)
        clients = register.clients | {code: ConsentRecord(scopes, form)}
        pool = tuple(known for known in register.pool if known != code)
        write_register(lab, msgspec.structs.replace(register, clients=clients, pool=pool))
    return code


def check_client(lab: Lab, code: str) -> str:
    """Return the code; ClientCodeError for one never given out, or blocked."""
    code = parse_client_code(code)
    _check_usable(read_register(lab), code)
    return code


def read_register(lab: Lab) -> LabRegister:
    """Return the register as it stands; RegisterError where it is broken."""
    return decode_register(read_private(lab.register_path), LabRegister)


def write_register(lab: Lab, register: LabRegister) -> None:
    """Replace the register; the caller holds the lock on the lab's folder."""
    write_atomic(lab.register_path, encode_register(register), mode=PRIVATE)


def _check_usable(register: LabRegister, code: str) -> None:
    if code in register.blocked:
        raise ClientCodeError("this client code is blocked for good")
    _check_given_out(register, code)


def _check_given_out(register: LabRegister, code: str) -> None:
    if code not in register.pool and code not in register.clients:
        raise ClientCodeError(
            "this client code was never given out by this lab",
            hint="read it again from the client's card",
        )


def _new_codes(
    register: LabRegister, count: int, choose: Callable[[str], str]
) -> tuple[str, ...]:
    taken = [*register.pool, *register.clients, *register.blocked]
    codes: list[str] = []
    for _ in range(count):
        codes.append(new_client_code([*taken, *codes], choose))
    return tuple(codes)
