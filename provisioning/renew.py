"""Certificates: a box's first one, and a new one well before the old one expires.

All certificates of a box have its number as their serial. OpenSSH asks serials to be
unique for nothing but revocation, and here one revoked serial shall hit them all.
"""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.openssh import certify
from provisioning.registry import utc_text
from recorder.errors import CertificateError, ProvisionError
from recorder.files import PUBLIC, write_atomic
from recorder.format.signers import parse_public_line, public_blob
from recorder.upload.certificates import parse_certificate

if TYPE_CHECKING:
    from provisioning.fleet import Fleet
    from provisioning.registry import Device
    from recorder.upload.certificates import Certificate

CERTIFICATE_DAYS = 365
RENEW_DAYS = 90
_RENEW = "renew the box folder: fieldrec-provision publish --fleet FLEET --box BOX"


def certificate_of(fleet: Fleet, device: Device, *, now: datetime) -> tuple[str, bool]:
    """Return the certificate ``device`` shall have, and whether it is a new one.

    A new one is made where the present one is missing, expires within RENEW_DAYS or was
    signed by another authority. The caller holds the fleet's lock.
    """
    text = present_certificate(fleet, device, now=now)
    if text is not None:
        return text, False
    if device.lost_since is not None:
        raise ProvisionError(
            f"{device.id} is lost; it gets no certificate",
            hint="a box that came back is made anew: fieldrec-provision device new",
        )
    text = _certify(fleet, device)
    write_atomic(fleet.file_of(device, "-cert.pub"), text.encode(), mode=PUBLIC)
    return text, True


def present_certificate(fleet: Fleet, device: Device, *, now: datetime) -> str | None:
    """Return the certificate of ``device``; None where it shall get a new one."""
    try:
        text = fleet.file_of(device, "-cert.pub").read_text("ascii")
        serves = _serves(fleet, parse_certificate(text.encode()), now)
    except (FileNotFoundError, UnicodeDecodeError, CertificateError):
        return None  # a registry from a backup may lack it: the public key is enough
    return text if serves else None


def valid_until(fleet: Fleet, device: Device) -> datetime | None:
    """Return when the newest certificate of ``device`` expires; None for no such file."""
    try:
        content = fleet.file_of(device, "-cert.pub").read_bytes()
        return datetime.fromtimestamp(parse_certificate(content).valid_before_s, UTC)
    except (FileNotFoundError, CertificateError):
        return None


def check_box_certificate(path: Path, *, now: datetime) -> None:
    """Raise ProvisionError where the certificate ``path`` of a box is not valid now."""
    try:
        certificate = parse_certificate(path.read_bytes())
    except (OSError, CertificateError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ProvisionError(f"{path}: {why}", hint=_RENEW) from error
    if not certificate.is_valid(int(now.timestamp())):
        raise ProvisionError(
            f"{path} is valid {certificate.validity()}; now it is {utc_text(now)}",
            hint=_RENEW,
        )


def _serves(fleet: Fleet, certificate: Certificate, now: datetime) -> bool:
    authority = fleet.authority_path.with_suffix(".pub").read_text("ascii")
    signed_by = public_blob(parse_public_line(authority))
    due = now + timedelta(days=RENEW_DAYS)
    return certificate.authority_blob == signed_by and certificate.is_valid(
        int(due.timestamp())
    )


def _certify(fleet: Fleet, device: Device) -> str:
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder) / "key"
        key.with_suffix(".pub").write_text(f"{device.public_key}\n", "ascii")
        certify_box(fleet, key, name=device.name, serial=device.number)
        return (Path(folder) / "key-cert.pub").read_text("ascii")


def certify_box(fleet: Fleet, key: Path, *, name: str, serial: int) -> None:
    """Write the certificate of ``key``.pub beside it."""
    certify(
        key,
        authority=fleet.authority_path,
        name=name,
        serial=serial,
        days=CERTIFICATE_DAYS,
    )


def keep_certificate(fleet: Fleet, device: Device, path: Path) -> None:
    """Keep a copy of the certificate ``path`` of ``device`` in the registry."""
    shutil.copyfile(path, fleet.file_of(device, "-cert.pub"))
