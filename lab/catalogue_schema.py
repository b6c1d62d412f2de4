"""The tables of the catalogue, and how an older one becomes the present one.

A migration, once released, is never edited: another one is added behind it.
"""

from __future__ import annotations

import sqlite3

from recorder.errors import LabError

MIGRATIONS = (
    """
    CREATE TABLE devices (
        device TEXT PRIMARY KEY,
        first_seen_utc TEXT NOT NULL,
        last_seen_utc TEXT NOT NULL
    ) STRICT;
    CREATE TABLE sessions (
        device TEXT NOT NULL REFERENCES devices,
        session TEXT NOT NULL,
        manifest_sha256 TEXT NOT NULL,
        chain TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        previous TEXT NOT NULL,
        clean INTEGER NOT NULL,
        discarded INTEGER NOT NULL,
        parts INTEGER NOT NULL,
        size_bytes INTEGER NOT NULL,
        taken_utc TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('verified', 'resend', 'damaged')),
        files TEXT NOT NULL,
        problems TEXT NOT NULL,
        judged_utc TEXT NOT NULL,
        PRIMARY KEY (device, session)
    ) STRICT;
    CREATE TABLE attempts (
        device TEXT NOT NULL REFERENCES devices,
        copy TEXT NOT NULL,
        session TEXT NOT NULL,
        taken_utc TEXT NOT NULL,
        pulled_utc TEXT NOT NULL,
        cause TEXT NOT NULL CHECK (cause IN ('', 'word', 'lost', 'content', 'fork')),
        reason TEXT NOT NULL,
        manifest_sha256 TEXT NOT NULL,
        word_sha256 TEXT NOT NULL,
        PRIMARY KEY (device, copy)
    ) STRICT;
    CREATE TABLE receipts (
        lab_sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        device TEXT NOT NULL,
        session TEXT NOT NULL,
        manifest_sha256 TEXT NOT NULL,
        status TEXT NOT NULL,
        content BLOB NOT NULL,
        signature TEXT NOT NULL,
        issued_utc TEXT NOT NULL
    ) STRICT;
    CREATE INDEX receipts_of_session ON receipts (device, session, lab_sequence);
    CREATE TABLE actions (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        at_utc TEXT NOT NULL,
        who TEXT NOT NULL,
        what TEXT NOT NULL,
        device TEXT NOT NULL,
        session TEXT NOT NULL,
        details TEXT NOT NULL,
        signature TEXT NOT NULL
    ) STRICT;
    CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TRIGGER actions_stay BEFORE UPDATE ON actions
        BEGIN SELECT RAISE(ABORT, 'actions are never changed'); END;
    CREATE TRIGGER actions_are_kept BEFORE DELETE ON actions
        BEGIN SELECT RAISE(ABORT, 'actions are never deleted'); END;
    CREATE TRIGGER receipts_stay BEFORE UPDATE ON receipts
        BEGIN SELECT RAISE(ABORT, 'receipts are never changed'); END;
    CREATE TRIGGER receipts_are_kept BEFORE DELETE ON receipts
        BEGIN SELECT RAISE(ABORT, 'receipts are never deleted'); END;
    """,
    """
    CREATE TABLE facts (
        device TEXT NOT NULL,
        session TEXT NOT NULL,
        client TEXT NOT NULL,
        started_utc TEXT NOT NULL,
        content TEXT NOT NULL,
        PRIMARY KEY (device, session)
    ) STRICT;
    CREATE INDEX facts_of_client ON facts (client, started_utc);
    CREATE TABLE subjects (
        client TEXT PRIMARY KEY,
        label TEXT NOT NULL UNIQUE,
        shift_days INTEGER NOT NULL CHECK (shift_days % 7 = 0)
    ) STRICT;
    CREATE TABLE numbers (
        session TEXT PRIMARY KEY,
        client TEXT NOT NULL,
        number INTEGER NOT NULL,
        run INTEGER NOT NULL,
        UNIQUE (client, number, run)
    ) STRICT;
    CREATE TABLE aliases (
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        alias TEXT NOT NULL,
        PRIMARY KEY (kind, name),
        UNIQUE (kind, alias)
    ) STRICT;
    CREATE TABLE consents (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        at_utc TEXT NOT NULL,
        client TEXT NOT NULL,
        scopes TEXT NOT NULL,
        form TEXT NOT NULL,
        signed_on TEXT NOT NULL,
        source TEXT NOT NULL,
        UNIQUE (client, scopes, form, signed_on, source)
    ) STRICT;
    CREATE TABLE forms (
        version TEXT PRIMARY KEY,
        made_utc TEXT NOT NULL,
        sha256 TEXT NOT NULL
    ) STRICT;
    CREATE TABLE copies (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        at_utc TEXT NOT NULL,
        who TEXT NOT NULL,
        kind TEXT NOT NULL,
        path TEXT NOT NULL
    ) STRICT;
    CREATE TABLE copied (
        copy INTEGER NOT NULL REFERENCES copies ON DELETE CASCADE,
        session TEXT NOT NULL,
        PRIMARY KEY (copy, session)
    ) STRICT;
    CREATE TABLE releases (
        name TEXT NOT NULL,
        tree TEXT NOT NULL CHECK (tree IN ('open', 'restricted')),
        made_utc TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        copy INTEGER NOT NULL,
        PRIMARY KEY (name, tree)
    ) STRICT;
    CREATE TABLE grants (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        at_utc TEXT NOT NULL,
        release TEXT NOT NULL,
        recipient TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        until TEXT NOT NULL,
        bundle_sha256 TEXT NOT NULL,
        sessions TEXT NOT NULL
    ) STRICT;
    CREATE TABLE withdrawals (
        client TEXT PRIMARY KEY,
        at_utc TEXT NOT NULL,
        who TEXT NOT NULL,
        reason TEXT NOT NULL,
        due_utc TEXT NOT NULL,
        done_utc TEXT NOT NULL,
        open_items TEXT NOT NULL
    ) STRICT;
    """,
)
_LEDGER = """
    CREATE TABLE IF NOT EXISTS migrations (
        version INTEGER PRIMARY KEY,
        applied_utc TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
    ) STRICT;
"""
_NOTE = "INSERT INTO migrations (version) VALUES ({0}); PRAGMA user_version = {0};"


def migrate(database: sqlite3.Connection) -> None:
    """Bring ``database`` to the present schema, each step whole or not at all.

    Raises LabError for a catalogue that a newer program made.
    """
    version = _version(database)
    if version > len(MIGRATIONS):
        raise LabError(
            f"the catalogue has schema {version}; this program knows {len(MIGRATIONS)}",
            hint="update this program",
        )
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        _apply(database, number, script)


def _apply(database: sqlite3.Connection, number: int, script: str) -> None:
    try:
        database.executescript(
            f"BEGIN IMMEDIATE; {_LEDGER} {_NOTE.format(number)} {script} COMMIT;"
        )
    except sqlite3.IntegrityError:
        # Another program waited for nobody and took this step meanwhile.
        database.execute("ROLLBACK")
        if _version(database) < number:
            raise


def _version(database: sqlite3.Connection) -> int:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    return int(version)
