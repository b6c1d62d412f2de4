"""Open what the box sealed: a strict age v1 reader, and one for damaged files."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from recorder.errors import FormatError, IdentityError
from recorder.format.age import (
    CHUNK_BYTES,
    NONCE_BYTES,
    TAG_BYTES,
    VERSION_LINE,
    chunk_nonce,
    decode_base64,
    header_mac,
    payload_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.identity import Identity

_SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES
_COLUMNS = 64
_MAC_BYTES = 32
# Trying a stanza costs a scalar multiplication before anything is authenticated.
_MAX_STANZAS = 64
_ARGUMENT_LINE = re.compile(r"-> [!-~]+( [!-~]+)*")


@dataclass(frozen=True, slots=True)
class Unsealed:
    """What authenticates in a sealed file.

    ``pieces`` are pairs of offset in the plaintext and bytes, in order, each of one whole
    chunk; damaged chunks are missing. ``complete`` means nothing is missing and
    ``problem`` is empty; otherwise ``problem`` says what is wrong.
    """

    pieces: tuple[tuple[int, bytes], ...]
    complete: bool
    problem: str


@dataclass(frozen=True, slots=True)
class _Stanza:
    arguments: tuple[str, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Header:
    stanzas: tuple[_Stanza, ...]
    authenticated: bytes
    mac: bytes
    end: int


def unseal(sealed: bytes, identities: Sequence[Identity]) -> bytes:
    """Return the plaintext of a whole age file.

    Raises IdentityError where no identity opens it, FormatError for every deviation from
    the standard, truncation included; then nothing is returned.
    """
    result = unseal_sound(sealed, identities)
    if not result.complete:
        raise FormatError(result.problem)
    return b"".join(piece for _, piece in result.pieces)


def unseal_sound(sealed: bytes, identities: Sequence[Identity]) -> Unsealed:
    """Return every chunk of a damaged age file that authenticates.

    A header whose MAC is wrong is a problem like any other: its file key opened, and each
    chunk authenticates under it. Raises IdentityError where no identity opens the file
    and FormatError where its header can't be read: then nothing can be saved.
    """
    header = _parse_header(sealed)
    file_key = _unwrap(header, identities)
    nonce = sealed[header.end : header.end + NONCE_BYTES]
    if len(nonce) != NONCE_BYTES:
        raise FormatError("age header: the file ends before the payload")
    payload = memoryview(sealed)[header.end + NONCE_BYTES :]
    pieces, problem = _open_chunks(payload, payload_key(file_key, nonce))
    if not hmac.compare_digest(header_mac(file_key, header.authenticated), header.mac):
        problem = "age header: its MAC is wrong, somebody or something changed it"
    return Unsealed(pieces=pieces, complete=not problem, problem=problem)


def _unwrap(header: _Header, identities: Sequence[Identity]) -> bytes:
    for identity in identities:
        for stanza in header.stanzas:
            file_key = identity.unwrap(stanza.arguments, stanza.body)
            if file_key is not None:
                return file_key
    raise IdentityError(
        f"none of {len(identities)} identities opens this file"
        f" ({len(header.stanzas)} recipients)",
        hint="use the identity whose public key the box had when it recorded",
    )


def _open_chunks(
    payload: memoryview, key: bytes
) -> tuple[tuple[tuple[int, bytes], ...], str]:
    """Open chunk after chunk up to the final one; return pieces and the first problem."""
    cipher = ChaCha20Poly1305(key)
    pieces = []
    problem = ""
    for index, start in enumerate(range(0, len(payload), _SEALED_CHUNK_BYTES)):
        chunk = payload[start : start + _SEALED_CHUNK_BYTES]
        piece, final = _open_chunk(cipher, index, chunk)
        if piece is None:
            problem = problem or f"age payload: chunk {index} does not authenticate"
            continue
        if piece:
            pieces.append((index * CHUNK_BYTES, piece))
        if final:
            n_after = len(payload) - start - len(chunk)
            return tuple(pieces), problem or _final_problem(index, piece, n_after)
    return tuple(pieces), problem or "age payload: cut short, it has no final chunk"


def _open_chunk(
    cipher: ChaCha20Poly1305, index: int, chunk: memoryview
) -> tuple[bytes | None, bool]:
    """Return the plaintext (None: does not authenticate) and whether it is final."""
    # Only a final chunk may be short; a full one may be either.
    for final in (False, True) if len(chunk) == _SEALED_CHUNK_BYTES else (True,):
        try:
            return cipher.decrypt(chunk_nonce(index, final=final), chunk, None), final
        except InvalidTag:
            continue
    return None, False


def _final_problem(index: int, piece: bytes, n_after: int) -> str:
    if n_after:
        return f"age payload: {n_after} bytes follow the final chunk"
    if index and not piece:
        return "age payload: the final chunk is empty"
    return ""


def _parse_header(sealed: bytes) -> _Header:
    """Read the header exactly as the standard's grammar has it."""
    if not sealed.startswith(VERSION_LINE):
        raise FormatError("age header: not an age v1 file")
    stanzas: list[_Stanza] = []
    at = len(VERSION_LINE)
    while not sealed.startswith(b"---", at):
        if len(stanzas) == _MAX_STANZAS:
            raise FormatError(f"age header: more than {_MAX_STANZAS} recipients")
        stanza, at = _parse_stanza(sealed, at)
        stanzas.append(stanza)
    if not stanzas:
        raise FormatError("age header: no recipients")
    line, end = _line(sealed, at)
    mac = decode_base64(line.removeprefix("--- "))
    if not line.startswith("--- ") or len(mac) != _MAC_BYTES:
        raise FormatError("age header: its MAC can't be read")
    return _Header(tuple(stanzas), sealed[: at + len("---")], mac, end)


def _parse_stanza(sealed: bytes, at: int) -> tuple[_Stanza, int]:
    line, at = _line(sealed, at)
    if not _ARGUMENT_LINE.fullmatch(line):
        raise FormatError("age header: a stanza's first line can't be read")
    arguments = tuple(line.split(" ")[1:])
    body = ""
    for line, end in _lines(sealed, at):
        body += line
        if len(line) < _COLUMNS:
            return _Stanza(arguments, decode_base64(body)), end
        if len(line) > _COLUMNS:
            break
    raise FormatError(f"age header: a line of more than {_COLUMNS} characters")


def _lines(sealed: bytes, at: int) -> Iterator[tuple[str, int]]:
    while True:
        line, at = _line(sealed, at)
        yield line, at


def _line(sealed: bytes, at: int) -> tuple[str, int]:
    """Return the line at ``at`` and where the next begins."""
    end = sealed.find(b"\n", at)
    if end < 0:
        raise FormatError("age header: it ends in the middle of a line")
    try:
        return sealed[at:end].decode("ascii"), end + 1
    except UnicodeDecodeError as error:
        raise FormatError("age header: not ASCII") from error
