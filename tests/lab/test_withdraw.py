"""After a withdrawal nothing of the client is found, and what is left to do is listed."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

import lab.cli
from lab.act_signers import read_act_signers
from lab.board.gather import gather
from lab.clients import read_register
from lab.dataset.export import TreeOptions
from lab.dataset.validator import validate
from lab.identity import X25519Identity
from lab.release.release import Order, make_release
from lab.withdrawal.withdraw import confirm_item, withdraw, withdraw_late
from lab.workers import Workers
from recorder.box import Box
from recorder.clients import Clients
from recorder.errors import ClientCodeError
from recorder.format.age import recipient_text
from recorder.format.receipt import parse_receipt
from recorder.format.sshsig import verify
from tests.compressed import Who, recording
from tests.dataset_world import World, make_world
from tests.house import exit_code

if TYPE_CHECKING:
    from pathlib import Path

SIMULATED = TreeOptions(simulated=True)
WHO = "A. Researcher, University"


@dataclass(frozen=True)
class Before:
    """A world full of copies of two clients' sessions."""

    world: World
    codes: list[str]
    sessions: dict[str, str]
    label: str
    out: Path


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Before:
    """Make every kind of copy there is."""
    root = tmp_path_factory.mktemp("withdraw")
    world, codes = make_world(root / "w", n_boxes=1, n_clients=2)
    sessions = {}
    for code in codes:
        with recording(world.box(1), Who(code), channels=1) as session:
            session.go(3)
            session.mark("insight")
        sessions[code] = str(session.session)
    world.pull()
    people = world.lab.root / "participants.tsv"
    people.write_text("code\tage\n" + "".join(f"{code}\t34\n" for code in codes))
    people.chmod(0o600)
    out = root / "out"
    for code in codes:
        words = ("open", sessions[code], "--lab", world.lab.root, "--out", out)
        assert exit_code(lab.cli.main, *words) == 0
        page = out / f"{sessions[code]}.html"
        words = ("report", sessions[code], "--lab", world.lab.root, "--out", page)
        assert exit_code(lab.cli.main, *words) == 0
    world.export(out / "tree", SIMULATED)
    key = recipient_text(X25519Identity.generate().recipient)
    with world.catalogue() as catalogue:
        for order in (
            Order("1.0.0", simulated=True),
            Order("1.0.0", "restricted", key, WHO, "2099-01-01", simulated=True),
        ):
            make_release(
                world.lab, catalogue, order, workers=Workers(), tell=lambda _: None
            )
        label = catalogue.study.subjects()[codes[0]].label
    return Before(world, codes, sessions, label, out)


@pytest.fixture(scope="module")
def after(before: Before) -> Before:
    """Withdraw the first client, by the command."""
    words = ("withdraw", before.codes[0], "--lab", before.world.lab.root, "--by", "DM")
    assert exit_code(lab.cli.main, *words) == 0
    return before


def everything(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_no_copy_and_no_name_is_left_anywhere(after: Before) -> None:
    session = after.sessions[after.codes[0]]
    trees = {
        **everything(after.world.lab.root),
        **everything(after.world.server),
        **everything(after.out),
    }
    # What has to name the session: the box must be told to delete it, and the proof of it.
    told = ("catalogue.sqlite", "withdrawals/", "boxes/")
    # A name of five letters comes up by chance within a longer word of a picture's base64.
    named = re.compile(rb"(?<![0-9A-Za-z+/])%b(?![0-9A-Za-z+/])" % after.label.encode())
    for path, content in trees.items():
        assert named.search(path.encode()) is None
        assert named.search(content) is None, path
        if not path.startswith(told):
            assert session not in path
            assert session.encode() not in content, path
    assert after.codes[0] not in (after.world.lab.root / "participants.tsv").read_text()


def test_the_catalogue_knows_nothing_of_the_client_but_the_withdrawal(
    after: Before,
) -> None:
    path = after.world.archive.catalogue_path
    code = after.codes[0]
    with closing(sqlite3.connect(path)) as database:
        tables = [
            name
            for (name,) in database.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table'"
            )
        ]
        found = [
            table
            for table in tables
            for row in database.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - its own tables
            if any(code in str(cell) for cell in row)
        ]
    assert set(found) <= {"withdrawals", "actions"}
    # Deleted rows are overwritten in the file itself.
    assert after.label.encode() not in path.read_bytes()


def test_the_other_client_is_untouched_and_the_trees_stay_valid(after: Before) -> None:
    other = after.sessions[after.codes[1]]
    assert (after.out / other / "eeg.xdf").is_file()
    assert (after.out / f"{other}.html").is_file()
    assert validate(after.out / "tree").errors == ()
    release = after.world.lab.root / "releases" / "1.0.0" / "open"
    assert validate(release / "dataset").errors == ()
    assert len(list((release / "dataset").glob("sub-*"))) == 1
    for line in (release / "SHA256SUMS").read_text().splitlines():
        assert (release / line.split("  ", 1)[1]).is_file()


