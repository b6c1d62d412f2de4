"""Who may sign a review: people of the lab, each with an Ed25519 SSH key of their own.

LAB/secret keeps the list as an ``allowed_signers`` file: whoever could add a line there
could as well open every recording.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from recorder.errors import FormatError, KeyFileError, ReviewError
from recorder.files import PRIVATE, read_private, write_atomic
from recorder.format.signers import AllowedSigners, allowed_signers_line, public_blob
from recorder.format.sshsig import load_private_key

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from lab.settings import Lab

NAMESPACE_TRANSCRIPT: Final = "fieldrec-transcript"
_HEAD: Final = "# Who may sign reviews of transcripts. `fieldrec-lab reviewer` writes it.\n"
_NAME: Final = re.compile(r"[a-z][a-z0-9._-]{1,30}")


def reviewers_path(lab: Lab) -> Path:
    """Return the list of reviewers."""
    return lab.root / "secret" / "reviewers"


def read_reviewers(lab: Lab) -> AllowedSigners:
    """Return who may sign; ReviewError where nobody may yet."""
    path = reviewers_path(lab)
    if not path.exists():
        raise ReviewError(
            "the lab has no reviewers yet",
            hint="add one: fieldrec-lab reviewer NAME --key NAME.pub --lab LAB",
        )
    try:
        return AllowedSigners.parse(read_private(path).decode("ascii"))
    except (UnicodeDecodeError, FormatError) as error:
        raise ReviewError(f"{path} can't be read: {error}") from error


def add_reviewer(lab: Lab, name: str, key: Path) -> None:
    """Let ``name`` sign with the public key in the file ``key``."""
    if not _NAME.fullmatch(name):
        raise ReviewError(
            f"{name[:40]!r} is no reviewer's name",
            hint="2 to 31 small Latin letters, digits, points and dashes: anna.k",
        )
    try:
        public = " ".join(key.read_text("ascii").split()[:2])
        line = allowed_signers_line(name, public, namespaces=[NAMESPACE_TRANSCRIPT])
        AllowedSigners.parse(line + "\n")
    except (OSError, UnicodeDecodeError, FormatError) as error:
        raise KeyFileError(
            f"{key} is no public key of type Ed25519",
            hint="make a key with: ssh-keygen -t ed25519 -N '' and give its .pub file",
        ) from error
    path = reviewers_path(lab)
    before = read_private(path).decode("ascii") if path.exists() else _HEAD
    if f"{line}\n" not in before:
        write_atomic(path, f"{before}{line}\n".encode(), mode=PRIVATE)


def read_reviewer_key(lab: Lab, name: str, key: Path) -> Ed25519PrivateKey:
    """Return the reviewer's private key; ReviewError unless it is the one of that name."""
    private = load_private_key(read_private(key))
    blob = public_blob(private)
    known = read_reviewers(lab).signers
    if not any(one.is_principal(name) and one.key_blob == blob for one in known):
        raise ReviewError(
            f"{key} is not the key of the reviewer {name[:40]}",
            hint="add it: fieldrec-lab reviewer NAME --key NAME.pub --lab LAB",
        )
    return private
