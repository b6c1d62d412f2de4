"""The catalogue keeps what happened: a schema with a number, and logs that only grow."""

from __future__ import annotations

import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from lab.catalogue import Act, Catalogue
from lab.catalogue_rows import AttemptRow, ReceiptRow, utc_text
from lab.catalogue_schema import MIGRATIONS
from lab.chain import Link, check_chains
from lab.intake_listing import list_intake
from lab.integrity import Problem
from lab.judge import Verdict
from recorder.errors import LabError
from recorder.format.manifest import FileEntry, Manifest
from tests.house import mode
from tests.intake_bench import DEVICE, TAKEN, IntakeBench, session_uuid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHAIN = str(session_uuid(99))


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with Catalogue(tmp_path / "catalogue.sqlite") as opened:
        yield opened


def verdict(
    folder: Path, number: int, *, sequence: int | None = None, previous: str | None = None
) -> Verdict:
    manifest = Manifest(
        device=DEVICE,
        chain=CHAIN,
        sequence=sequence or number,
        previous=digest(number - 1) if previous is None else previous,
        session=str(session_uuid(number)),
        clean=number % 2 == 0,
        discarded=False,
        parts=2,
        erased=(),
        recipients=(),
        files={"session.json.age": FileEntry(size=100, sha256=digest(7))},
    )
    problem = Problem(code="unsound", path="0001/eeg.xdf.age", part=1, text="cut short")
    damaged = number % 3 == 0
    return Verdict(
        folder,
        "damaged" if damaged else "verified",
        manifest,
        digest(number),
        files=("0001/eeg.xdf.age",) if damaged else (),
        problems=(problem,) if damaged else (),
    )


def digest(number: int) -> str:
    return f"{number:064x}" if number else ""


def attempt(number: int) -> AttemptRow:
    return AttemptRow(
        device=DEVICE,
        copy=str(session_uuid(number)),
        session=str(session_uuid(number)),
        taken_utc=TAKEN,
        pulled_utc=TAKEN,
        cause="",
        reason="",
        manifest_sha256=digest(number),
        word_sha256=digest(number),
    )


def receipt(number: int) -> ReceiptRow:
    return ReceiptRow(
        lab_sequence=number,
        device=DEVICE,
        session=str(session_uuid(1)),
        manifest_sha256=digest(1),
        status="verified",
        content=b"{}",
        signature="",
        issued_utc=TAKEN,
    )


