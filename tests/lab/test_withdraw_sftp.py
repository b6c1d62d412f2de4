"""A client who withdraws is forgotten on a server far away, too, or a person is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import lab.cli
from recorder.box import Box
from recorder.format.receipt import parse_receipt
from tests.compressed import Who, recording
from tests.dataset_world import World, make_world
from tests.house import exit_code
from tests.lab_account import LabAccount, lab_account

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def account(tmp_path: Path) -> Iterator[LabAccount]:
    with lab_account(tmp_path / "sshd") as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, account: LabAccount) -> tuple[World, list[str]]:
    """Record a session of each of two clients, and pull them over SFTP."""
    world, codes = make_world(tmp_path / "w", n_boxes=1, n_clients=2)
    sessions = []
    for code in codes:
        with recording(world.box(1), Who(code), channels=1) as session:
            session.go(2)
        sessions.append(str(session.session))
    world.take_in()
    far = ("--from", account.address(world.server), "--key", account.key)
    words = ("pull", "--lab", world.lab.root, *far, "--known-hosts", account.known_hosts)
    assert exit_code(lab.cli.main, *words) == 0
    return world, list(zip(codes, sessions, strict=True))  # type: ignore[arg-type]


def on_server(world: World, session: str) -> list[Path]:
    return list((world.server / "intake").rglob(f"*{session}*"))


def test_the_servers_copies_go_and_the_box_is_told(
    world: tuple[World, list[tuple[str, str]]],
) -> None:
    place, ((code, session), (_, other)) = world
    assert on_server(place, session)
    words = ("withdraw", code, "--lab", place.lab.root, "--by", "DM")
    assert exit_code(lab.cli.main, *words) == 0
    assert not on_server(place, session)
    assert on_server(place, other)
    device = Box.load(place.box(1)).device
    receipts = place.server / "boxes" / device.lower() / "receipts"
    (told,) = receipts.glob(f"{session}*.json")
    assert parse_receipt(told.read_bytes()).status == "withdrawn"
    assert f'"{code}"' in (receipts / "clients.json").read_text().split("blocked")[1]


def test_a_server_out_of_reach_is_left_to_a_person_and_tried_again(
    world: tuple[World, list[tuple[str, str]]], account: LabAccount
) -> None:
    place, ((code, session), _) = world
    away = account.key.rename(account.key.with_name("away"))
    words = ("withdraw", code, "--lab", place.lab.root, "--by", "DM")
    assert exit_code(lab.cli.main, *words) == 0
    assert not list(place.archive.sessions.rglob(f"*{session}*"))
    assert on_server(place, session)
    with place.catalogue() as catalogue:
        (row,) = catalogue.whereabouts.withdrawals()
    assert "delete on the server" in " | ".join(row.open_items)
    away.rename(account.key)
    assert exit_code(lab.cli.main, *words) == 0
    assert not on_server(place, session)
    with place.catalogue() as catalogue:
        (row,) = catalogue.whereabouts.withdrawals()
    assert row.open_items == ()
    assert row.done_utc is not None
