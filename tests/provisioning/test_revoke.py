"""A lost box is shut out for good; what it sent before stays acceptable."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from lab.registry import Registry
from provisioning.cli import main
from provisioning.device import make_device
from provisioning.publish import publish_to_server
from provisioning.registry import read_utc, utc_text
from provisioning.renew import certificate_of
from provisioning.revoke import revoke
from recorder.errors import ProvisionError
from tests.house import House, exit_code, make_house

if TYPE_CHECKING:
    from pathlib import Path

BOX = "BOX-00019"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return make_house(tmp_path)


def _revoke(house: House, name: str = BOX, since: str | None = None) -> int:
    since = since or utc_text(read_utc())
    arguments = ("device", "revoke", name, "--lost-since", since)
    return exit_code(main, *arguments, "--fleet", house.fleet)


def _is_revoked(house: House, key: Path) -> bool:
    """Ask OpenSSH itself."""
    krl = house.fleet / "public" / "krl"
    asked = subprocess.run(
        ["ssh-keygen", "-Q", "-f", str(krl), str(key)],
        capture_output=True,
        check=False,
        text=True,
    )
    assert (asked.returncode == 0) is ("REVOKED" not in asked.stdout)
    assert ": REVOKED" in asked.stdout or ": ok" in asked.stdout
    return asked.returncode != 0


def _certificate(house: House, folder: Path, *, serial: int, name: str) -> Path:
    """Return a certificate of the fleet's authority for a fresh key."""
    key = folder / f"key{serial}{name}"
    for command in (
        ["-t", "ed25519", "-N", "", "-f", str(key)],
        [
            *("-s", str(house.fleet / "ca" / "user_ca"), "-I", name, "-n", name),
            *("-z", str(serial), f"{key}.pub"),
        ],
    ):
        subprocess.run(["ssh-keygen", "-q", *command], check=True, capture_output=True)
    return key.with_name(f"{key.name}-cert.pub")


def _lost(house: House) -> dict[str, dict[str, object]]:
    content = json.loads((house.fleet / "public" / "lost.json").read_bytes())
    devices: dict[str, dict[str, object]] = content["devices"]
    return devices


def test_key_and_every_certificate_of_the_box_are_revoked(
    house: House, tmp_path: Path
) -> None:
    fleet = house.load_fleet()
    device = fleet.device(BOX)
    first = house.box / "ssh_ed25519-cert.pub"
    renewed = tmp_path / "renewed-cert.pub"
    later = read_utc() + timedelta(days=300)
    renewed.write_text(certificate_of(fleet, device, now=later)[0])
    assert renewed.read_bytes() != first.read_bytes()
    same_serial = _certificate(house, tmp_path, serial=1, name="somebody")
    same_name = _certificate(house, tmp_path, serial=77, name="box-00019")
    theirs = (house.box / "ssh_ed25519.pub", first, renewed, same_serial, same_name)
    assert not any(_is_revoked(house, key) for key in theirs)
    assert _revoke(house) == 0
    assert all(_is_revoked(house, key) for key in theirs)


def test_other_boxes_stay_as_they_are(house: House, tmp_path: Path) -> None:
    make_device(house.load_fleet(), tmp_path / "box2")
    assert _revoke(house) == 0
    for name in ("ssh_ed25519.pub", "ssh_ed25519-cert.pub"):
        assert not _is_revoked(house, tmp_path / "box2" / name)


def test_two_lost_boxes_are_both_revoked(house: House, tmp_path: Path) -> None:
    second = make_device(house.load_fleet(), tmp_path / "box2")
    assert _revoke(house) == 0
    assert _revoke(house, second.id.lower()) == 0
    for box in (house.box, tmp_path / "box2"):
        assert _is_revoked(house, box / "ssh_ed25519-cert.pub")
    assert set(_lost(house)) == {BOX, second.id}


def test_a_box_made_after_a_revocation_can_log_in(house: House, tmp_path: Path) -> None:
    assert _revoke(house) == 0
    make_device(house.load_fleet(), tmp_path / "box2")
    assert not _is_revoked(house, tmp_path / "box2" / "ssh_ed25519-cert.pub")


def test_the_lab_learns_since_when_the_box_is_lost(house: House) -> None:
    assert _lost(house) == {}
    before = (house.fleet / "public" / "allowed_signers").read_bytes()
    since = utc_text(read_utc())
    assert _revoke(house, since=since) == 0
    assert _lost(house) == {BOX: {"since_utc": since, "serials": [1]}}
    assert (house.fleet / "public" / "allowed_signers").read_bytes() == before
    registry = Registry.load(house.load_lab().remember_fleet(house.fleet / "public"))
    assert registry.lost_since == {BOX: datetime.fromisoformat(since)}
    assert registry.revoked == {BOX}


