"""The catalogue's tables about the study: sessions' facts, consents, pseudonyms.

Everything about one client can be deleted in one step, which a withdrawal does.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from lab.catalogue_rows import json_text, utc_text
from lab.session_facts import SessionFacts

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable


class FactsRow(msgspec.Struct, frozen=True):
    """One session's facts, and which it is."""

    device: str
    session: str
    facts: SessionFacts


class ConsentRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a client agreed to, by a session's sheet (its uuid) or by the lab's word."""

    number: int
    at_utc: datetime
    client: str
    scopes: frozenset[str]
    form: str
    signed_on: str
    source: str


class SubjectRow(msgspec.Struct, frozen=True):
    """A client's name in the dataset, and by how many days all dates are moved."""

    client: str
    label: str
    shift_days: int


class NumberRow(msgspec.Struct, frozen=True):
    """Which session and run of a client's a recording is in the dataset."""

    session: str
    client: str
    number: int
    run: int


class StudyTables:
    """These tables of an open catalogue; used by the thread that uses that."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def put_facts(self, device: str, session: str, facts: SessionFacts) -> None:
        """Write a session's facts in place of older ones, and the consent they tell."""
        started = utc_text(facts.started_utc)
        self._database.execute(
            "INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?, ?)",
            (device, session, facts.client, started, json_text(facts)),
        )
        self.put_consent(
            facts.client, facts.scopes, facts.form, facts.signed_on, source=session
        )

    def forget_facts(self, device: str, session: str) -> None:
        """Forget a session that turned out to be none of the lab's."""
        self._database.execute(
            "DELETE FROM facts WHERE device = ? AND session = ?", (device, session)
        )

    def facts(self) -> tuple[FactsRow, ...]:
        """Return every session's facts, by client and time."""
        rows = self._database.execute(
            "SELECT device, session, content FROM facts"
            " ORDER BY client, started_utc, session"
        ).fetchall()
        return tuple(
            FactsRow(
                row["device"],
                row["session"],
                msgspec.json.decode(row["content"], type=SessionFacts),
            )
            for row in rows
        )

    def put_consent(
        self,
        client: str,
        scopes: Iterable[str],
        form: str,
        signed_on: str = "",
        *,
        source: str,
    ) -> None:
        """Note a consent; the same one is noted once."""
        self._database.execute(
            "INSERT OR IGNORE INTO consents"
            " (at_utc, client, scopes, form, signed_on, source) VALUES (?, ?, ?, ?, ?, ?)",
            (
                *(utc_text(datetime.now(UTC)), client, ",".join(sorted(scopes))),
                *(form, signed_on, source),
            ),
        )

    def consents(self) -> tuple[ConsentRow, ...]:
        """Return every consent noted, oldest first."""
        rows = self._database.execute("SELECT * FROM consents ORDER BY number").fetchall()
        return tuple(
            ConsentRow(
                number=row["number"],
                at_utc=datetime.fromisoformat(row["at_utc"]),
                client=row["client"],
                scopes=frozenset(filter(None, row["scopes"].split(","))),
                form=row["form"],
                signed_on=row["signed_on"],
                source=row["source"],
            )
            for row in rows
        )

    def put_form(self, version: str, sha256: str) -> None:
        """Note a version of the consent forms that was printed."""
        self._database.execute(
            "INSERT INTO forms VALUES (?, ?, ?)",
            (version, utc_text(datetime.now(UTC)), sha256),
        )

    def forms(self) -> dict[str, str]:
        """Return the digest of each version of the consent forms."""
        rows = self._database.execute("SELECT version, sha256 FROM forms").fetchall()
        return {row["version"]: row["sha256"] for row in rows}

    def put_subject(self, row: SubjectRow) -> None:
        """Keep a client's name in the dataset for good."""
        self._database.execute(
            "INSERT INTO subjects VALUES (?, ?, ?)", (row.client, row.label, row.shift_days)
        )

    def subjects(self) -> dict[str, SubjectRow]:
        """Return every client's name in the dataset."""
        rows = self._database.execute("SELECT * FROM subjects").fetchall()
        return {row["client"]: SubjectRow(*row) for row in rows}

    def put_number(self, row: NumberRow) -> None:
        """Keep a recording's number for good."""
        self._database.execute(
            "INSERT INTO numbers VALUES (?, ?, ?, ?)",
            (row.session, row.client, row.number, row.run),
        )

    def numbers(self) -> dict[str, NumberRow]:
        """Return every recording's number, by session uuid."""
        rows = self._database.execute("SELECT * FROM numbers").fetchall()
        return {row["session"]: NumberRow(*row) for row in rows}

    def put_alias(self, kind: str, name: str, alias: str) -> None:
        """Keep what stands for ``name`` in the dataset."""
        self._database.execute("INSERT INTO aliases VALUES (?, ?, ?)", (kind, name, alias))

    def aliases(self) -> dict[tuple[str, str], str]:
        """Return what stands for each name, by kind and name."""
        rows = self._database.execute("SELECT * FROM aliases").fetchall()
        return {(row["kind"], row["name"]): row["alias"] for row in rows}

    def forget_client(self, client: str) -> None:
        """Delete everything these tables have of a client."""
        for table in ("facts", "consents", "subjects", "numbers"):
            self._database.execute(f"DELETE FROM {table} WHERE client = ?", (client,))  # noqa: S608 - one of the names above
