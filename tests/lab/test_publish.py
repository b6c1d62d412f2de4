"""Codes are given once, registers get a new serial each, and reach only their own boxes."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

from lab.cli import main
from lab.clients import new_clients, read_register
from lab.init import init_lab
from lab.publish import publish_to_box
from lab.settings import Lab
from provisioning.device import make_device
from provisioning.registry import read_utc
from provisioning.revoke import revoke
from recorder.box import Box
from recorder.clients import Clients
from recorder.errors import ClientCodeError, ConsentError, KeyFileError, LabError
from recorder.format.registers import parse_scopes
from recorder.identifiers import parse_client_code
from recorder.upload.fleet import Renewal
from tests.house import House, exit_code, make_house, mode, stock_verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


DEVICE = "BOX-00019"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return make_house(tmp_path)


def _take(box: Path, mailbox: Path) -> list[str]:
    """Let the box in ``box`` read ``mailbox``, as it does when it syncs."""

    def read(name: str, limit_bytes: int) -> bytes | None:
        path = mailbox / name
        return path.read_bytes()[:limit_bytes] if path.exists() else None

    return Renewal(Box.load(box)).take(read)


def _dice(falls: str) -> Callable[[str], str]:
    """Return a choice that falls as foretold."""
    coming = iter(falls)
    return lambda _: next(coming)


def test_new_codes_join_the_pool_and_are_printed_one_a_line(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(main, "client", "new", "--lab", house.lab, "--count", "5") == 0
    codes = capsys.readouterr().out.splitlines()
    assert len(set(codes)) == 5
    assert [parse_client_code(code) for code in codes] == codes
    assert read_register(house.load_lab()).pool == tuple(codes)
    assert mode(house.lab / "clients.json") == 0o600


def test_a_consent_the_lab_holds_is_registered(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--scopes", "eeg,audio", "--form", "2026-1", "--json")
    assert exit_code(main, "client", "new", "--lab", house.lab, *options) == 0
    (code,) = json.loads(capsys.readouterr().out)["codes"]
    register = read_register(house.load_lab())
    assert register.pool == ()
    assert register.clients[code].scopes == {"eeg", "audio"}
    assert register.clients[code].form == "2026-1"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--count", "0"), LabError.code),
        (("--count", "1001"), LabError.code),
        (("--count", "many"), 2),
        (("--scopes", "eeg"), ConsentError.code),
        (("--form", "2026-1"), ConsentError.code),
        (("--scopes", "video", "--form", "2026-1"), ConsentError.code),
    ],
)
def test_wrong_requests_for_codes_are_refused(
    house: House, options: tuple[str, ...], code: int
) -> None:
    assert exit_code(main, "client", "new", "--lab", house.lab, *options) == code
    assert read_register(house.load_lab()).pool == ()


def test_a_code_given_out_once_is_never_drawn_again(house: House) -> None:
    lab = house.load_lab()
    eeg = parse_scopes("eeg")
    (pooled,) = new_clients(lab, count=1, choose=_dice("2222"))
    (known,) = new_clients(lab, count=1, scopes=eeg, form="1", choose=_dice("22223333"))
    later = new_clients(lab, count=2, choose=_dice("22223333444444446666"))
    assert [code[:4] for code in (pooled, known, *later)] == [
        *("2222", "3333", "4444", "6666"),
    ]


def test_two_at_once_never_give_the_same_code_or_lose_one(house: House) -> None:
    lab = house.load_lab()
    threads = [
        threading.Thread(target=new_clients, args=(lab,), kwargs={"count": 20})
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(read_register(lab).pool)) == 80


def test_every_publication_has_a_new_serial_and_stock_ssh_keygen_checks_it(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    new_clients(house.load_lab(), count=1)
    arguments = ("publish", "--lab", house.lab, "--fleet", house.fleet / "public")
    for serial in (1, 2):
        assert exit_code(main, *arguments, "--box", house.box, "--json") == 0
        assert json.loads(capsys.readouterr().out)["serial"] == serial
    content = (house.box / "lab" / "clients.json").read_bytes()
    assert json.loads(content)["serial"] == 2
    assert stock_verify(
        content,
        house.box / "lab" / "clients.json.sig",
        signers=house.box / "lab" / "allowed_signers",
        principal="lab",
        namespace="fieldrec-clients",
    )


def test_the_lab_remembers_the_fleet(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(house.fleet)
    arguments = ("publish", "--lab", house.lab, "--fleet", "public", "--box", house.box)
    assert exit_code(main, *arguments) == 0
    expected = house.fleet / "public" / "allowed_signers"
    assert house.load_lab().device_signers_path == expected


def test_a_folder_with_quotes_and_other_letters_is_remembered(tmp_path: Path) -> None:
    init_lab(tmp_path / "lab", recovery_out=tmp_path / "recovery.txt")
    fleet = tmp_path / 'бокс "7" \\ #'
    fleet.mkdir()
    (fleet / "allowed_signers").touch()
    Lab.load(tmp_path / "lab").remember_fleet(fleet)
    assert Lab.load(tmp_path / "lab").fleet == fleet


def test_with_neither_box_nor_server_the_fleet_is_remembered_all_the_same(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("publish", "--lab", house.lab, "--fleet", house.fleet / "public")
    for options in ((), ("--box", house.box, "--to", house.lab)):
        assert exit_code(main, *arguments, *options) == LabError.code
        error = capsys.readouterr().err
        assert "--to" in error
        assert error.count("\n") == 1
    assert house.load_lab().fleet == house.fleet / "public"
    assert read_register(house.load_lab()).serial == 0


def test_every_box_in_good_hands_gets_the_same_register(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet = house.load_fleet()
    second = make_device(fleet, tmp_path / "box2")
    third = make_device(fleet, tmp_path / "box3")
    now = read_utc()
    revoke(fleet, second.id, lost_since=now.replace(microsecond=0), now=now)
    out = tmp_path / "out"
    out.mkdir()
    arguments = ("publish", "--lab", house.lab, "--fleet", house.fleet / "public")
    assert exit_code(main, *arguments, "--to", out, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "serial": 1,
        "to": str(out),
        "devices": [DEVICE, third.id],
    }
    boxes = {path.name for path in (out / "boxes").iterdir()}
    assert boxes == {"box-00019", third.id.lower()}
    for name, folder in ((DEVICE, house.box), (third.id, tmp_path / "box3")):
        mailbox = out / "boxes" / name.lower() / "receipts"
        assert sorted(path.name for path in mailbox.iterdir()) == [
            "clients.json",
            "clients.json.sig",
        ]
        assert _take(folder, mailbox) == ["clients.json"]
        assert _take(folder, mailbox) == []


def test_a_box_without_a_mailbox_is_told_after_the_others_are_served(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = make_device(house.load_fleet(), tmp_path / "box2")
    (tmp_path / "sshd_config").touch()
    arguments = ("publish", "--lab", house.lab, "--fleet", house.fleet / "public")
    assert exit_code(main, *arguments, "--to", tmp_path) == LabError.code
    assert read_register(house.load_lab()).serial == 0
    mailbox = tmp_path / "boxes" / "box-00019" / "receipts"
    mailbox.mkdir(parents=True)
    capsys.readouterr()
    assert exit_code(main, *arguments, "--to", tmp_path) == LabError.code
    error = capsys.readouterr().err
    assert f"no mailbox for {second.id}" in error
    assert error.count("\n") == 1
    assert json.loads((mailbox / "clients.json").read_bytes())["serial"] == 1


def test_a_missing_server_folder_spends_no_serial(house: House, tmp_path: Path) -> None:
    arguments = ("publish", "--lab", house.lab, "--fleet", house.fleet / "public")
    assert exit_code(main, *arguments, "--to", tmp_path / "none") == LabError.code
    assert not (tmp_path / "none").exists()
    assert read_register(house.load_lab()).serial == 0


def test_a_blocked_code_is_recorded_no_more_once_the_register_is_there(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = new_clients(house.load_lab(), count=1)
    publish_to_box(house.load_lab(), house.box)
    clients = Clients.of(Box.load(house.box))
    eeg = frozenset({"eeg"})
    assert clients.authorise(code, scopes=eeg, form="1", needs=eeg).code == code
    for is_new in (True, False):
        arguments = ("client", "block", code.lower(), "--lab", house.lab, "--json")
        assert exit_code(main, *arguments) == 0
        told = json.loads(capsys.readouterr().out)
        assert told == {"blocked": True, "new": is_new}
    publish_to_box(house.load_lab(), house.box)
    with pytest.raises(ClientCodeError, match="blocked by the lab"):
        clients.authorise(code, scopes=None, form=None, needs=eeg)
    assert read_register(house.load_lab()).blocked == (code,)


@pytest.mark.parametrize("code", ["K7QX3", "K7QX4", "12"])
def test_a_code_never_given_out_cannot_be_blocked(
    house: House, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("client", "block", code, "--lab", house.lab)
    assert exit_code(main, *arguments) == ClientCodeError.code
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert code not in error
    assert read_register(house.load_lab()).blocked == ()


def test_a_folder_that_is_no_fleet_is_refused(house: House) -> None:
    arguments = ("publish", "--lab", house.lab, "--fleet", house.fleet, "--box", house.box)
    assert exit_code(main, *arguments) == LabError.code
    assert house.load_lab().fleet is None


def test_a_folder_that_is_no_box_is_refused(house: House, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="is no box folder"):
        publish_to_box(house.load_lab(), tmp_path)


def test_a_box_of_another_lab_is_refused_and_left_as_it_was(
    house: House, tmp_path: Path
) -> None:
    init_lab(tmp_path / "other", recovery_out=tmp_path / "other.txt")
    with pytest.raises(LabError, match="would not believe this lab"):
        publish_to_box(Lab.load(tmp_path / "other"), house.box)
    assert not (house.box / "lab" / "clients.json").exists()


def test_a_signing_key_others_can_read_signs_nothing(house: House) -> None:
    (house.lab / "secret" / "receipt_ed25519").chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        publish_to_box(house.load_lab(), house.box)
    assert read_register(house.load_lab()).serial == 0
