"""The catalogue: what the lab has of every box, and every word it gave about it.

SQLite beside the sessions. What lies on the disk is never in doubt because of it: `pull`
and `verify` find it out again. Receipts and the log of actions only grow.
"""

from __future__ import annotations

import getpass
import os
import sqlite3
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self, TypeVar

from lab.catalogue_rows import (
    ActionRow,
    AttemptRow,
    ReceiptRow,
    SessionRow,
    json_text,
    read_row,
    utc_text,
)
from lab.catalogue_schema import migrate
from lab.chain import Link
from lab.copies_tables import CopiesTables
from lab.study_tables import StudyTables
from recorder.errors import LabError
from recorder.files import PRIVATE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.catalogue_rows import AttemptCause
    from lab.judge import Verdict

_BUSY_S = 60
_Row = TypeVar("_Row", SessionRow, AttemptRow, ReceiptRow, ActionRow)


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody does, to be logged; ``signature`` is over the bytes of ``details``."""

    what: str
    device: str = ""
    session: str = ""
    details: str = "{}"
    signature: str = ""
    who: str = ""


class Catalogue:
    """An open catalogue; one thread uses it."""

    def __init__(self, path: Path) -> None:
        """Open the catalogue at ``path``, made if there is none; or LabError."""
        self._path = path
        try:
            # SQLite itself would make it readable to others.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE))
            self._database = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
            with ExitStack() as refused:
                refused.callback(self._database.close)
                self._set_up()
                refused.pop_all()
        except (sqlite3.Error, OSError) as error:
            raise LabError(
                f"the catalogue {path} can't be used: {error}",
                hint="bring it back from a backup, or move it away: pull makes it again",
            ) from error

        self.study = StudyTables(self._database)
        self.whereabouts = CopiesTables(self._database)

    def _set_up(self) -> None:
        self._database.row_factory = sqlite3.Row
        self._database.execute("PRAGMA foreign_keys = ON")
        self._database.execute("PRAGMA synchronous = FULL")
        # What is deleted is overwritten: a withdrawn client leaves nothing in the file.
        self._database.execute("PRAGMA secure_delete = ON")
        migrate(self._database)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all of the block, or nothing of it."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def see_device(self, device: str, at: datetime) -> None:
        """Note that something of ``device`` came at ``at``."""
        self._database.execute(
            "INSERT INTO devices VALUES (?, ?, ?) ON CONFLICT (device) DO UPDATE"
            " SET last_seen_utc = max(last_seen_utc, excluded.last_seen_utc)",
            (device, utc_text(at), utc_text(at)),
        )

    def last_seen(self) -> dict[str, datetime]:
        """Return when something of each device came last."""
        rows = self._database.execute("SELECT device, last_seen_utc FROM devices")
        return {
            row["device"]: datetime.fromisoformat(row["last_seen_utc"])
            for row in rows.fetchall()
        }

    def put_session(self, verdict: Verdict, *, taken: datetime) -> None:
        """Write how a session was judged, in place of what was written before."""
        manifest = verdict.manifest
        if manifest is None or verdict.status == "quarantined":
            raise LabError(f"{verdict.folder.name} is quarantined: no session of the lab's")
        self.see_device(manifest.device, taken)
        self._database.execute(
            "INSERT OR REPLACE INTO sessions"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                manifest.device,
                manifest.session,
                verdict.manifest_sha256,
                manifest.chain,
                manifest.sequence,
                manifest.previous,
                manifest.clean,
                manifest.discarded,
                manifest.parts,
                sum(entry.size for entry in manifest.files.values()),
                utc_text(taken),
                verdict.status,
                json_text(verdict.files),
                json_text(verdict.problems),
                utc_text(datetime.now(UTC)),
            ),
        )

    def remove_session(self, device: str, session: str) -> None:
        """Forget a session that turned out to be none of the lab's."""
        self._database.execute(
            "DELETE FROM sessions WHERE device = ? AND session = ?", (device, session)
        )

    def put_attempt(self, row: AttemptRow) -> None:
        """Note a copy that was pulled."""
        self.see_device(row.device, row.taken_utc)
        self._database.execute(
            "INSERT OR REPLACE INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(row.device, row.copy, row.session),
                *(utc_text(row.taken_utc), utc_text(row.pulled_utc)),
                *(row.cause, row.reason, row.manifest_sha256, row.word_sha256),
            ),
        )

    def forget_attempts(self, device: str, session: str) -> None:
        """Let the next pull look at every copy of a session again."""
        self._database.execute(
            "DELETE FROM attempts WHERE device = ? AND session = ?", (device, session)
        )

    def refuse_attempts(
        self, device: str, session: str, cause: AttemptCause, reason: str
    ) -> None:
        """Note that every copy of a session is in quarantine now."""
        self._database.execute(
            "UPDATE attempts SET cause = ?, reason = ? WHERE device = ? AND session = ?",
            (cause, reason, device, session),
        )

    def sessions(self) -> tuple[SessionRow, ...]:
        """Return every session, in the order of its device's chain."""
        return self._select(
            "SELECT * FROM sessions ORDER BY device, chain, sequence, session",
            (),
            SessionRow,
        )

    def session(self, device: str, session: str) -> SessionRow | None:
        """Return one session; None where the lab has none such."""
        rows = self._select(
            "SELECT * FROM sessions WHERE device = ? AND session = ?",
            (device, session),
            SessionRow,
        )
        return rows[0] if rows else None

    def find(self, session: str) -> SessionRow:
        """Return the session of that uuid; LabError where none or several boxes have it."""
        rows = self._select(
            "SELECT * FROM sessions WHERE session = ?", (session,), SessionRow
        )
        if len(rows) == 1:
            return rows[0]
        raise LabError(
            f"the catalogue has {len(rows)} sessions {session[:80]}",
            hint="fieldrec-lab sessions lists all",
        )

    def attempts(self) -> tuple[AttemptRow, ...]:
        """Return every copy that was pulled, quarantined ones included."""
        return self._select(
            "SELECT * FROM attempts ORDER BY device, session, taken_utc, copy",
            (),
            AttemptRow,
        )

    def links(self) -> tuple[Link, ...]:
        """Return the place of every session in its device's chain."""
        return tuple(
            Link(r.device, r.chain, r.sequence, r.manifest_sha256, r.previous, r.session)
            for r in self.sessions()
        )

    def next_lab_sequence(self) -> int:
        """Return the next receipt's number; ask inside the transaction that uses it."""
        (last,) = self._database.execute(
            "SELECT coalesce(max(lab_sequence), 0) FROM receipts"
        ).fetchone()
        return int(last) + 1

    def put_receipt(self, row: ReceiptRow) -> None:
        """Keep a receipt for good."""
        self._database.execute(
            "INSERT INTO receipts VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(row.lab_sequence, row.device, row.session, row.manifest_sha256),
                *(row.status, row.content, row.signature, utc_text(row.issued_utc)),
            ),
        )

    def receipts(self) -> tuple[ReceiptRow, ...]:
        """Return the latest receipt about each manifest, in the order they were issued."""
        return self._select(
            "SELECT * FROM receipts WHERE lab_sequence IN (SELECT max(lab_sequence)"
            " FROM receipts GROUP BY device, session, manifest_sha256)"
            " ORDER BY lab_sequence",
            (),
            ReceiptRow,
        )

    def log(self, act: Act) -> None:
        """Add ``act`` to the log; without a name it was whoever runs this program."""
        self._database.execute(
            "INSERT INTO actions (at_utc, who, what, device, session, details, signature)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                *(utc_text(datetime.now(UTC)), act.who or getpass.getuser(), act.what),
                *(act.device, act.session, act.details, act.signature),
            ),
        )

    def actions(self, what: str) -> tuple[ActionRow, ...]:
        """Return everything of that kind that was done, oldest first."""
        return self._select(
            "SELECT * FROM actions WHERE what = ? ORDER BY number", (what,), ActionRow
        )

    def setting(self, name: str) -> str:
        """Return what is remembered under ``name``; empty where nothing is."""
        row = self._database.execute(
            "SELECT value FROM settings WHERE name = ?", (name,)
        ).fetchone()
        return str(row["value"]) if row else ""

    def remember(self, name: str, value: str) -> None:
        """Remember ``value`` under ``name``."""
        self._database.execute(
            "INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value)
        )

    def _select(
        self, query: str, values: tuple[object, ...], kind: type[_Row]
    ) -> tuple[_Row, ...]:
        rows = self._database.execute(query, values).fetchall()
        return tuple(read_row(dict(row), kind) for row in rows)
