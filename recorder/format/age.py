"""Seal bytes with age v1 (https://c2sp.org/age) so that the box can't read them.

This module only encrypts; nothing on the box can open what it writes. Recipients are age
public keys of the lab: X25519, or the post-quantum hybrid ML-KEM-768 with X25519.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from recorder.errors import FormatError, RecipientsError
from recorder.format import bech32

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

VERSION_LINE = b"age-encryption.org/v1\n"
CHUNK_BYTES = 64 * 1024
TAG_BYTES = 16
NONCE_BYTES = 16
FILE_KEY_BYTES = 16
X25519_KEY_BYTES = 32
X25519_INFO = b"age-encryption.org/v1/X25519"
MLKEM_KEY_BYTES = 1184
HYBRID_SHARE_BYTES = 1120
HYBRID_INFO = b"age-encryption.org/mlkem768x25519"
HYBRID_SUITE = hpke.Suite(
    hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305
)
_NEEDED_RECIPIENTS = 2


@dataclass(frozen=True, slots=True)
class X25519Recipient:
    """An ``age1...`` public key, 32 bytes; RecipientsError if it can't be used."""

    public_key: bytes

    def __post_init__(self) -> None:
        _check_length(self.public_key, X25519_KEY_BYTES)
        _check_x25519(self.public_key)

    def stanza(self, file_key: bytes, random_bytes: Callable[[int], bytes]) -> bytes:
        """Wrap ``file_key`` for this recipient (age, "X25519 recipient stanza")."""
        ephemeral = X25519PrivateKey.from_private_bytes(random_bytes(X25519_KEY_BYTES))
        share = ephemeral.public_key().public_bytes_raw()
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(self.public_key))
        key = derive_key(shared, salt=share + self.public_key, info=X25519_INFO)
        body = ChaCha20Poly1305(key).encrypt(bytes(12), file_key, None)
        return _stanza("X25519", share, body)


@dataclass(frozen=True, slots=True)
class HybridRecipient:
    """An ``age1pq1...`` public key: ML-KEM-768 (1184 bytes), then X25519 (32 bytes)."""

    public_key: bytes

    def __post_init__(self) -> None:
        _check_length(self.public_key, MLKEM_KEY_BYTES + X25519_KEY_BYTES)
        _check_x25519(self.public_key[MLKEM_KEY_BYTES:])
        try:
            self._hpke_key()
        except ValueError as error:
            raise RecipientsError("a recipient is not an ML-KEM-768 key") from error

    def stanza(self, file_key: bytes, _random_bytes: Callable[[int], bytes]) -> bytes:
        """Wrap ``file_key`` (age, "mlkem768x25519 recipient stanza").

        HPKE draws its own randomness from the operating system.
        """
        sealed = HYBRID_SUITE.encrypt(file_key, self._hpke_key(), HYBRID_INFO)
        share, body = sealed[:HYBRID_SHARE_BYTES], sealed[HYBRID_SHARE_BYTES:]
        return _stanza("mlkem768x25519", share, body)

    def _hpke_key(self) -> hpke.MLKEM768X25519PublicKey:
        return hpke.MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(self.public_key[:MLKEM_KEY_BYTES]),
            X25519PublicKey.from_public_bytes(self.public_key[MLKEM_KEY_BYTES:]),
        )


Recipient = X25519Recipient | HybridRecipient
_TYPES: dict[str, type[Recipient]] = {"age": X25519Recipient, "age1pq": HybridRecipient}


def parse_recipient(text: str) -> Recipient:
    """Return the public key in ``text`` or raise RecipientsError, never echoing it."""
    text = text.strip()
    if text.upper().startswith("AGE-SECRET-KEY-"):
        raise RecipientsError(
            "a private key stands where a public key belongs",
            hint="give the line that begins with age1; take the private key off this"
            " computer and replace it, others may have seen it",
        )
    try:
        hrp, public_key = bech32.decode(text)
    except FormatError as error:
        raise RecipientsError(
            f"a recipient can't be read: {error.message}", hint="copy the whole line again"
        ) from error
    if hrp not in _TYPES:
        raise RecipientsError(
            f"recipients of type {hrp[:20]!r} are unknown",
            hint="public keys begin with age1 or age1pq1",
        )
    return _TYPES[hrp](public_key)


def parse_recipients(text: str) -> tuple[Recipient, ...]:
    """Return the recipients of a recipients file: one a line, ``#`` begins a comment."""
    recipients = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            recipients.append(parse_recipient(line))
        except RecipientsError as error:
            message = f"recipients, line {number}: {error.message}"
            raise RecipientsError(message, hint=error.hint) from error
    return tuple(recipients)


def check_recipients(recipients: Sequence[Recipient]) -> None:
    """Raise RecipientsError unless there are two different keys, all of one type."""
    _check_usable(recipients)
    if len(set(recipients)) < _NEEDED_RECIPIENTS:
        raise RecipientsError(
            "there is only one recipient; at least 2 are needed",
            hint="add the lab's offline recovery key: one lost key must not lose sessions",
        )


def recipient_text(recipient: Recipient) -> str:
    """Return the recipient as age writes it, ``age1...`` or ``age1pq1...``."""
    hrp = "age" if isinstance(recipient, X25519Recipient) else "age1pq"
    return bech32.encode(hrp, recipient.public_key)


