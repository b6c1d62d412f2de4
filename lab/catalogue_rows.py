"""The rows of the catalogue as values: how each column is written and read back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

import msgspec

from lab.integrity import Problem

_Kind = TypeVar("_Kind")
_JSON_COLUMNS = {"files": tuple[str, ...], "problems": tuple[Problem, ...]}
SessionStatus = Literal["verified", "resend", "damaged"]
AttemptCause = Literal["", "word", "lost", "content", "fork"]


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A session the lab has: what its manifest says, and how it was judged last."""

    device: str
    session: str
    manifest_sha256: str
    chain: str
    sequence: int
    previous: str
    clean: bool
    discarded: bool
    parts: int
    size_bytes: int
    taken_utc: datetime
    status: SessionStatus
    files: tuple[str, ...]
    problems: tuple[Problem, ...]
    judged_utc: datetime


class AttemptRow(msgspec.Struct, frozen=True, kw_only=True):
    """A copy the server took in; ``cause`` and ``reason`` say why it was quarantined.

    ``word_sha256`` is over manifest, signature and time of intake as they came: it tells
    another copy of the same name, which a server that lost some may give.
    """

    device: str
    copy: str
    session: str
    taken_utc: datetime
    pulled_utc: datetime
    cause: AttemptCause
    reason: str
    manifest_sha256: str
    word_sha256: str


class ReceiptRow(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt as it was issued: its bytes and its signature never change."""

    lab_sequence: int
    device: str
    session: str
    manifest_sha256: str
    status: str
    content: bytes
    signature: str
    issued_utc: datetime


class ActionRow(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody did: ``details`` is JSON, ``signature`` an SSHSIG of it or empty."""

    number: int
    at_utc: datetime
    who: str
    what: str
    device: str
    session: str
    details: str
    signature: str


def utc_text(moment: datetime) -> str:
    """Return a time as the catalogue holds it: UTC, so that text sorts as time does."""
    text = moment.astimezone(UTC).isoformat(timespec="microseconds")
    return text.replace("+00:00", "Z")


def json_text(content: object) -> str:
    """Return a column of JSON."""
    return msgspec.json.encode(content).decode()


def read_row(fields: dict[str, Any], kind: type[_Kind]) -> _Kind:
    """Return a row of ``kind`` from the columns of that name."""
    for name, column in _JSON_COLUMNS.items():
        if name in fields:
            fields[name] = msgspec.json.decode(fields[name], type=column)
    return msgspec.convert(fields, type=kind, strict=False, builtin_types=(bytes, tuple))
