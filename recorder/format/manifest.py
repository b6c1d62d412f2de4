"""The manifest: what a session consists of, as the box signs it.

Canonical JSON (keys sorted, UTF-8, no spaces, a newline at the end), so that one manifest
has one digest. Signed beside it with SSHSIG in NAMESPACE_MANIFEST.
"""

from __future__ import annotations

import hashlib
import re
from itertools import pairwise
from typing import Literal
from uuid import UUID

import msgspec

from recorder.errors import FormatError

NAMESPACE_MANIFEST = "fieldrec-manifest"
NAMESPACE_RECEIPT = "fieldrec-receipt"
NAMESPACE_CLIENTS = "fieldrec-clients"
NAMESPACE_FLEET = "fieldrec-fleet"
NAMESPACE_UPDATE = "fieldrec-update"
NAMESPACE_BENCH = "fieldrec-bench"

_MAX_SIZE_BYTES = 2**63 - 1
_MAX_SEQUENCE = 2**53  # whole numbers any reader of JSON keeps exactly
_MAX_PARTS = 9999  # a part's folder is named by four digits
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_DEVICE = re.compile(r"[A-Z0-9]+(-[A-Z0-9]+)*")
# No "~": it stands for "/" in the flat names on the lab's server. No leading dot: that
# covers "." and ".." and hidden files.
_SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_RESERVED = frozenset(
    {"manifest.json", "manifest.json.sig", "receipt.json", "receipt.json.sig"}
)


class FileEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sealed file as it lies on disk: its size in bytes and its SHA-256 in hex."""

    size: int
    sha256: str


class Manifest(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    omit_defaults=False,
):
    """One session of one box.

    ``chain`` is new whenever a box is provisioned; ``sequence`` counts the chain's
    manifests from 1 and ``previous`` is the SHA-256 of the one before ("" for the first).
    ``parts`` counts closed and open parts, ``erased`` lists the numbers of erased ones in
    ascending order, ``recipients`` holds fingerprints, ``files`` maps relative paths.
    """

    version: Literal[1] = 1
    device: str
    chain: str
    sequence: int
    previous: str
    session: str
    clean: bool
    discarded: bool
    parts: int
    erased: tuple[int, ...]
    recipients: tuple[str, ...]
    files: dict[str, FileEntry]


class _Version(msgspec.Struct):
    version: int


_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODER = msgspec.json.Decoder(Manifest)


def encode(manifest: Manifest) -> bytes:
    """Return the one byte form of ``manifest``; raise FormatError on impossible values."""
    _check(manifest)
    return _ENCODER.encode(manifest) + b"\n"


def parse(data: bytes) -> Manifest:
    """Read a manifest strictly; raise FormatError on anything `encode` would not write."""
    try:
        version = msgspec.json.decode(data, type=_Version).version
        if version != 1:
            raise FormatError(
                f"manifest of version {version}; this program reads version 1",
                hint="update this program",
            )
        manifest = _DECODER.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FormatError(f"manifest: {error}") from error
    if encode(manifest) != data:
        raise FormatError("manifest: not in canonical form (sorted keys, no spaces)")
    return manifest


def digest(data: bytes) -> str:
    """Return the SHA-256 of a manifest's bytes in hex."""
    return hashlib.sha256(data).hexdigest()


def _check(manifest: Manifest) -> None:
    _check_text("device", manifest.device, _DEVICE)
    _check_uuid("chain", manifest.chain)
    _check_uuid("session", manifest.session)
    _check_chain(manifest)
    _check_parts(manifest)
    for recipient in manifest.recipients:
        _check_text("recipients", recipient, _FINGERPRINT)
    for path, entry in manifest.files.items():
        _check_path(path)
        if not 0 <= entry.size <= _MAX_SIZE_BYTES:
            raise FormatError(f"manifest: {path} has a size of {entry.size} bytes")
        _check_text(f"sha256 of {path}", entry.sha256, _SHA256)


def _check_chain(manifest: Manifest) -> None:
    if not 1 <= manifest.sequence <= _MAX_SEQUENCE:
        raise FormatError(
            f"manifest: sequence is {manifest.sequence}, allowed are 1 to {_MAX_SEQUENCE}"
        )
    if (manifest.previous == "") != (manifest.sequence == 1):
        raise FormatError(
            f"manifest: sequence {manifest.sequence} with"
            f" {'a' if manifest.previous else 'no'} previous manifest"
        )
    if manifest.previous:
        _check_text("previous", manifest.previous, _SHA256)


def _check_parts(manifest: Manifest) -> None:
    if not 0 <= manifest.parts <= _MAX_PARTS:
        raise FormatError(f"manifest: parts is {manifest.parts}, at most {_MAX_PARTS}")
    edges = (0, *manifest.erased, _MAX_PARTS + 1)
    if not all(before < after for before, after in pairwise(edges)):
        raise FormatError(
            f"manifest: erased must be part numbers to {_MAX_PARTS} in ascending order"
        )


def _check_text(field: str, value: str, pattern: re.Pattern[str]) -> None:
    if not pattern.fullmatch(value):
        raise FormatError(f"manifest: {field} is {value[:80]!r}, not {pattern.pattern}")


def _check_uuid(field: str, value: str) -> None:
    try:
        canonical = str(UUID(value))
    except ValueError:
        canonical = ""
    if value != canonical:
        raise FormatError(f"manifest: {field} is {value[:80]!r}, not a UUID in lower case")


def _check_path(path: str) -> None:
    if not all(_SEGMENT.fullmatch(segment) for segment in path.split("/")):
        raise FormatError(
            f"manifest: path {path[:80]!r} is not relative, or holds more than"
            " letters, digits, '.', '_' and '-'"
        )
    if path in _RESERVED:
        raise FormatError(f"manifest: {path} can't be listed in a manifest")
