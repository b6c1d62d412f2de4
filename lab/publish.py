"""Publish the register of clients: sign it with a new serial and hand it to the boxes.

The serial is spent before any box sees it, so that two registers never share one. All
boxes get the same register.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from lab.clients import read_register, write_register
from lab.registry import Registry
from lab.server.folder import is_device
from lab.settings import PRINCIPAL
from recorder.errors import FormatError, LabError
from recorder.files import locked, write_signed
from recorder.format.manifest import NAMESPACE_CLIENTS
from recorder.format.registers import LabRegister, encode_register
from recorder.format.sshsig import AllowedSigners, sign, verify
from recorder.mailbox import deliver, find_mailbox

if TYPE_CHECKING:
    from pathlib import Path

    from lab.settings import Lab

CLIENTS_FILE = "clients.json"


@dataclass(frozen=True, slots=True)
class SignedRegister:
    """A register ready to hand out: its serial, its bytes, the armored signature."""

    serial: int
    content: bytes
    signature: str


def sign_register(lab: Lab) -> SignedRegister:
    """Sign the register as it stands, under the next serial."""
    key = lab.receipt_key()
    with locked(lab.root):
        register = read_register(lab)
        register = msgspec.structs.replace(register, serial=register.serial + 1)
        write_register(lab, register)
    content = encode_register(register)
    return SignedRegister(
        register.serial, content, sign(content, key, namespace=NAMESPACE_CLIENTS)
    )


def publish_to_box(lab: Lab, box: Path) -> SignedRegister:
    """Write a freshly signed register into the box folder ``box``.

    Raises LabError where that is no box folder or the box trusts another lab.
    """
    folder = box / "lab"
    _check_trust(lab, folder / "allowed_signers")
    signed = sign_register(lab)
    write_signed(folder / CLIENTS_FILE, signed.content, signed.signature.encode())
    return signed


def publish_to_server(lab: Lab, root: Path) -> tuple[SignedRegister, tuple[str, ...]]:
    """Put a freshly signed register into every box's mailbox in ``root``.

    Returns the register and the boxes that got it: all of the fleet but lost and revoked
    ones. Raises LabError where there is no such folder and, when all others are served,
    for boxes without a mailbox.
    """
    devices = _boxes_in_hand(lab)
    mailboxes = {}
    refused = []
    for device in devices:
        try:
            mailboxes[device] = find_mailbox(root, device, LabError)
        except LabError as error:
            refused.append(error)
    if refused and not mailboxes:
        raise refused[0]
    signed = sign_register(lab)
    for mailbox in mailboxes.values():
        deliver(mailbox, CLIENTS_FILE, signed.content, signed.signature.encode())
    if refused:
        raise refused[0]
    return signed, devices


def _boxes_in_hand(lab: Lab) -> tuple[str, ...]:
    registry = Registry.load(lab)
    names = {name for signer in registry.signers.signers for name in signer.principals}
    devices = {name for name in names if is_device(name)}
    return tuple(sorted(devices.difference(registry.lost_since, registry.revoked)))


def _check_trust(lab: Lab, signers_path: Path) -> None:
    if not signers_path.is_file():
        raise LabError(
            f"{signers_path.parent.parent} is no box folder: no lab/allowed_signers in it",
            hint="make it with: fieldrec-provision device new --fleet FLEET --box BOX",
        )
    probe = encode_register(LabRegister())
    try:
        verify(
            probe,
            sign(probe, lab.receipt_key(), namespace=NAMESPACE_CLIENTS),
            namespace=NAMESPACE_CLIENTS,
            principal=PRINCIPAL,
            signers=AllowedSigners.parse(signers_path.read_text("utf-8")),
        )
    except FormatError as error:
        raise LabError(
            f"this box would not believe this lab: {error.message}",
            hint="provision the box with --lab LAB/public of this lab",
        ) from error