def fingerprint(recipient: Recipient) -> str:
    """Return ``SHA256:`` and the unpadded base64 of the SHA-256 of the key's text."""
    digest = hashlib.sha256(recipient_text(recipient).encode("ascii")).digest()
    return f"SHA256:{encode_base64(digest)}"


def seal_chunks(
    plaintext: Iterable[bytes | bytearray | memoryview],
    recipients: Sequence[Recipient],
    *,
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> Iterator[bytes]:
    """Seal ``plaintext`` piece by piece; yield the age file in order.

    Holds at most one 64 KiB chunk and the piece at hand. Nothing is final until the
    iterator ends: a file cut before that is refused by every reader. Raises
    RecipientsError at once for no or mixed recipients.
    """
    _check_usable(recipients)
    file_key = random_bytes(FILE_KEY_BYTES)
    header = VERSION_LINE
    header += b"".join(each.stanza(file_key, random_bytes) for each in recipients)
    header += b"---"
    mac = encode_base64(header_mac(file_key, header)).encode("ascii")
    nonce = random_bytes(NONCE_BYTES)
    return _seal(
        plaintext, header + b" " + mac + b"\n" + nonce, payload_key(file_key, nonce)
    )


def seal(
    plaintext: bytes,
    recipients: Sequence[Recipient],
    *,
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> bytes:
    """Return ``plaintext`` sealed as one age file."""
    return b"".join(seal_chunks((plaintext,), recipients, random_bytes=random_bytes))


def derive_key(secret: bytes, *, salt: bytes, info: bytes) -> bytes:
    """Return HKDF-SHA-256 of ``secret``, 32 bytes."""
    return HKDF(hashes.SHA256(), 32, salt, info).derive(secret)


def header_mac(file_key: bytes, header: bytes) -> bytes:
    """Return the MAC of ``header``, which ends with ``---`` (age, "Header MAC")."""
    key = derive_key(file_key, salt=b"", info=b"header")
    return hmac.digest(key, header, "sha256")


def payload_key(file_key: bytes, nonce: bytes) -> bytes:
    """Return the key of the chunks (age, "Payload")."""
    return derive_key(file_key, salt=nonce, info=b"payload")


def chunk_nonce(index: int, *, final: bool) -> bytes:
    """Return the AEAD nonce of chunk ``index``: 11 bytes of counter, 1 of final flag."""
    return index.to_bytes(11) + bytes([final])


def encode_base64(data: bytes) -> str:
    """Return standard base64 without padding, the only base64 of age."""
    return base64.b64encode(data).decode("ascii").rstrip("=")


def decode_base64(text: str) -> bytes:
    """Return the bytes of canonical unpadded base64; raise FormatError otherwise."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise FormatError("age header: not base64") from error
    if encode_base64(data) != text:
        raise FormatError("age header: base64 is not canonical")
    return data


def _seal(
    plaintext: Iterable[bytes | bytearray | memoryview], head: bytes, key: bytes
) -> Iterator[bytes]:
    cipher = ChaCha20Poly1305(key)
    yield head
    index = 0
    pending = bytearray()
    for full in _full_before_more(plaintext, pending):
        yield cipher.encrypt(chunk_nonce(index, final=False), full, None)
        index += 1
    yield cipher.encrypt(chunk_nonce(index, final=True), bytes(pending), None)


def _full_before_more(
    plaintext: Iterable[bytes | bytearray | memoryview], pending: bytearray
) -> Iterator[bytes]:
    """Yield each full chunk once a byte follows it; the rest stays in ``pending``.

    Only the last chunk is final and it may be full, so a full chunk has to wait.
    """
    for piece in plaintext:
        with memoryview(piece) as view, view.cast("B") as octets:
            start = 0
            while start < len(octets):
                if len(pending) == CHUNK_BYTES:
                    yield bytes(pending)
                    pending.clear()
                end = start + CHUNK_BYTES - len(pending)
                pending += octets[start:end]
                start = end


def _check_usable(recipients: Sequence[Recipient]) -> None:
    if not recipients:
        raise RecipientsError("there are no recipients", hint="add the lab's public keys")
    if len({type(recipient) for recipient in recipients}) > 1:
        raise RecipientsError(
            "recipients of both types are mixed: a file is only as strong as its weakest",
            hint="use keys that all begin with age1pq1, or none",
        )


def _check_length(public_key: bytes, length_bytes: int) -> None:
    if len(public_key) != length_bytes:
        raise RecipientsError(
            f"a recipient has {len(public_key)} bytes, its type has {length_bytes}"
        )


def _check_x25519(public_key: bytes) -> None:
    """Refuse points of low order: the secret shared with them is known to everybody."""
    probe = X25519PrivateKey.from_private_bytes(bytes([1] * X25519_KEY_BYTES))
    try:
        probe.exchange(X25519PublicKey.from_public_bytes(public_key))
    except ValueError as error:
        raise RecipientsError("a recipient is not a usable X25519 key") from error


def _stanza(name: str, share: bytes, body: bytes) -> bytes:
    """Write a stanza; a wrapped file key is 43 characters, so its body is one line."""
    return f"-> {name} {encode_base64(share)}\n{encode_base64(body)}\n".encode("ascii")
