"""With which keys the lab's acts are checked: the present one, and every one before it.

An act, such as an acceptance, is signed once and counts for ever, so a rotated key must
stay known. LAB/secret keeps the former public keys: whoever could add one there could as
well sign with the present key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.settings import PRINCIPAL
from recorder.errors import FormatError, LabError
from recorder.files import PRIVATE, read_private, write_atomic
from recorder.format.signers import AllowedSigners, allowed_signers_line, public_line

if TYPE_CHECKING:
    from lab.settings import Lab

NAMESPACE_ACT = "fieldrec-act"
_HEAD = "# With which keys this lab ever signed acts. Never remove a line.\n"


def read_act_signers(lab: Lab) -> AllowedSigners:
    """Return whose acts count; LabError or KeyFileError where that can't be told."""
    text = _read(lab) + _line(lab)
    try:
        return AllowedSigners.parse(text)
    except FormatError as error:
        raise LabError(f"{lab.act_signers_path}: {error.message}") from error


def remember_act_signer(lab: Lab) -> None:
    """Keep the lab's present public key, so that its acts outlive it."""
    text, line = _read(lab), _line(lab)
    if line not in text.splitlines(keepends=True):
        content = (text or _HEAD) + line
        write_atomic(lab.act_signers_path, content.encode(), mode=PRIVATE)


def _read(lab: Lab) -> str:
    if not lab.act_signers_path.exists():
        return ""  # a lab that never changed its key
    try:
        return read_private(lab.act_signers_path).decode("ascii")
    except UnicodeDecodeError as error:
        raise LabError(f"{lab.act_signers_path} can't be read: {error}") from error


def _line(lab: Lab) -> str:
    public = public_line(lab.receipt_key(), PRINCIPAL)
    return allowed_signers_line(PRINCIPAL, public, namespaces=[NAMESPACE_ACT]) + "\n"
