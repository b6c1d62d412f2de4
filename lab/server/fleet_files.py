"""What the server needs of FLEET/public: who certifies boxes, which exist, which not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.server.folder import is_device
from recorder.errors import FormatError, LabError
from recorder.files import PUBLIC, write_atomic
from recorder.format.signers import AllowedSigners, parse_public_line

if TYPE_CHECKING:
    from pathlib import Path

    from lab.server.folder import ServerFolder


@dataclass(frozen=True, slots=True)
class FleetFiles:
    """The authority's public key line, the revocation list, and every device's id."""

    user_ca: str
    krl: bytes
    devices: tuple[str, ...]


def read_fleet(public: Path) -> FleetFiles:
    """Read the folder FLEET/public; LabError where it is none or broken."""
    try:
        user_ca = (public / "user_ca.pub").read_text("ascii").strip()
        krl = (public / "krl").read_bytes()
        signers = AllowedSigners.parse((public / "allowed_signers").read_text("utf-8"))
        parse_public_line(user_ca)
    except OSError as error:
        raise LabError(
            f"{public} is no fleet's public folder: {error.filename}: {error.strerror}",
            hint="get FLEET/public from the technician, and name it with --fleet",
        ) from error
    except UnicodeDecodeError as error:
        raise LabError(f"a file in {public} is not text") from error
    except FormatError as error:
        raise LabError(f"{public}: {error.message}", hint=error.hint) from error
    names = {name for signer in signers.signers for name in signer.principals}
    return FleetFiles(user_ca, krl, tuple(sorted(filter(is_device, names))))


def install_fleet(server: ServerFolder, fleet: FleetFiles) -> None:
    """Put the authority and the revocation list where sshd reads them."""
    for path, content in (
        (server.user_ca, f"{fleet.user_ca}\n".encode()),
        (server.revoked, fleet.krl),
    ):
        if not path.exists() or path.read_bytes() != content:
            write_atomic(path, content, mode=PUBLIC)
