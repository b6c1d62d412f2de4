"""Marks that the therapist delivers later: kept sealed beside the session, opened with it.

What the box signed is never touched. ``<session>.later.json.age`` lies beside the
session's folder, sealed for the lab's own keys, and says of each delivery who brought it
and when. `open` writes ``marks_later.tsv``, with times on the session's host clock.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - msgspec reads it at run time
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from lab.unseal import unseal
from recorder.clock import NS_PER_S
from recorder.errors import FormatError, OpenError
from recorder.files import PRIVATE, write_atomic
from recorder.format.age import seal
from recorder.format.marks import Act, MarkRecord

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from lab.identity import Identity
    from recorder.format.age import Recipient

OPENED_NAME = "marks_later.tsv"
_COLUMNS = ("host_s", "id", "act", "value", "uncertainty_s", "who", "delivered_utc")


class DeliveredMark(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One row that was delivered: when, since the session's start or in wall time."""

    id: str
    act: Act
    since_start_s: float | None = None
    wall_ns: int | None = None
    value: int | float | None = None
    uncertainty_s: float


class Delivery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one file brought; ``sha256`` is over its bytes as they were delivered."""

    who: str
    at_utc: datetime
    sha256: str
    marks: tuple[DeliveredMark, ...]


class Deliveries(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that was delivered for one session."""

    version: Literal[1] = 1
    deliveries: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True)
class LaterMark:
    """A mark on the session's host clock, and how well its moment is known."""

    record: MarkRecord
    uncertainty_s: float


def deliveries_path(session: Path) -> Path:
    """Return where deliveries for the session in folder ``session`` are kept."""
    return session.with_name(f"{session.name}.later.json.age")


def read_deliveries(session: Path, identities: Sequence[Identity]) -> Deliveries:
    """Return what was delivered for a session; FormatError or IdentityError if broken."""
    path = deliveries_path(session)
    if not path.is_file():
        return Deliveries()
    plain = unseal(path.read_bytes(), identities)
    try:
        return msgspec.json.decode(plain, type=Deliveries)
    except msgspec.MsgspecError:
        # Without its cause: that one may quote what a mark says.
        raise FormatError(f"{path.name} is not a list of deliveries") from None


def write_deliveries(
    session: Path, deliveries: Deliveries, recipients: Sequence[Recipient]
) -> None:
    """Seal and keep what was delivered for a session."""
    sealed = seal(msgspec.json.encode(deliveries), recipients)
    write_atomic(deliveries_path(session), sealed, mode=PRIVATE)


def opened_text(
    deliveries: Deliveries, *, started_host_s: float, clock: NDArray[np.float64]
) -> bytes:
    """Return ``marks_later.tsv``.

    ``clock`` has rows of host and wall seconds, shape ``(n, 2)``; wall times are mapped
    by it, since wall time may have been stepped while the session ran.
    """
    lines = ["\t".join(_COLUMNS)]
    for delivery in deliveries.deliveries:
        for mark in delivery.marks:
            host_s = _host_s(mark, started_host_s, clock)
            value = "" if mark.value is None else f"{mark.value:g}"
            who = " ".join(delivery.who.split())
            cells = (f"{host_s:.6f}", mark.id, mark.act, value, f"{mark.uncertainty_s:g}")
            lines.append("\t".join((*cells, who, delivery.at_utc.isoformat())))
    return ("\n".join(lines) + "\n").encode()


def _host_s(
    mark: DeliveredMark, started_host_s: float, clock: NDArray[np.float64]
) -> float:
    if mark.since_start_s is not None:
        return started_host_s + mark.since_start_s
    if mark.wall_ns is None or not len(clock):
        raise OpenError(
            "marks were delivered in wall time, but the session has no reading of it",
            hint="deliver them with times since the session's start",
        )
    wall_s = mark.wall_ns / NS_PER_S
    nearest = int(np.argmin(np.abs(clock[:, 1] - wall_s)))
    return float(clock[nearest, 0] + wall_s - clock[nearest, 1])


def read_later_marks(folder: Path, *, after: int) -> tuple[LaterMark, ...]:
    """Return the later marks of an opened session, numbered on from ``after``."""
    path = folder / OPENED_NAME
    if not path.is_file():
        return ()
    rows = csv.DictReader(io.StringIO(path.read_text("utf-8")), delimiter="\t")
    try:
        return tuple(_read(row, after + n) for n, row in enumerate(rows, start=1))
    except (KeyError, ValueError, msgspec.ValidationError) as error:
        raise OpenError(f"{path} can't be read: {error}") from error


def _read(row: dict[str, str], number: int) -> LaterMark:
    value = float(row["value"]) if row["value"] else None
    record = MarkRecord(
        n=number,
        id=row["id"],
        act=msgspec.convert(row["act"], Act),
        stamp_ns=round(float(row["host_s"]) * NS_PER_S),
        value=int(value) if value is not None and value.is_integer() else value,
        source="later",
    )
    return LaterMark(record, float(row["uncertainty_s"]))
