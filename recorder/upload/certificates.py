"""OpenSSH certificates: the box's own, and those of servers (PROTOCOL.certkeys).

Ed25519 only. Whether a certificate is valid now is asked with the wall clock, which a
box may have wrong: for the box's own certificate the server's word counts, and the date
only explains a refusal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
)

from recorder.errors import CertificateError
from recorder.format.signers import public_blob

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

CERTIFICATE_TYPE = "ssh-ed25519-cert-v01@openssh.com"
_RENEW = "the lab renews it: fieldrec sync --from-card, or ask for a new one"
_FOREVER = 2**63


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says; times are seconds since 1970."""

    key_blob: bytes
    authority_blob: bytes
    host: bool
    principals: frozenset[str]
    valid_after_s: int
    valid_before_s: int

    def is_valid(self, wall_s: int) -> bool:
        """Tell whether it is valid at ``wall_s``, as OpenSSH counts it."""
        return self.valid_after_s <= wall_s < self.valid_before_s

    def validity(self) -> str:
        """Return its dates for a person, in UTC."""
        return f"from {_date(self.valid_after_s)} to {_date(self.valid_before_s)}"


def parse_certificate(line: bytes) -> Certificate:
    """Read a certificate line and check its authority's signature; CertificateError."""
    try:
        certificate = load_ssh_public_identity(line.strip())
        if not isinstance(certificate, SSHCertificate):
            raise CertificateError("not a certificate but a plain key")
        certificate.verify_cert_signature()
        key, authority = certificate.public_key(), certificate.signature_key()
    except (ValueError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise CertificateError(f"not a sound OpenSSH certificate: {error}") from error
    if not isinstance(key, Ed25519PublicKey) or not isinstance(authority, Ed25519PublicKey):
        raise CertificateError("the certificate or its authority is not of type Ed25519")
    if certificate.critical_options and certificate.type is SSHCertificateType.HOST:
        raise CertificateError("a host certificate with critical options")
    return Certificate(
        key_blob=public_blob(key),
        authority_blob=public_blob(authority),
        host=certificate.type is SSHCertificateType.HOST,
        principals=frozenset(each.decode("utf-8") for each in certificate.valid_principals),
        valid_after_s=certificate.valid_after,
        valid_before_s=certificate.valid_before,
    )


def check_own(certificate: Certificate, key: Ed25519PrivateKey, name: str) -> None:
    """Refuse a certificate that is not for this box's key and ``name``."""
    if certificate.host or certificate.key_blob != public_blob(key):
        raise CertificateError("the certificate is not for this box's key", hint=_RENEW)
    if name not in certificate.principals:
        names = ", ".join(sorted(certificate.principals)) or "nobody"
        raise CertificateError(f"the certificate is for {names}, not {name}", hint=_RENEW)


def read_own(path: Path) -> Certificate:
    """Read the box's certificate; CertificateError where there is none."""
    try:
        return parse_certificate(path.read_bytes())
    except OSError as error:
        raise CertificateError(
            f"certificate {path}: {error.strerror}", hint=_RENEW
        ) from error
    except CertificateError as error:
        raise CertificateError(f"{path}: {error.message}", hint=_RENEW) from error


def explain_refusal(certificate: Certificate, wall_s: int) -> CertificateError | None:
    """Return why the server refused, if by our clock it is the certificate's dates."""
    if certificate.is_valid(wall_s):
        return None
    state = "expired on" if wall_s >= certificate.valid_before_s else "is valid only from"
    moment = (
        certificate.valid_before_s
        if wall_s >= certificate.valid_before_s
        else certificate.valid_after_s
    )
    return CertificateError(
        f"the box's certificate {state} {_date(moment)}; recording goes on, sending waits",
        hint=_RENEW,
    )


def _date(at_s: int) -> str:
    if at_s >= _FOREVER:
        return "ever"
    try:
        return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return f"second {at_s}"
