"""Read the journal of a part that was never closed.

A journal is a pre-written file: block 0 holds the sealed key, then come ticks of records,
each encrypted with that key (ChaCha20-Poly1305, RFC 8439). Beyond the last tick lie
zeros or records of an older part, whose key is another: only what authenticates counts,
and whatever authenticates is genuine, wherever it lies. A torn last tick is normal.
"""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from lab.pieces import Piece, join
from recorder.errors import FormatError
from recorder.format.journal import MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EEG_STREAM = 1
AUDIO_STREAM = 2
_HEADER_MAGIC = b"FRECJNL1"
_BLOCK_BYTES = 4096
_RECORD_MAGIC = b"FRJR"
_HEAD = struct.Struct("<4sIQ")  # magic, ciphertext length with tag, sequence
_BODY = struct.Struct("<BQ")  # stream, position in that stream's file
_TAG_BYTES = 16
_KEY_BYTES = 32
# A box writes 24 MiB.
MAX_JOURNAL_BYTES = 32 << 20
_LONGEST = _BODY.size + MAX_RECORD_BYTES + _TAG_BYTES
# What an older part left is decrypted in vain once; heads that overlap are forged.
_MAX_TRIED = 4


@dataclass(frozen=True, slots=True)
class Journal:
    """What a journal still holds of a part's two files."""

    eeg: tuple[Piece, ...] = ()
    audio: tuple[Piece, ...] = ()
    n_records: int = 0


@dataclass(frozen=True, slots=True)
class _Owner:
    key: bytes
    session: str
    part: int


def read_journal(
    content: bytes, *, session: str, part: int, unseal: Callable[[bytes], bytes]
) -> Journal:
    """Return the pieces of ``eeg.xdf`` and ``audio.flac`` that ``content`` holds.

    A journal that was not begun for this session and part holds nothing of it: that is
    no error. Raises FormatError where its key can't be read or no box writes such a
    journal, and what ``unseal`` raises.
    """
    if len(content) > MAX_JOURNAL_BYTES:
        raise FormatError(
            f"journal of {len(content)} bytes, the limit is {MAX_JOURNAL_BYTES}"
        )
    try:
        sealed = sealed_key(content)
        owner = None if sealed is None else _read_owner(unseal(sealed))
    except FormatError:
        # The key is on the medium before the first tick: torn, and no tick, is no loss.
        if not content.startswith(_RECORD_MAGIC, _BLOCK_BYTES):
            return Journal()
        raise
    if owner is None or (owner.session, owner.part) != (session, part):
        return Journal()
    records = list(_records(content, ChaCha20Poly1305(owner.key)))
    return Journal(
        eeg=_pieces_of(EEG_STREAM, records),
        audio=_pieces_of(AUDIO_STREAM, records),
        n_records=len(records),
    )


def sealed_key(content: bytes) -> bytes | None:
    """Return the age file in block 0; None where no key was ever written."""
    start = len(_HEADER_MAGIC) + 4
    if content[: len(_HEADER_MAGIC)] != _HEADER_MAGIC:
        if any(content[:_BLOCK_BYTES]):
            raise FormatError("journal without its key: block 0 is not ours")
        return None
    length = int.from_bytes(content[start - 4 : start], "little")
    if not 0 < length <= _BLOCK_BYTES - start or len(content) < start + length:
        raise FormatError(f"journal key of {length} bytes; block 0 has {_BLOCK_BYTES}")
    return content[start : start + length]


def _read_owner(plain: bytes) -> _Owner:
    try:
        fields = json.loads(plain)
        key = base64.b64decode(fields["journal_key"], validate=True)
        owner = _Owner(key, str(fields["session"]), int(fields["part"]))
        version = fields["version"]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise FormatError(
            "journal key: the sealed header is not what it should be"
        ) from None
    if version != 1 or len(key) != _KEY_BYTES:
        raise FormatError(f"journal key: version {version!r}, {len(key)} key bytes")
    return owner


@dataclass(frozen=True, slots=True)
class _Record:
    sequence: int
    stream: int
    piece: Piece


def _records(content: bytes, cipher: ChaCha20Poly1305) -> Iterator[_Record]:
    """Yield every record that authenticates.

    All magics are tried, not only those on block edges: a record behind a damaged one in
    the same tick is as genuine as any. Raises FormatError where false ones cost more than
    what older parts can have left.
    """
    left = _MAX_TRIED * len(content)
    at = content.find(_RECORD_MAGIC, _BLOCK_BYTES)
    while at >= 0:
        record, end, tried = _record_at(content, at, cipher)
        if record is not None:
            yield record
        left -= tried
        if left < 0:
            raise FormatError("journal with more heads of records than any box writes")
        at = content.find(_RECORD_MAGIC, end)


def _record_at(
    content: bytes, at: int, cipher: ChaCha20Poly1305
) -> tuple[_Record | None, int, int]:
    """Return the record at ``at``, if it is one, and where to look for the next.

    The last number tells how many bytes were decrypted in vain.
    """
    body_at = at + _HEAD.size
    if body_at > len(content):
        return None, at + 1, 0
    head = content[at:body_at]
    _, length, sequence = _HEAD.unpack(head)
    end = body_at + length
    if not _BODY.size + _TAG_BYTES <= length <= _LONGEST or end > len(content):
        return None, at + 1, 0
    nonce = bytes(4) + sequence.to_bytes(8, "little")
    try:
        plain = cipher.decrypt(nonce, content[body_at:end], head)
    except InvalidTag:
        return None, at + 1, length
    stream, position = _BODY.unpack_from(plain)
    return _Record(sequence, stream, Piece(position, plain[_BODY.size :])), end, 0


def _pieces_of(stream: int, records: list[_Record]) -> tuple[Piece, ...]:
    mine = sorted((r for r in records if r.stream == stream), key=lambda r: r.sequence)
    return join(record.piece for record in mine)
