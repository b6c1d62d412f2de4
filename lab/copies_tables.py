"""The catalogue's tables about where data went: copies, releases, grants, withdrawals."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from lab.catalogue_rows import json_text, utc_text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence
    from pathlib import Path

CopyKind = Literal["opened", "bids", "report", "release", "bundle"]
TreeName = Literal["open", "restricted"]


class CopyRow(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was made of sessions, and where it was put."""

    number: int
    at_utc: datetime
    who: str
    kind: CopyKind
    path: str
    sessions: frozenset[str]


class ReleaseRow(msgspec.Struct, frozen=True, kw_only=True):
    """A release; ``sha256`` is over its list of checksums."""

    name: str
    tree: TreeName
    made_utc: datetime
    sha256: str
    copy: int


class GrantRow(msgspec.Struct, frozen=True, kw_only=True):
    """Who was given which release, until when, under which key."""

    number: int
    at_utc: datetime
    release: str
    recipient: str
    fingerprint: str
    until: str
    bundle_sha256: str
    sessions: frozenset[str]


class WithdrawalRow(msgspec.Struct, frozen=True, kw_only=True):
    """A consent taken back; ``open_items`` is what still has to be done by a person."""

    client: str
    at_utc: datetime
    who: str
    reason: str
    due_utc: datetime
    done_utc: datetime | None
    open_items: tuple[str, ...]


class CopiesTables:
    """These tables of an open catalogue; used by the thread that uses that."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def put_copy(self, kind: CopyKind, path: Path, sessions: Iterable[str]) -> int:
        """Note a copy that was made of ``sessions``; return its number."""
        (number,) = self._database.execute(
            "INSERT INTO copies (at_utc, who, kind, path) VALUES (?, ?, ?, ?)"
            " RETURNING number",
            (utc_text(datetime.now(UTC)), getpass.getuser(), kind, str(path.resolve())),
        ).fetchone()
        self._database.executemany(
            "INSERT INTO copied VALUES (?, ?)",
            [(number, session) for session in sorted(set(sessions))],
        )
        return int(number)

    def copies(self) -> tuple[CopyRow, ...]:
        """Return every copy that is known, oldest first."""
        of_copy: dict[int, set[str]] = {}
        for row in self._database.execute("SELECT * FROM copied").fetchall():
            of_copy.setdefault(row["copy"], set()).add(row["session"])
        rows = self._database.execute("SELECT * FROM copies ORDER BY number").fetchall()
        return tuple(
            CopyRow(
                number=row["number"],
                at_utc=datetime.fromisoformat(row["at_utc"]),
                who=row["who"],
                kind=row["kind"],
                path=row["path"],
                sessions=frozenset(of_copy.get(row["number"], ())),
            )
            for row in rows
        )

    def forget_copy(self, number: int, sessions: Iterable[str]) -> None:
        """Note that a copy holds ``sessions`` no more; one without any is forgotten."""
        self._database.executemany(
            "DELETE FROM copied WHERE copy = ? AND session = ?",
            [(number, session) for session in sessions],
        )
        self._database.execute(
            "DELETE FROM copies WHERE number = ? AND kind NOT IN ('release', 'bundle')"
            " AND NOT EXISTS (SELECT 1 FROM copied WHERE copy = ?)",
            (number, number),
        )

    def put_release(self, name: str, tree: TreeName, sha256: str, copy: int) -> None:
        """Note a release; its name is never used again."""
        self._database.execute(
            "INSERT INTO releases VALUES (?, ?, ?, ?, ?)",
            (name, tree, utc_text(datetime.now(UTC)), sha256, copy),
        )

    def releases(self) -> tuple[ReleaseRow, ...]:
        """Return every release, oldest first."""
        rows = self._database.execute("SELECT * FROM releases ORDER BY made_utc").fetchall()
        return tuple(msgspec.convert(dict(row), ReleaseRow, strict=False) for row in rows)

    def put_grant(
        self,
        release: str,
        recipient: str,
        *,
        fingerprint: str,
        until: str,
        bundle_sha256: str,
        sessions: Sequence[str],
    ) -> None:
        """Note that somebody was given a release."""
        self._database.execute(
            "INSERT INTO grants (at_utc, release, recipient, fingerprint, until,"
            " bundle_sha256, sessions) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                *(utc_text(datetime.now(UTC)), release, recipient, fingerprint, until),
                *(bundle_sha256, json_text(sorted(sessions))),
            ),
        )

    def grants(self) -> tuple[GrantRow, ...]:
        """Return every grant, oldest first."""
        rows = self._database.execute("SELECT * FROM grants ORDER BY number").fetchall()
        return tuple(
            msgspec.convert(
                dict(row) | {"sessions": msgspec.json.decode(row["sessions"])},
                GrantRow,
                strict=False,
            )
            for row in rows
        )

    def put_withdrawal(self, row: WithdrawalRow) -> None:
        """Write how far a withdrawal is, in place of what was written before."""
        self._database.execute(
            "INSERT OR REPLACE INTO withdrawals VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                *(row.client, utc_text(row.at_utc), row.who, row.reason),
                utc_text(row.due_utc),
                utc_text(row.done_utc) if row.done_utc else "",
                json_text(row.open_items),
            ),
        )

    def withdrawals(self) -> tuple[WithdrawalRow, ...]:
        """Return every withdrawal, oldest first."""
        rows = self._database.execute(
            "SELECT * FROM withdrawals ORDER BY at_utc, client"
        ).fetchall()
        return tuple(
            WithdrawalRow(
                client=row["client"],
                at_utc=datetime.fromisoformat(row["at_utc"]),
                who=row["who"],
                reason=row["reason"],
                due_utc=datetime.fromisoformat(row["due_utc"]),
                done_utc=(
                    datetime.fromisoformat(row["done_utc"]) if row["done_utc"] else None
                ),
                open_items=tuple(msgspec.json.decode(row["open_items"])),
            )
            for row in rows
        )
