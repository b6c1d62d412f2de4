"""age identities: the private keys that open recordings. They never leave the lab."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

from recorder.errors import FormatError, IdentityError, KeyFileError
from recorder.format import bech32
from recorder.format.age import (
    FILE_KEY_BYTES,
    HYBRID_INFO,
    HYBRID_SHARE_BYTES,
    HYBRID_SUITE,
    TAG_BYTES,
    X25519_INFO,
    X25519_KEY_BYTES,
    HybridRecipient,
    X25519Recipient,
    decode_base64,
    derive_key,
    recipient_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_SEED_BYTES = 32
_MLKEM_SEED_BYTES = 64
_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class X25519Identity:
    """An ``AGE-SECRET-KEY-1...``: 32 secret bytes."""

    hrp: ClassVar[str] = "AGE-SECRET-KEY-"
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _check_seed(self.seed)

    @classmethod
    def generate(cls, random_bytes: Callable[[int], bytes] = os.urandom) -> X25519Identity:
        """Return a new identity."""
        return cls(random_bytes(_SEED_BYTES))

    @property
    def recipient(self) -> X25519Recipient:
        """The public key, for the boxes."""
        return X25519Recipient(self._key().public_key().public_bytes_raw())

    def to_text(self) -> str:
        """Return the identity as age writes it. A secret."""
        return bech32.encode(self.hrp, self.seed)

    def unwrap(self, arguments: Sequence[str], body: bytes) -> bytes | None:
        """Return the file key in a stanza, or None where it is another's.

        Raises FormatError for an X25519 stanza that the standard forbids.
        """
        if arguments[0] != "X25519":
            return None
        share = _share(arguments, X25519_KEY_BYTES)
        _check_body(body)
        shared = _exchange(self._key(), share)
        salt = share + self.recipient.public_key
        key = derive_key(shared, salt=salt, info=X25519_INFO)
        try:
            return ChaCha20Poly1305(key).decrypt(bytes(12), body, None)
        except InvalidTag:
            return None

    def _key(self) -> X25519PrivateKey:
        return X25519PrivateKey.from_private_bytes(self.seed)


@dataclass(frozen=True, slots=True)
class HybridIdentity:
    """An ``AGE-SECRET-KEY-PQ-1...``: a seed of 32 secret bytes."""

    hrp: ClassVar[str] = "AGE-SECRET-KEY-PQ-"
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _check_seed(self.seed)

    @classmethod
    def generate(cls, random_bytes: Callable[[int], bytes] = os.urandom) -> HybridIdentity:
        """Return a new identity."""
        return cls(random_bytes(_SEED_BYTES))

    @property
    def recipient(self) -> HybridRecipient:
        """The public key, for the boxes."""
        mlkem, x25519 = self._keys()
        return HybridRecipient(
            mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        )

    def to_text(self) -> str:
        """Return the identity as age writes it. A secret."""
        return bech32.encode(self.hrp, self.seed)

    def unwrap(self, arguments: Sequence[str], body: bytes) -> bytes | None:
        """Return the file key in a stanza, or None where it is another's.

        Raises FormatError for an mlkem768x25519 stanza that the standard forbids.
        """
        if arguments[0] != "mlkem768x25519":
            return None
        share = _share(arguments, HYBRID_SHARE_BYTES)
        _check_body(body)
        mlkem, x25519 = self._keys()
        # HPKE would report a share of low order just as it reports another's stanza.
        _exchange(x25519, share[-X25519_KEY_BYTES:])
        key = MLKEM768X25519PrivateKey(mlkem, x25519)
        try:
            return HYBRID_SUITE.decrypt(share + body, key, HYBRID_INFO)
        except InvalidTag:
            return None

    def _keys(self) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
        """Expand the seed as the KEM MLKEM768-X25519 does (draft-ietf-hpke-pq)."""
        length = _MLKEM_SEED_BYTES + X25519_KEY_BYTES
        expanded = hashlib.shake_256(self.seed).digest(length)
        return (
            MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED_BYTES]),
            X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED_BYTES:]),
        )


Identity = X25519Identity | HybridIdentity
_TYPES: tuple[type[Identity], ...] = (X25519Identity, HybridIdentity)


def parse_identity(text: str) -> Identity:
    """Return the identity in ``text`` or raise IdentityError, never echoing it."""
    try:
        hrp, seed = bech32.decode(text.strip())
    except FormatError as error:
        raise IdentityError(f"an identity can't be read: {error.message}") from error
    for identity_type in _TYPES:
        if hrp == identity_type.hrp:
            return identity_type(seed)
    if hrp.startswith("age"):
        raise IdentityError(
            "a public key stands where an identity belongs",
            hint="identities begin with AGE-SECRET-KEY-",
        )
    raise IdentityError("this type of identity is unknown")


def write_identity(path: Path, identity: Identity, *, note: str) -> None:
    """Write ``identity`` to a new file only its owner can read (0600), and sync it.

    ``note`` and the public key go before it as comments. Raises KeyFileError where the
    file exists or can't be written.
    """
    comments = [*note.splitlines(), f"public key: {recipient_text(identity.recipient)}"]
    lines = [*(f"# {comment}" for comment in comments), identity.to_text(), ""]
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            file.write("\n".join(lines))
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(path.parent)
    except FileExistsError as error:
        raise KeyFileError(
            f"{path} exists; identities are never overwritten",
            hint="give another name, or move the old file away",
        ) from error
    except OSError as error:
        raise KeyFileError(f"{path} can't be written: {error.strerror}") from error


def read_identities(path: Path) -> tuple[Identity, ...]:
    """Return all identities of a file: one a line, ``#`` begins a comment.

    Raises KeyFileError where the file can't be read or others can read it, and
    IdentityError where it holds no identity or a broken one.
    """
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            if mode & _OTHERS:
                raise KeyFileError(
                    f"{path} has mode {mode:04o}: others can read this private key",
                    hint=f"chmod 600 {path}",
                )
            lines = file.read().splitlines()
    except OSError as error:
        raise KeyFileError(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise IdentityError(f"{path} is not a text of identities") from error
    return _parse_lines(path, lines)


def _parse_lines(path: Path, lines: Sequence[str]) -> tuple[Identity, ...]:
    identities = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            identities.append(parse_identity(line))
        except IdentityError as error:
            message = f"{path}, line {number}: {error.message}"
            raise IdentityError(message, hint=error.hint) from error
    if not identities:
        raise IdentityError(f"{path} holds no identity")
    return tuple(identities)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_seed(seed: bytes) -> None:
    if len(seed) != _SEED_BYTES:
        raise IdentityError(f"an identity has {len(seed)} bytes, not {_SEED_BYTES}")


def _share(arguments: Sequence[str], length_bytes: int) -> bytes:
    name, *rest = arguments
    if len(rest) != 1:
        raise FormatError(f"age header: {name} stanza has {len(rest)} arguments, not 1")
    share = decode_base64(rest[0])
    if len(share) != length_bytes:
        raise FormatError(
            f"age header: {name} share has {len(share)} bytes, not {length_bytes}"
        )
    return share


def _check_body(body: bytes) -> None:
    """Look at the length before any decryption (partitioning oracles)."""
    length_bytes = FILE_KEY_BYTES + TAG_BYTES
    if len(body) != length_bytes:
        raise FormatError(
            f"age header: stanza body has {len(body)} bytes, not {length_bytes}"
        )


def _exchange(key: X25519PrivateKey, share: bytes) -> bytes:
    try:
        return key.exchange(X25519PublicKey.from_public_bytes(share))
    except ValueError as error:
        raise FormatError("age header: share of low order, no shared secret") from error
