"""Make a lab: its keys, what boxes get from it, and the recovery key it must not keep.

Recordings are sealed for two identities: the working one, on the lab's computer, and the
recovery one, which is printed and locked away. The recovery identity is written before the
lab exists, so that no lab can be without one; a lab is made whole or not at all.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from lab.clients import write_register
from lab.identity import HybridIdentity, X25519Identity, write_identity
from lab.rotate import SIGNERS_HEAD, signer_line
from lab.settings import Lab, settings_text
from recorder.errors import LabError
from recorder.files import PRIVATE, PUBLIC, check_new, create, new_folder
from recorder.format.age import recipient_text
from recorder.format.codebook import default_codebook_text
from recorder.format.registers import LabRegister

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.identity import Identity

_SHEET = """\
FIELDREC: RECOVERY KEY OF THE LAB

This key opens every recording of the lab. It is the only way to open them when the lab's
working key is lost.

  1. Print two copies of this sheet.
  2. Seal them in envelopes; keep them in two locked places outside the lab's computers.
  3. Delete this file and {name} from this computer.
  4. Once a year, open one envelope and check that the key still opens a recording:
     type the line below into a file and give it with
     fieldrec-lab open SESSION --lab LAB --out DIR --identity FILE

The key (one line, no spaces; capital letters and digits, never the digit 1 after the
first one, never the letters B, I, O):

{identity}

It belongs to this public key, which begins with:

{recipient}...
"""


@dataclass(frozen=True, slots=True)
class NewLab:
    """What `init_lab` made; the recovery file and its sheet are to be taken away."""

    root: Path
    recovery: Path
    sheet: Path


def init_lab(root: Path, *, recovery_out: Path, post_quantum: bool = True) -> NewLab:
    """Make the lab's folder ``root``; write the recovery identity to ``recovery_out`` only.

    Raises LabError where one of the files is in the way or would lie inside the lab.
    """
    sheet = recovery_out.with_name(f"{recovery_out.name}.sheet.txt")
    _check_places(root, recovery_out, sheet)
    identity_type = HybridIdentity if post_quantum else X25519Identity
    working, recovery = identity_type.generate(), identity_type.generate()
    with _written(recovery_out, sheet, recovery), new_folder(root, mode=0o755) as folder:
        _fill(folder, working, recovery)
    return NewLab(root=root, recovery=recovery_out, sheet=sheet)


@contextmanager
def _written(recovery_out: Path, sheet: Path, recovery: Identity) -> Iterator[None]:
    """Write the recovery key and its sheet; take both back where the block fails."""
    with ExitStack() as undo:
        write_identity(recovery_out, recovery, note="fieldrec: the lab's recovery key")
        undo.callback(recovery_out.unlink, missing_ok=True)
        create(sheet, _sheet_text(recovery_out.name, recovery), mode=PRIVATE)
        undo.callback(sheet.unlink, missing_ok=True)
        yield
        undo.pop_all()


def _check_places(root: Path, recovery_out: Path, sheet: Path) -> None:
    check_new(root, LabError, hint="name a new folder for the lab")
    if recovery_out.resolve().is_relative_to(root.resolve()):
        raise LabError(
            f"the recovery key {recovery_out} would lie inside the lab's folder",
            hint="name a file elsewhere, best on a USB stick",
        )
    if not recovery_out.absolute().parent.is_dir():
        raise LabError(f"there is no folder {recovery_out.absolute().parent}")
    for path in (recovery_out, sheet):
        if path.is_symlink() or path.exists():
            raise LabError(
                f"{path} exists; a recovery key is never overwritten",
                hint="name another file, or move that one away",
            )


def _fill(folder: Path, working: Identity, recovery: Identity) -> None:
    lab = Lab(root=folder, fleet=None)
    lab.identity_path.parent.mkdir(mode=0o700)
    lab.public.mkdir()
    lab.public.chmod(0o755)  # to be handed over, whatever the umask is
    write_identity(lab.identity_path, working, note="fieldrec: the lab's working key")
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    create(lab.receipt_key_path, pem, mode=PRIVATE)
    write_register(lab, LabRegister())
    create(lab.settings_path, settings_text(None), mode=PUBLIC)
    for name in ("dataset.toml", "consent.toml"):
        create(lab.root / name, files("lab").joinpath(name).read_bytes(), mode=PUBLIC)
    for name, text in _public_files(working, recovery, key).items():
        create(lab.public / name, text.encode(), mode=PUBLIC)


def _public_files(
    working: Identity, recovery: Identity, key: Ed25519PrivateKey
) -> dict[str, str]:
    return {
        "recipients.txt": (
            "# For whom boxes seal recordings: age public keys, all of one type.\n"
            "# the lab's working key\n"
            f"{recipient_text(working.recipient)}\n"
            "# the lab's recovery key, kept offline\n"
            f"{recipient_text(recovery.recipient)}\n"
        ),
        "allowed_signers": f"{SIGNERS_HEAD}{signer_line(key)}\n",
        "codebook.toml": default_codebook_text(),
        "study.toml": files("lab").joinpath("study.toml").read_text("utf-8"),
    }


def _sheet_text(name: str, recovery: Identity) -> bytes:
    recipient = recipient_text(recovery.recipient)
    return _SHEET.format(
        name=name, identity=recovery.to_text(), recipient=recipient[:40]
    ).encode()
