"""Boxes are told one server, and know it by its keys alone."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from provisioning.cli import main
from provisioning.device import make_device
from provisioning.fleet import Fleet
from provisioning.server import known_hosts_text, parse_server, read_host_key
from recorder.box import Box
from recorder.errors import ProvisionError
from recorder.format.fleet import FleetServer
from recorder.upload.hostkeys import read_pins
from tests.house import House, exit_code, make_house

if TYPE_CHECKING:
    from pathlib import Path

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH" + "A" * 42


@pytest.fixture
def house(tmp_path: Path) -> House:
    return make_house(tmp_path)


def _key(folder: Path, text: str = KEY, name: str = "host_key.pub") -> Path:
    path = folder / name
    path.write_text(f"{text}\n")
    return path


def _new(house: House, box: Path, *options: str | Path) -> int:
    arguments = ("device", "new", "--fleet", house.fleet, "--box", box)
    return exit_code(main, *arguments, *options)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("intake.example.org", FleetServer("intake.example.org", 22, "")),
        ("Intake.Example.ORG:2222", FleetServer("intake.example.org", 2222, "")),
        ("192.0.2.7:22", FleetServer("192.0.2.7", 22, "")),
        ("[2001:db8::7]", FleetServer("2001:db8::7", 22, "")),
        ("[2001:db8::7]:65535", FleetServer("2001:db8::7", 65535, "")),
        ("trial@127.0.0.1:2222", FleetServer("127.0.0.1", 2222, "trial")),
    ],
)
def test_an_address_is_read(text: str, expected: FleetServer) -> None:
    assert parse_server(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", ":22", "host:0", "host:65536", "host:ssh", "2001:db8::7", "[2001:db8::7"),
        *("host name", "host/path", "-host", "user:secret@host", "Ü@host", "host?x"),
        "@127.0.0.1:2222",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ProvisionError) as caught:
        parse_server(text)
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "is_authority"),
    [
        (KEY, False),
        (f"{KEY} root@server", False),
        (f"[127.0.0.1]:2222 {KEY}", False),
        (f"# server:22 SSH-2.0-OpenSSH\nserver ssh-rsa AAAA\nserver {KEY}", False),
        (f"server {KEY}\nserver,192.0.2.7 {KEY}", False),
        (f"@cert-authority *.example.org {KEY}", True),
    ],
)
def test_a_host_key_is_read_from_any_of_opensshs_files(
    tmp_path: Path, text: str, *, is_authority: bool
) -> None:
    key = read_host_key(_key(tmp_path, text))
    assert (key.line, key.is_authority) == (KEY, is_authority)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds 0 host keys"),
        ("server ssh-rsa AAAA", "holds 0 host keys"),
        (f"server {KEY}\nserver {OTHER}", "holds 2 host keys"),
        ("ssh-ed25519 AAAA", "can't be read"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "holds 0 host keys"),
    ],
)
def test_a_file_without_just_one_key_is_refused(
    tmp_path: Path, text: str, says: str
) -> None:
    with pytest.raises(ProvisionError, match=says):
        read_host_key(_key(tmp_path, text))


def test_a_missing_or_binary_host_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match="No such file"):
        read_host_key(tmp_path / "none")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ProvisionError, match="not text"):
        read_host_key(tmp_path / "binary")


@pytest.mark.parametrize("port", [22, 2222])
@pytest.mark.parametrize("marker", ["", "@cert-authority x "])
def test_the_box_and_openssh_find_the_server_in_known_hosts(
    tmp_path: Path, port: int, marker: str
) -> None:
    keys = [
        read_host_key(_key(tmp_path, marker + key, str(index)))
        for index, key in enumerate((KEY, OTHER))
    ]
    text = known_hosts_text(FleetServer("intake.example.org", port), [*keys, keys[0]])
    pins = read_pins(text, "intake.example.org", port)
    assert len(pins.authorities if marker else pins.keys) == 2
    (tmp_path / "known_hosts").write_text(text)
    name = "intake.example.org" if port == 22 else f"[intake.example.org]:{port}"
    found = subprocess.run(
        ["ssh-keygen", "-F", name, "-f", str(tmp_path / "known_hosts")],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert found.count("found: line") == 2


def test_the_first_boxs_server_becomes_the_fleets(house: House, tmp_path: Path) -> None:
    options = ("--server", "intake.example.org:2222", "--host-key", _key(tmp_path))
    assert _new(house, tmp_path / "box2", *options) == 0
    assert house.load_fleet().server == FleetServer("intake.example.org", 2222)
    assert _new(house, tmp_path / "box3") == 0
    for name in ("box2", "box3"):
        box = Box.load(tmp_path / name)
        assert box.server is not None
        assert (box.server.host, box.server.port) == ("intake.example.org", 2222)
        assert box.server.user == box.device.lower()
        assert not box.server.while_recording
        pins = read_pins(box.known_hosts_path.read_text(), "intake.example.org", 2222)
        assert len(pins.keys) == 1
    assert not any(device.own_server for device in house.load_fleet().devices())


def test_another_server_is_that_boxs_own(house: House, tmp_path: Path) -> None:
    fleets = ("--fleet", house.fleet, "--host-key", _key(tmp_path))
    assert exit_code(main, "server", "intake.example.org", *fleets) == 0
    options = ("--server", "trial@127.0.0.1:2222", "--host-key", _key(tmp_path, OTHER))
    assert _new(house, tmp_path / "box2", *options) == 0
    server = Box.load(tmp_path / "box2").server
    assert server is not None
    assert (server.host, server.user) == ("127.0.0.1", "trial")
    fleet = house.load_fleet()
    assert fleet.server.host == "intake.example.org"
    assert [device.own_server for device in fleet.devices()] == [False, True]


def test_a_strange_key_for_the_fleets_server_is_refused(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = ("--host-key", _key(tmp_path), "--next-host-key", _key(tmp_path, OTHER, "b"))
    arguments = ("server", "intake.example.org", "--fleet", house.fleet)
    assert exit_code(main, *arguments, *known) == 0
    server = ("--server", "intake.example.org", "--host-key")
    assert _new(house, tmp_path / "box2", *server, tmp_path / "b") == 0
    both = read_pins(
        (tmp_path / "box2" / "lab" / "known_hosts").read_text(), "intake.example.org", 22
    )
    assert len(both.keys) == 2
    strange = _key(tmp_path, KEY[:-2] + "BA", "strange.pub")
    capsys.readouterr()
    assert _new(house, tmp_path / "box3", *server, strange) == ProvisionError.code
    assert "is not a host key this fleet knows" in capsys.readouterr().err
    assert not (tmp_path / "box3").exists()


@pytest.mark.parametrize("option", ["--server", "--host-key"])
def test_a_server_comes_with_its_key(house: House, tmp_path: Path, option: str) -> None:
    value = "intake.example.org" if option == "--server" else _key(tmp_path)
    assert _new(house, tmp_path / "box2", option, value) == ProvisionError.code
    assert not (tmp_path / "box2").exists()


def test_a_failed_box_does_not_change_the_fleets_server(
    house: House, tmp_path: Path
) -> None:
    (house.fleet / "ca" / "user_ca").write_text("no key\n")
    options = ("--server", "intake.example.org", "--host-key", _key(tmp_path))
    assert _new(house, tmp_path / "box2", *options) == ProvisionError.code
    assert Fleet.load(house.fleet).server == FleetServer()


def test_the_trial_servers_own_line_is_taken(house: House, tmp_path: Path) -> None:
    line = _key(tmp_path, f"[127.0.0.1]:2222 {KEY}", "known_hosts")
    device = make_device(
        house.load_fleet(),
        tmp_path / "box2",
        server=parse_server("me@127.0.0.1:2222"),
        host_key=line,
    )
    box = Box.load(tmp_path / "box2")
    assert box.device == device.id
    assert f"[127.0.0.1]:2222 {KEY}" in box.known_hosts_path.read_text().splitlines()