def test_it_says_what_to_do_next(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert _revoke(house) == 0
    told = capsys.readouterr().out
    assert str(house.fleet / "public" / "krl") in told
    assert "quarantine" in told


def test_revoking_again_changes_nothing(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    since = utc_text(read_utc())
    arguments = ("device", "revoke", BOX, "--lost-since", since, "--fleet", house.fleet)
    for _ in range(2):
        assert exit_code(main, *arguments, "--json") == 0
        told = {"device": BOX, "lost_since": since}
        assert json.loads(capsys.readouterr().out) == told
    assert _lost(house) == {BOX: {"since_utc": since, "serials": [1]}}
    assert _is_revoked(house, house.box / "ssh_ed25519-cert.pub")


def test_an_earlier_time_counts_and_a_later_one_is_refused(house: House) -> None:
    fleet = house.load_fleet()
    made = fleet.device(BOX).made.replace(microsecond=0)
    now = made + timedelta(days=9)
    for days, lost_days in ((5, 5), (3, 3)):
        revoke(fleet, BOX, lost_since=made + timedelta(days=days), now=now)
        expected = utc_text(made + timedelta(days=lost_days))
        assert _lost(house)[BOX]["since_utc"] == expected
    with pytest.raises(ProvisionError, match="already, which is earlier"):
        revoke(fleet, BOX, lost_since=made + timedelta(days=4), now=now)
    assert _lost(house)[BOX]["since_utc"] == utc_text(made + timedelta(days=3))


@pytest.mark.parametrize(
    ("name", "since", "says"),
    [
        (BOX, "2999-01-01T00:00Z", "lies in the future"),
        (BOX, "2001-01-01T00:00Z", "was made only at"),
        (BOX, "2026-01-31T18:00", "has no time zone"),
        (BOX, "yesterday", "is no time"),
        ("BOX-0002X", "2026-01-31T18:00Z", "is no box of this fleet"),
        ("../../x", "2026-01-31T18:00Z", "is no box of this fleet"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    house: House, name: str, since: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    krl = (house.fleet / "public" / "krl").read_bytes()
    assert _revoke(house, name, since) == ProvisionError.code
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert _lost(house) == {}
    assert (house.fleet / "public" / "krl").read_bytes() == krl


def test_another_time_zone_is_written_down_in_utc(house: House) -> None:
    now = read_utc().astimezone(UTC).replace(microsecond=0)
    there = now.astimezone(datetime.fromisoformat("2026-01-01T00:00+07:00").tzinfo)
    assert _revoke(house, since=there.isoformat()) == 0
    assert _lost(house)[BOX]["since_utc"] == utc_text(now)


def test_an_interrupted_revocation_is_finished_by_doing_it_again(house: House) -> None:
    krl = house.fleet / "public" / "krl"
    good = krl.read_bytes()
    krl.write_bytes(b"no list")
    since = utc_text(read_utc())
    assert _revoke(house, since=since) == ProvisionError.code
    assert _lost(house)[BOX]["since_utc"] == since  # the lab may know it first
    krl.write_bytes(good)
    assert _revoke(house, since=since) == 0
    assert _is_revoked(house, house.box / "ssh_ed25519-cert.pub")


def test_nothing_is_published_for_a_lost_box(house: House, tmp_path: Path) -> None:
    second = make_device(house.load_fleet(), tmp_path / "box2")
    assert _revoke(house) == 0
    out = tmp_path / "out"
    out.mkdir()
    published = publish_to_server(house.load_fleet(), out, now=read_utc())
    assert [each.device for each in published] == [second.id]
    for options in (("--to", out, BOX), ("--box", house.box)):
        arguments = ("publish", "--fleet", house.fleet, *options)
        assert exit_code(main, *arguments) == ProvisionError.code
    assert not (out / "boxes" / "box-00019").exists()
    assert not (house.box / "lab" / "fleet.json").exists()


def test_the_list_shows_certificates_and_losses(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = make_device(house.load_fleet(), tmp_path / "box2")
    since = utc_text(read_utc())
    assert _revoke(house, since=since) == 0
    capsys.readouterr()
    arguments = ("device", "list", "--fleet", house.fleet)
    assert exit_code(main, *arguments) == 0
    head, lost, fine = capsys.readouterr().out.splitlines()
    assert head.split() == ["box", "made", "certificate", "state"]
    assert lost.startswith(BOX)
    assert lost.endswith(f"lost since {since}")
    assert fine.startswith(second.id)
    assert fine.endswith("fine")
    assert exit_code(main, *arguments, "--json") == 0
    first, other = json.loads(capsys.readouterr().out)["devices"]
    assert (first["device"], first["lost_since_utc"]) == (BOX, since)
    assert (other["lost_since_utc"], other["fleet_serial"]) == ("", 0)
    until = datetime.fromisoformat(other["certificate_until_utc"])
    assert timedelta(days=364) < until - read_utc() < timedelta(days=366)


@pytest.mark.parametrize(
    ("validity", "says"),
    [("-9d:-1d", "expired"), ("-9d:+30d", "expires soon"), ("-9d:+91d", "fine")],
)
def test_the_list_warns_of_certificates_that_expire(
    house: House, validity: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    key = house.fleet / "devices" / BOX
    key.with_suffix(".pub").write_bytes((house.box / "ssh_ed25519.pub").read_bytes())
    command = [
        *("ssh-keygen", "-q", "-s", str(house.fleet / "ca" / "user_ca"), "-I", "x"),
        *("-n", "box-00019", "-V", validity, f"{key}.pub"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    assert exit_code(main, "device", "list", "--fleet", house.fleet) == 0
    assert says in capsys.readouterr().out.splitlines()[1]
