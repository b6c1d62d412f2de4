"""Names on the intake server: what lies where in its folder.

A box is its device id in lower case: the Unix user, the certificate's principal and the
folder it is locked into. What boxes write ends up under ``intake`` by the mover alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recorder.errors import LabError
from recorder.identifiers import has_right_check

if TYPE_CHECKING:
    from pathlib import Path

_DEVICE = re.compile(r"BOX-[0-9]{4}[0-9A-Z]")
# sshd splits commands at blanks and reads % and quotes; systemd reads % and $; no quoting
# suits them all.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._+@=,-]+")


@dataclass(frozen=True, slots=True)
class ServerFolder:
    """The server's folder: configuration, the boxes' folders, and the intake."""

    root: Path

    @property
    def sshd_config(self) -> Path:
        """The configuration of this sshd."""
        return self.root / "sshd_config"

    @property
    def host_key(self) -> Path:
        """The server's private host key; the public one is beside it."""
        return self.root / "host_key"

    @property
    def user_ca(self) -> Path:
        """The public key of the authority that certifies boxes."""
        return self.root / "user_ca.pub"

    @property
    def revoked(self) -> Path:
        """The revocation list (KRL) of keys and certificates."""
        return self.root / "krl"

    @property
    def principals(self) -> Path:
        """One file per box: the principal that may log in as this user."""
        return self.root / "principals"

    @property
    def boxes(self) -> Path:
        """One folder per box, in which it is locked."""
        return self.root / "boxes"

    @property
    def intake(self) -> Path:
        """Whole sessions by device, out of every box's reach."""
        return self.root / "intake"

    @property
    def staging(self) -> Path:
        """Where the mover builds a session before it appears in the intake."""
        return self.root / "staging"

    def up(self, user: str) -> Path:
        """Return where box ``user`` uploads to."""
        return self.boxes / user / "up"

    def receipts(self, user: str) -> Path:
        """Return where the lab leaves receipts and registers for box ``user``."""
        return self.boxes / user / "receipts"

    def users(self) -> tuple[str, ...]:
        """Return the boxes that have a folder."""
        if not self.boxes.is_dir():
            return ()
        names = (path.name for path in self.boxes.iterdir() if path.is_dir())
        return tuple(sorted(name for name in names if is_device(name.upper())))


def is_device(text: str) -> bool:
    """Tell whether ``text`` is a device id, such as ``BOX-0007Y``."""
    return bool(_DEVICE.fullmatch(text)) and has_right_check(text)


def parse_device(text: str) -> str:
    """Return the device id in ``text`` in upper case, or raise LabError."""
    device = text.strip().upper()
    if not is_device(device):
        raise LabError(
            f"{text[:40]!r} is no device id", hint="it is on the box's label: BOX-0007Y"
        )
    return device


def check_plain_path(root: Path) -> Path:
    """Return ``root`` made absolute; LabError where sshd or systemd would misread it."""
    absolute = root.absolute()
    if not _PLAIN_PATH.fullmatch(str(absolute)):
        raise LabError(
            f"the server's folder {absolute} holds a blank or a special character",
            hint="choose a path of letters, digits and / . _ + @ = , -",
        )
    return absolute
