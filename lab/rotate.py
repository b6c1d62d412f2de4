"""Change the lab's signing key while boxes are in the field, in two steps.

1. A next key is made and named beside the present one. Boxes learn both from fleet.json.
2. The next key becomes the present one. The former stays named, so that what it signed
   is believed until fresh receipts and registers are there.
Beginning the next change forgets the former key; what it signed for the lab itself stays
believed (see `lab.act_signers`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from lab.act_signers import remember_act_signer
from lab.settings import PRINCIPAL
from recorder.files import PRIVATE, PUBLIC, locked, read_private, sync_folder, write_atomic
from recorder.format.manifest import NAMESPACE_CLIENTS, NAMESPACE_RECEIPT
from recorder.format.signers import AllowedSigners, public_blob
from recorder.format.sshsig import allowed_signers_line, load_private_key, public_line

if TYPE_CHECKING:
    from pathlib import Path

    from lab.settings import Lab

Step = Literal["prepared", "changed"]
SIGNERS_HEAD = "# Whose receipts and registers of clients boxes believe: the lab's.\n"


def rotate_receipt_key(lab: Lab) -> Step:
    """Take the next of the two steps and say which it was.

    A first step that was interrupted is finished before the second is taken.
    """
    with locked(lab.root):
        path = _next_path(lab)
        if path.exists() and _is_named(lab, load_private_key(read_private(path))):
            remember_act_signer(lab)
            path.replace(lab.receipt_key_path)
            sync_folder(path.parent)
            return "changed"
        if not path.exists():
            pem = Ed25519PrivateKey.generate().private_bytes(
                Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()
            )
            write_atomic(path, pem, mode=PRIVATE)
        keys = (lab.receipt_key(), load_private_key(read_private(path)))
        text = SIGNERS_HEAD + "".join(f"{signer_line(key)}\n" for key in keys)
        write_atomic(lab.public / "allowed_signers", text.encode(), mode=PUBLIC)
    return "prepared"


def signer_line(key: Ed25519PrivateKey) -> str:
    """Return the line by which boxes believe the lab's ``key``."""
    return allowed_signers_line(
        PRINCIPAL,
        public_line(key, PRINCIPAL),
        namespaces=[NAMESPACE_RECEIPT, NAMESPACE_CLIENTS],
    )


def _next_path(lab: Lab) -> Path:
    return lab.receipt_key_path.with_name(f"{lab.receipt_key_path.name}.next")


def _is_named(lab: Lab, key: Ed25519PrivateKey) -> bool:
    text = (lab.public / "allowed_signers").read_text("utf-8")
    blob = public_blob(key)
    return any(signer.key_blob == blob for signer in AllowedSigners.parse(text).signers)
