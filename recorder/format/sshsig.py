"""Sign and verify with SSHSIG (OpenSSH's PROTOCOL.sshsig), Ed25519 keys only.

``ssh-keygen -Y verify`` checks what `sign` makes, and `verify` reads what
``ssh-keygen -Y sign`` makes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from recorder.errors import FormatError, KeyFileError, SignatureError
from recorder.format.signers import (
    KEY_TYPE,
    AllowedSigner,
    AllowedSigners,
    allowed_signers_line,
    key_fingerprint,
    parse_public_blob,
    parse_public_line,
    public_blob,
    public_line,
)

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "AllowedSigner",
    "AllowedSigners",
    "allowed_signers_line",
    "key_fingerprint",
    "load_private_key",
    "parse_public_line",
    "public_line",
    "sign",
    "verify",
]

_MAGIC = b"SSHSIG"
_VERSION = 1
_BEGIN = "-----BEGIN SSH SIGNATURE-----"
_END = "-----END SSH SIGNATURE-----"
_COLUMNS = 70
_LENGTH_BYTES = 4
_HASHES = ("sha512", "sha256")


@dataclass(frozen=True, slots=True)
class _Signature:
    key_blob: bytes
    namespace: bytes
    hash_name: str
    raw: bytes


def load_private_key(data: bytes) -> Ed25519PrivateKey:
    """Return the key of an unencrypted OpenSSH Ed25519 private key file.

    Raises KeyFileError for every other kind; its message holds nothing of the key.
    """
    try:
        key = load_ssh_private_key(data, password=None)
    except TypeError as error:
        raise KeyFileError(
            "the private key is protected by a passphrase",
            hint="make one without: ssh-keygen -t ed25519 -N ''",
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileError(
            "not an OpenSSH private key", hint="make one: ssh-keygen -t ed25519 -N ''"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(
            "the private key is not of type Ed25519",
            hint="make one: ssh-keygen -t ed25519 -N ''",
        )
    return key


def sign(message: bytes, key: Ed25519PrivateKey, *, namespace: str) -> str:
    """Return the armored SSHSIG of ``message``, hashed with SHA-512."""
    if not namespace:
        raise FormatError("a signature needs a namespace")
    name = namespace.encode("utf-8")
    raw = key.sign(_signed_data(message, name, "sha512"))
    blob = _MAGIC + _VERSION.to_bytes(_LENGTH_BYTES)
    blob += _string(public_blob(key)) + _string(name) + _string(b"") + _string(b"sha512")
    blob += _string(_string(KEY_TYPE.encode("ascii")) + _string(raw))
    text = base64.b64encode(blob).decode("ascii")
    lines = [text[at : at + _COLUMNS] for at in range(0, len(text), _COLUMNS)]
    return "\n".join([_BEGIN, *lines, _END, ""])


def verify(
    message: bytes,
    signature: str,
    *,
    namespace: str,
    principal: str,
    signers: AllowedSigners,
    at: datetime | None = None,
) -> None:
    """Raise SignatureError unless ``principal`` signed ``message`` in ``namespace``.

    ``at`` is the time (with a zone) at which the key must have been valid. Where there is
    no trusted time, None accepts only keys whose line has no bounds of time.
    """
    if at is not None and at.tzinfo is None:
        raise FormatError("the time to verify at has no time zone")
    parsed = _parse(signature)
    if parsed.namespace != namespace.encode("utf-8"):
        made_for = parsed.namespace.decode("utf-8", "replace")[:80]
        raise SignatureError(f"the signature is for {made_for!r}, not for {namespace!r}")
    _check_signer(parsed, namespace, principal, signers, at)
    try:
        parse_public_blob(parsed.key_blob).verify(
            parsed.raw, _signed_data(message, parsed.namespace, parsed.hash_name)
        )
    except InvalidSignature as error:
        raise SignatureError(
            f"bad signature: {principal} did not sign these very bytes"
        ) from error


def _check_signer(
    parsed: _Signature,
    namespace: str,
    principal: str,
    signers: AllowedSigners,
    at: datetime | None,
) -> None:
    lines = [line for line in signers.signers if line.key_blob == parsed.key_blob]
    lines = [line for line in lines if line.is_principal(principal)]
    if not lines:
        fingerprint = key_fingerprint(parse_public_blob(parsed.key_blob))
        raise SignatureError(f"unknown key: {fingerprint} is no key of {principal}")
    lines = [line for line in lines if line.allows_namespace(namespace)]
    if not lines:
        raise SignatureError(f"the key of {principal} may not sign {namespace!r}")
    if not any(line.is_valid(at) for line in lines):
        moment = "without a known time" if at is None else f"at {at.isoformat()}"
        raise SignatureError(f"the key of {principal} is not valid {moment}")


def _signed_data(message: bytes, namespace: bytes, hash_name: str) -> bytes:
    """Return what is signed (PROTOCOL.sshsig section 3); the reserved field is empty."""
    digest = hashlib.new(hash_name, message).digest()
    fields = (namespace, b"", hash_name.encode("ascii"), digest)
    return _MAGIC + b"".join(_string(field) for field in fields)


def _parse(signature: str) -> _Signature:
    blob = _dearmor(signature)
    prefix = _MAGIC + _VERSION.to_bytes(_LENGTH_BYTES)
    if not blob.startswith(prefix):
        raise SignatureError("not an SSHSIG of version 1")
    # The reserved field is for later versions; today's readers must ignore it.
    key_blob, namespace, _reserved, hash_name, wrapped = _strings(blob[len(prefix) :], 5)
    algorithm, raw = _strings(wrapped, 2)
    if algorithm != KEY_TYPE.encode("ascii"):
        raise SignatureError(f"not an SSHSIG made with {KEY_TYPE}")
    names = [name for name in _HASHES if name.encode("ascii") == hash_name]
    if not names:
        raise SignatureError("not an SSHSIG with SHA-512 or SHA-256")
    try:
        parse_public_blob(key_blob)
    except FormatError as error:
        raise SignatureError(f"not an SSHSIG made with {KEY_TYPE}") from error
    return _Signature(key_blob, namespace, names[0], raw)


def _dearmor(signature: str) -> bytes:
    # Not splitlines(): it breaks lines also where OpenSSH sees a letter of the armor.
    lines = signature.replace("\r\n", "\n").removesuffix("\n").split("\n")
    if len(lines) <= 2 or lines[0] != _BEGIN or lines[-1] != _END:  # noqa: PLR2004 - first and last line
        raise SignatureError("not an SSHSIG: no SSH SIGNATURE armor")
    text = "".join(lines[1:-1])
    try:
        blob = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignatureError("not an SSHSIG: the armor is not base64") from error
    # Bits that fill up the last letter say nothing, and must not differ unnoticed.
    if base64.b64encode(blob).decode("ascii") != text:
        raise SignatureError("not an SSHSIG: the armor is not base64")
    return blob


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(_LENGTH_BYTES) + data


def _strings(data: bytes, count: int) -> list[bytes]:
    """Split ``data`` into exactly ``count`` SSH strings (RFC 4251 section 5)."""
    strings = []
    at = 0
    for _ in range(count):
        start = at + _LENGTH_BYTES
        at = start + int.from_bytes(data[at:start])
        if start > len(data) or at > len(data):
            raise SignatureError("not an SSHSIG: cut short")
        strings.append(data[start:at])
    if at != len(data):
        raise SignatureError("not an SSHSIG: bytes after its end")
    return strings
