"""The lab's folder: where its secrets, its public files and its registers are.

LAB/secret never leaves the lab's computer; LAB/public goes to the technician; LAB/lab.toml
remembers the fleet's public folder, LAB/clients.json is the register of client codes.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from recorder.errors import KeyFileError, LabError
from recorder.files import PUBLIC, read_private, write_atomic
from recorder.format.sshsig import load_private_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PRINCIPAL = "lab"


class _LabFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    fleet: str = ""


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab's folder; ``fleet`` is None until the first `publish` named it."""

    root: Path
    fleet: Path | None

    @classmethod
    def load(cls, root: Path, *, needs_secret: bool = True) -> Lab:
        """Return the lab in ``root``; LabError where there is none.

        Without ``needs_secret`` a lab that lost its secrets is still one.
        """
        lab = cls(root=root, fleet=None)
        needed = (lab.settings_path, lab.public, root / "secret")
        for path in needed if needs_secret else needed[:2]:
            if not path.exists():
                raise LabError(
                    f"{root} is no lab's folder: {path.name} is missing",
                    hint="make one with: fieldrec-lab init LAB --recovery-out FILE",
                )
        try:
            text = lab.settings_path.read_text("utf-8")
            fleet = msgspec.convert(tomllib.loads(text), type=_LabFile).fleet
        except (
            tomllib.TOMLDecodeError,
            UnicodeDecodeError,
            msgspec.ValidationError,
        ) as error:
            raise LabError(f"{lab.settings_path} can't be read: {error}") from error
        return cls(root=root, fleet=Path(fleet) if fleet else None)

    @property
    def settings_path(self) -> Path:
        """What the lab remembers: its fleet's public folder."""
        return self.root / "lab.toml"

    @property
    def public(self) -> Path:
        """The folder a technician gets: recipients, allowed_signers, codebook, study."""
        return self.root / "public"

    @property
    def identity_path(self) -> Path:
        """The working age identity, which opens recordings."""
        return self.root / "secret" / "identity.txt"

    @property
    def receipt_key_path(self) -> Path:
        """The Ed25519 key that signs receipts and the register of clients."""
        return self.root / "secret" / "receipt_ed25519"

    @property
    def act_signers_path(self) -> Path:
        """The public keys that signed the lab's acts before the present one."""
        return self.root / "secret" / "act_signers"

    @property
    def register_path(self) -> Path:
        """The register of client codes, as next published."""
        return self.root / "clients.json"

    @property
    def device_signers_path(self) -> Path:
        """The allowed_signers file of the fleet's boxes; LabError where none is known."""
        if self.fleet is None:
            raise LabError(
                "this lab does not know its fleet yet",
                hint="run: fieldrec-lab publish --lab LAB --fleet FLEET/public --box BOX",
            )
        path = self.fleet / "allowed_signers"
        if not path.is_file():
            raise LabError(
                f"the fleet's list of boxes {path} is missing",
                hint="name it again: fieldrec-lab publish --fleet FLEET/public",
            )
        return path

    def receipt_key(self) -> Ed25519PrivateKey:
        """Read the lab's signing key; KeyFileError where it isn't safe or isn't one."""
        content = read_private(self.receipt_key_path)
        try:
            return load_private_key(content)
        except KeyFileError as error:
            message = f"{self.receipt_key_path}: {error.message}"
            raise KeyFileError(message, hint=error.hint) from error

    def remember_fleet(self, fleet: Path) -> Lab:
        """Remember ``fleet``, a FLEET/public folder; LabError where it is none."""
        remembering = Lab(root=self.root, fleet=fleet.resolve())
        _ = remembering.device_signers_path
        write_atomic(self.settings_path, settings_text(remembering.fleet), mode=PUBLIC)
        return remembering


def settings_text(fleet: Path | None) -> bytes:
    """Return lab.toml for a lab with ``fleet``."""
    # A JSON string is a TOML basic string: the same quotes and escapes.
    value = json.dumps(str(fleet) if fleet else "", ensure_ascii=False)
    return (
        "# What this lab remembers. `fieldrec-lab publish` writes it.\n"
        "# fleet: the fleet's public folder; its allowed_signers names the boxes.\n"
        f"fleet = {value}\n"
    ).encode()
