"""The receipt: the lab's signed word about exactly one manifest.

A box deletes a session only on a receipt of status ``verified`` or ``withdrawn`` whose
signature, device, session and manifest digest all match. Canonical JSON as the manifest
is, signed beside it with SSHSIG in NAMESPACE_RECEIPT.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Literal
from uuid import UUID

import msgspec

from recorder.errors import FormatError

Status = Literal["verified", "resend", "damaged", "withdrawn"]

MAX_RECEIPT_BYTES = 1 << 20
_DIGEST_IN_NAME = 16
_SHA256 = re.compile(r"[0-9a-f]{64}")
_DEVICE = re.compile(r"[A-Z0-9]+(-[A-Z0-9]+)*")
# As in a manifest: relative, no hidden names, no "~".
_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


class Receipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the lab says about the manifest of digest ``manifest_sha256``.

    ``files`` are the paths concerned, in ascending order; a ``resend`` names at least
    one. ``lab_sequence`` counts the lab's receipts from 1.
    """

    version: Literal[1] = 1
    device: str
    session: str
    manifest_sha256: str
    status: Status
    files: tuple[str, ...] = ()
    lab_sequence: int


class _Version(msgspec.Struct):
    version: int


_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODER = msgspec.json.Decoder(Receipt)


def encode_receipt(receipt: Receipt) -> bytes:
    """Return the one byte form of ``receipt``; raise FormatError on impossible values."""
    _check(receipt)
    return _ENCODER.encode(receipt) + b"\n"


def parse_receipt(data: bytes) -> Receipt:
    """Read a receipt strictly; FormatError on all that `encode_receipt` won't write."""
    if len(data) > MAX_RECEIPT_BYTES:
        raise FormatError(
            f"receipt: more than {MAX_RECEIPT_BYTES} bytes",
            hint="ask the lab for a new one",
        )
    try:
        version = msgspec.json.decode(data, type=_Version).version
        if version != 1:
            raise FormatError(
                f"receipt of version {version}; this program reads version 1",
                hint="update this program",
            )
        receipt = _DECODER.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FormatError(f"receipt: {error}") from error
    if encode_receipt(receipt) != data:
        raise FormatError("receipt: not in canonical form (sorted keys, no spaces)")
    return receipt


def receipt_name(session: str, manifest_sha256: str) -> str:
    """Return the file name of the receipt for that manifest of ``session``."""
    _check_session(session)
    _check_digest(manifest_sha256)
    return f"{session}.{manifest_sha256[:_DIGEST_IN_NAME]}.json"


def _check(receipt: Receipt) -> None:
    if not _DEVICE.fullmatch(receipt.device):
        raise FormatError(f"receipt: device is {receipt.device[:80]!r}")
    _check_session(receipt.session)
    _check_digest(receipt.manifest_sha256)
    if receipt.lab_sequence < 1:
        raise FormatError(
            f"receipt: lab_sequence is {receipt.lab_sequence}, the first is 1"
        )
    _check_files(receipt)


def _check_files(receipt: Receipt) -> None:
    for path in receipt.files:
        if not _PATH.fullmatch(path):
            raise FormatError(f"receipt: path {path[:80]!r} can't be in a manifest")
    if not all(before < after for before, after in pairwise(receipt.files)):
        raise FormatError("receipt: files must be in ascending order, each once")
    if receipt.status == "resend" and not receipt.files:
        raise FormatError("receipt: resend names no file")


def _check_session(session: str) -> None:
    try:
        canonical = str(UUID(session))
    except ValueError:
        canonical = ""
    if session != canonical:
        raise FormatError(f"receipt: session is {session[:80]!r}, not a UUID in lower case")


def _check_digest(manifest_sha256: str) -> None:
    if not _SHA256.fullmatch(manifest_sha256):
        raise FormatError(
            f"receipt: manifest_sha256 is {manifest_sha256[:80]!r}, not a SHA-256 in hex"
        )