def test_two_hundred_sessions_come_back_in_the_order_of_their_chain(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    with catalogue.transaction():
        for number in reversed(range(1, 201)):
            catalogue.put_session(verdict(tmp_path, number), taken=TAKEN)
    rows = catalogue.sessions()
    assert [row.sequence for row in rows] == list(range(1, 201))
    assert rows[2].files == ("0001/eeg.xdf.age",)
    assert rows[2].problems[0].text == "cut short"
    assert (rows[0].clean, rows[1].clean) == (False, True)
    assert rows[0].taken_utc == TAKEN
    assert check_chains(catalogue.links()) == ()


def test_judged_again_replaces_and_never_doubles(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    for _ in range(3):
        catalogue.put_session(verdict(tmp_path, 1), taken=TAKEN)
    assert len(catalogue.sessions()) == 1
    assert catalogue.find(str(session_uuid(1))).status == "verified"


def test_a_session_of_two_boxes_is_not_found_by_its_uuid_alone(
    catalogue: Catalogue,
) -> None:
    with pytest.raises(LabError, match="0 sessions"):
        catalogue.find(str(session_uuid(1)))


def test_what_fails_inside_a_transaction_leaves_nothing(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    def half() -> None:
        with catalogue.transaction():
            catalogue.put_session(verdict(tmp_path, 1), taken=TAKEN)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert catalogue.sessions() == ()


@pytest.mark.parametrize("table", ["actions", "receipts"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET device = 'x'"])
def test_acts_and_receipts_are_never_changed_or_deleted(
    catalogue: Catalogue, tmp_path: Path, table: str, statement: str
) -> None:
    catalogue.log(Act("drill", DEVICE))
    catalogue.put_receipt(receipt(1))
    stranger = sqlite3.connect(tmp_path / "catalogue.sqlite")
    with pytest.raises(sqlite3.IntegrityError, match="never"):
        stranger.execute(statement.format(table))
    stranger.close()


def test_an_act_says_who_when_and_what(catalogue: Catalogue) -> None:
    catalogue.log(Act("accept", DEVICE, "s", '{"a":1}', "signed", "a data manager"))
    catalogue.log(Act("accept"))
    first, second = catalogue.actions("accept")
    assert (first.who, first.what, first.details) == ("a data manager", "accept", '{"a":1}')
    assert second.who, "without a name it is the one who ran the program"
    assert datetime.now(UTC) - first.at_utc < timedelta(minutes=5)
    assert catalogue.actions("drill") == ()


def test_the_latest_receipt_about_a_manifest_counts(catalogue: Catalogue) -> None:
    for _ in range(3):
        catalogue.put_receipt(receipt(catalogue.next_lab_sequence()))
    assert [row.lab_sequence for row in catalogue.receipts()] == [3]


def test_a_place_is_remembered(catalogue: Catalogue) -> None:
    assert catalogue.setting("place") == ""
    catalogue.remember("place", "a")
    catalogue.remember("place", "b")
    assert catalogue.setting("place") == "b"


def test_nobody_else_may_read_it(catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.log(Act("drill"))
    assert mode(tmp_path / "catalogue.sqlite") == 0o600


def test_it_knows_the_number_of_its_schema(catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.close()
    database = sqlite3.connect(tmp_path / "catalogue.sqlite")
    assert database.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    rows = database.execute("SELECT version FROM migrations").fetchall()
    assert rows == [(number + 1,) for number in range(len(MIGRATIONS))]
    database.close()


def test_a_newer_catalogue_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.sqlite"
    Catalogue(path).close()
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    database.close()
    with pytest.raises(LabError, match="update"):
        Catalogue(path)


@pytest.mark.parametrize("content", [b"not a database at all", b"SQLite format 3\0x"])
def test_what_is_no_catalogue_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "catalogue.sqlite"
    path.write_bytes(content * 100)
    with pytest.raises(LabError, match="can't be used"):
        Catalogue(path)


def test_programs_that_make_it_at_the_same_moment_agree(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.sqlite"
    failed: list[LabError] = []

    def make() -> None:
        try:
            with Catalogue(path) as catalogue:
                catalogue.log(Act("drill"))
        except LabError as error:
            failed.append(error)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with Catalogue(path) as catalogue:
        assert len(catalogue.actions("drill")) == 8


def test_times_are_kept_so_that_text_sorts_as_time_does() -> None:
    east = datetime(2026, 1, 1, 3, tzinfo=UTC) + timedelta(microseconds=1)
    texts = [utc_text(TAKEN), utc_text(east), utc_text(TAKEN + timedelta(seconds=0.5))]
    assert sorted(texts) == [texts[1], texts[0], texts[2]]


def link(number: int, *, sha: int | None = None, previous: int | None = None) -> Link:
    return Link(
        DEVICE,
        CHAIN,
        number,
        digest(sha or number),
        digest(number - 1 if previous is None else previous),
        f"session-{sha or number}",
    )


def test_a_gap_in_a_chain_is_told_with_its_numbers() -> None:
    found = check_chains([link(2), link(3), link(7)])
    assert [(f.kind, f.first, f.last) for f in found] == [("gap", 1, 1), ("gap", 4, 6)]


def test_two_manifests_of_one_number_are_a_fork() -> None:
    found = check_chains([link(1), link(2), link(2, sha=20)])
    assert [(f.kind, f.first) for f in found] == [("fork", 2)]
    assert "session-20" in found[0].text


def test_a_manifest_that_follows_another_than_the_one_here_is_told() -> None:
    found = check_chains([link(1), link(2, previous=9), link(3)])
    assert [(f.kind, f.first) for f in found] == [("mismatch", 2)]


def test_a_chain_made_anew_starts_again_at_one() -> None:
    other = Link(DEVICE, "another chain", 1, digest(5), "", "s")
    assert check_chains([link(1), link(2), other]) == ()


def test_the_listing_shows_gaps_copies_and_quarantine(tmp_path: Path) -> None:
    bench = IntakeBench(tmp_path)
    with bench.catalogue() as catalogue, catalogue.transaction():
        for number in (1, 3):
            catalogue.put_attempt(attempt(number))
            catalogue.put_session(verdict(tmp_path, number), taken=TAKEN)
    with bench.catalogue() as catalogue:
        listing = list_intake(bench.archive, catalogue)
    assert [(row.number, row.status, row.copies) for row in listing.sessions] == [
        (1, "verified", 1),
        (3, "damaged", 1),
    ]
    assert [finding.kind for finding in listing.findings] == ["gap"]