def test_the_certificate_is_signed_and_lists_what_was_destroyed(after: Before) -> None:
    (path,) = (after.world.lab.root / "withdrawals").glob("*.json")
    content = path.read_bytes()
    verify(
        content,
        path.with_name(f"{path.name}.sig").read_text(),
        namespace="fieldrec-act",
        principal="lab",
        signers=read_act_signers(after.world.lab),
    )
    told = json.loads(content)
    assert [s["session"] for s in told["sessions"]] == [after.sessions[after.codes[0]]]
    kinds = {one.partition(":")[0] for one in told["destroyed"] if ":" in one}
    assert kinds == {"opened", "report", "bids", "release", "bundle", "server"}
    assert told["grantees"] == [WHO]
    assert told["who"] == "DM"


def test_boxes_are_told_to_delete_and_to_record_no_more(after: Before) -> None:
    box = Box.load(after.world.box(1))
    folder = after.world.server / "boxes" / box.device.lower() / "receipts"
    session = after.sessions[after.codes[0]]
    (receipt,) = folder.glob(f"{session}*.json")
    assert parse_receipt(receipt.read_bytes()).status == "withdrawn"
    for name in ("clients.json", "clients.json.sig"):
        (box.lab / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(ClientCodeError, match="blocked"):
        Clients.of(box).authorise(
            after.codes[0], scopes=None, form=None, needs=frozenset({"eeg"})
        )
    assert after.codes[0] in read_register(after.world.lab).blocked


def test_the_board_counts_thirty_days_until_a_person_did_the_rest(after: Before) -> None:
    now = datetime.now(UTC)
    with after.world.catalogue() as catalogue:
        alarms = [a.code for a in gather(after.world.lab, catalogue, at=now).alarms]
        assert "alarm_withdrawal" in alarms
        late = gather(after.world.lab, catalogue, at=now + timedelta(days=31)).alarms
        assert "alarm_overdue" in [a.code for a in late]
        (row,) = catalogue.whereabouts.withdrawals()
        assert row.open_items == (f"tell {WHO}, who holds release 1.0.0",)
        assert row.due_utc - row.at_utc == timedelta(days=30)
        assert confirm_item(catalogue, after.codes[0], 2) is None
        done = confirm_item(catalogue, after.codes[0], 1, who="DM")
        assert done is not None
        assert done.done_utc is not None
        codes = [a.code for a in gather(after.world.lab, catalogue, at=now).alarms]
    assert "alarm_withdrawal" not in codes


def test_the_next_release_is_without_the_client(after: Before) -> None:
    with after.world.catalogue() as catalogue:
        made = make_release(
            after.world.lab,
            catalogue,
            Order("1.1.0", simulated=True),
            workers=Workers(),
            tell=lambda _: None,
        )
    assert made.report.sessions == (after.sessions[after.codes[1]],)
    assert "1.0.0" in (made.path / "CHANGES").read_text()


def test_a_session_that_arrives_after_the_withdrawal_is_destroyed_at_once(
    after: Before, tmp_path: Path
) -> None:
    world = after.world.copy(tmp_path / "w")
    with recording(world.box(1), Who(after.codes[0], day=5), channels=1) as session:
        session.go(2)
    name = str(session.session)
    words = ("pull", "--lab", world.lab.root, "--from", world.server)
    world.take_in()
    assert exit_code(lab.cli.main, *words) == 0
    assert not list(world.archive.sessions.rglob(f"*{name}*"))
    assert not list((world.server / "intake").rglob(f"*{name}*"))
    assert exit_code(lab.cli.main, *words) == 0
    with world.catalogue() as catalogue:
        assert withdraw_late(world.lab, catalogue, None) == ()
        assert len([r for r in catalogue.receipts() if r.status == "withdrawn"]) == 2


def test_what_can_not_be_reached_is_left_for_a_person(
    before: Before, tmp_path: Path
) -> None:
    world = before.world.copy(tmp_path / "w")
    with world.catalogue() as catalogue:
        catalogue._database.execute("DELETE FROM copies")  # the first world's stay
        catalogue.whereabouts.put_copy(
            "opened", tmp_path / "moved", [before.sessions[before.codes[1]]]
        )
        done = withdraw(world.lab, catalogue, before.codes[1], place=None)
    left = " | ".join(done.row.open_items)
    assert f"find where opened {tmp_path / 'moved'} was moved to" in left
    assert "fieldrec-lab publish" in left
    assert done.row.done_utc is None


def test_a_code_nobody_was_given_is_refused(before: Before) -> None:
    words = ("withdraw", "K7QX3", "--lab", before.world.lab.root)
    assert exit_code(lab.cli.main, *words) == 21
