"""The journal: sealed proof against a power cut of the part being recorded.

A file of `JOURNAL_BYTES`, written once with zeros and then only overwritten forwards, so
that a sync changes no metadata and no acknowledged sector is written twice. Block 0
holds the sealed journal key; ticks follow, each on a 4096-byte boundary, records back to
back inside. A record is ``FRJR | length u32 | sequence u64`` (its associated data) and
ChaCha20-Poly1305 over ``stream u8 | position u64 | new bytes``; all little-endian.
The layout is written down byte by byte in docs/formats/journal.md.
"""

from __future__ import annotations

import base64
import struct
from typing import TYPE_CHECKING

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from recorder.errors import FormatError, RecipientsError
from recorder.format import age

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from recorder.format.age import Recipient

JOURNAL_BYTES = 24 * 1024 * 1024
ALIGNMENT_BYTES = 4096
MAGIC = b"FRECJNL1"
RECORD_MAGIC = b"FRJR"
STREAM_EEG = 1
STREAM_AUDIO = 2
KEY_BYTES = 32
MAX_RECORD_BYTES = 4 * 1024 * 1024  # of new bytes

_HEAD = struct.Struct("<4sIQ")
_BODY = struct.Struct("<BQ")
_TAG_BYTES = 16
_RECORD_OVERHEAD_BYTES = _HEAD.size + _BODY.size + _TAG_BYTES


def header_block(
    *,
    journal_key: bytes,
    session: UUID,
    part: int,
    recipients: Sequence[Recipient],
    random_bytes: Callable[[int], bytes],
) -> bytes:
    """Return block 0: the journal key, session and part, sealed to the recipients.

    Raises RecipientsError for more recipients than its 4096 bytes hold.
    """
    _check_key(journal_key)
    if part < 1:
        raise FormatError(f"journal of part {part}: parts count from 1")
    secret = {
        "version": 1,
        "journal_key": base64.b64encode(journal_key).decode(),
        "session": str(session),
        "part": part,
    }
    sealed = age.seal(msgspec.json.encode(secret), recipients, random_bytes=random_bytes)
    block = _padded(MAGIC + struct.pack("<I", len(sealed)) + sealed)
    if len(block) != ALIGNMENT_BYTES:
        raise RecipientsError(
            f"{len(recipients)} recipients: the journal's first block holds only"
            f" {ALIGNMENT_BYTES} bytes, their header needs {len(sealed)}",
            hint="use 2 recipients",
        )
    return block


def tick_size(lengths: Sequence[int]) -> int:
    """Return how many bytes of the journal a tick takes with ``lengths`` new bytes."""
    used = sum(
        length + _RECORD_OVERHEAD_BYTES * -(-length // MAX_RECORD_BYTES)
        for length in lengths
    )
    return -(-used // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


class JournalSealer:
    """Encrypts the ticks of one journal; its key serves no other part."""

    def __init__(self, journal_key: bytes) -> None:
        _check_key(journal_key)
        self._cipher = ChaCha20Poly1305(journal_key)
        self._sequence = 0

    def tick(self, new: Sequence[tuple[int, int, bytes]]) -> bytes:
        """Return one aligned block for ``(stream, position, new bytes)`` each.

        Empty when there are no new bytes. A sequence number is spent even if the caller
        never gets the block onto the disk: a nonce must not be used twice.
        """
        records = []
        for stream, position, piece in new:
            if stream not in (STREAM_EEG, STREAM_AUDIO) or position < 0:
                raise FormatError(f"journal stream {stream} at position {position}")
            for start in range(0, len(piece), MAX_RECORD_BYTES):
                part = piece[start : start + MAX_RECORD_BYTES]
                records.append(self._record(stream, position + start, part))
        return _padded(b"".join(records))

    def _record(self, stream: int, position: int, piece: bytes) -> bytes:
        sequence = self._sequence
        self._sequence += 1
        length = _BODY.size + len(piece) + _TAG_BYTES
        head = _HEAD.pack(RECORD_MAGIC, length, sequence)
        nonce = bytes(4) + sequence.to_bytes(8, "little")
        body = _BODY.pack(stream, position) + piece
        return head + self._cipher.encrypt(nonce, body, head)


def _check_key(journal_key: bytes) -> None:
    if len(journal_key) != KEY_BYTES:
        raise FormatError(f"journal key of {len(journal_key)} bytes; needs {KEY_BYTES}")


def _padded(used: bytes) -> bytes:
    return used + bytes(-len(used) % ALIGNMENT_BYTES)
