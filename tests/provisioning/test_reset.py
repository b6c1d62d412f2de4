"""A reset empties a box, but never destroys what the lab has not verified unasked."""

from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING

import pytest

from provisioning.cli import main
from provisioning.reset import reset_box
from recorder.errors import ProvisionError, StoreBusyError
from tests.house import House, exit_code, make_house

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def house(tmp_path: Path) -> House:
    return make_house(tmp_path)


def crashed_session(house: House) -> Path:
    folder = house.box / "sessions" / "39200a4a-7cef-4361-91cb-53fba080ff91"
    (folder / "0001.open").mkdir(parents=True)
    (folder / "0001.open" / "journal").write_bytes(b"sealed")
    return folder


def test_an_empty_box_is_reset_and_forgets_devices_and_networks(house: House) -> None:
    (house.box / "devices.json").write_text('{"version": 1}')
    network = house.box.parent / "network"
    network.mkdir()
    (network / "home.nmconnection").write_text("psk=secret")
    assert reset_box(house.box) == ()
    assert not (house.box / "devices.json").exists()
    assert not list(network.iterdir())


def test_bonds_with_headsets_go_too(house: House) -> None:
    bond = house.box.parent / "bluetooth" / "B8:27:EB:00:00:01" / "00:55:DA:B0:12:34"
    bond.mkdir(parents=True)
    (bond / "info").write_text("[LongTermKey]\nKey=00")
    reset_box(house.box, dry_run=True)
    assert (bond / "info").exists()
    reset_box(house.box)
    assert not list((house.box.parent / "bluetooth").iterdir())


def test_an_unverified_session_stops_it_and_nothing_changes(house: House) -> None:
    folder = crashed_session(house)
    before = (house.box / "clients.json").read_bytes()
    with pytest.raises(ProvisionError, match=r"1 session\(s\) were not verified"):
        reset_box(house.box)
    assert (folder / "0001.open" / "journal").exists()
    assert (house.box / "clients.json").read_bytes() == before


def test_only_the_boxes_own_name_destroys(house: House) -> None:
    folder = crashed_session(house)
    with pytest.raises(ProvisionError, match="'BOX-00027' is not this box"):
        reset_box(house.box, destroy="BOX-00027")
    assert reset_box(house.box, destroy="box-00019", dry_run=True) == (folder.name,)
    assert folder.exists()
    assert reset_box(house.box, destroy="BOX-00019") == (folder.name,)
    assert not folder.exists()


def test_a_store_in_use_is_left_alone(house: House) -> None:
    with (house.box / "sessions" / "recorder.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreBusyError, match="uses the store"):
            reset_box(house.box)


def test_the_command_says_how_many_are_gone(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(main, "reset", "--box", house.box, "--json") == 0
    assert capsys.readouterr().out == '{"sessions": [], "dry_run": false}\n'
