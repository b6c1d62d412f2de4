"""A box in the field gets new certificates, keys and servers, and never older ones."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from lab.identity import HybridIdentity
from lab.init import init_lab
from lab.publish import publish_to_box as publish_clients
from lab.rotate import rotate_receipt_key
from provisioning.cli import main
from provisioning.device import make_device
from provisioning.fleet import Fleet, init_fleet
from provisioning.publish import publish_to_box, publish_to_server
from provisioning.registry import read_utc
from provisioning.renew import certificate_of, valid_until
from provisioning.server import parse_server
from recorder.box import Box
from recorder.clients import Clients
from recorder.errors import ClientCodeError, FormatError, ProvisionError, RegisterError
from recorder.files import PUBLIC, write_atomic
from recorder.format.age import recipient_text
from recorder.format.fleet import parse_fleet
from recorder.upload.certificates import parse_certificate
from recorder.upload.fleet import Renewal
from recorder.upload.hostkeys import read_pins
from tests.house import House, exit_code, make_house, stock_verify

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.publish import Publication


@pytest.fixture
def house(tmp_path: Path) -> House:
    return make_house(tmp_path)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def _publish(house: House, out: Path) -> Publication:
    (published,) = publish_to_server(house.load_fleet(), out, now=read_utc())
    return published


def _mailbox(out: Path) -> Path:
    return out / "boxes" / "box-00019" / "receipts"


def _take(house: House, folder: Path) -> list[str]:
    """Let the box read ``folder`` as it reads its mailbox."""

    def read(name: str, limit_bytes: int) -> bytes | None:
        path = folder / name
        return path.read_bytes()[:limit_bytes] if path.exists() else None

    return Renewal(Box.load(house.box)).take(read)


def _server_key(folder: Path, name: str) -> Path:
    key = folder / name
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    return key.with_suffix(".pub")


def _expire(house: House) -> None:
    """Give box and registry a certificate that expired yesterday."""
    key = house.box / "ssh_ed25519"
    subprocess.run(
        [
            *("ssh-keygen", "-q", "-s", str(house.fleet / "ca" / "user_ca")),
            *("-I", "box-00019", "-n", "box-00019", "-z", "1", "-V", "-9d:-1d"),
            f"{key}.pub",
        ],
        check=True,
        capture_output=True,
    )
    kept = house.fleet / "devices" / "BOX-00019-cert.pub"
    shutil.copyfile(house.box / "ssh_ed25519-cert.pub", kept)


def test_stock_ssh_keygen_believes_what_is_published(house: House, out: Path) -> None:
    _publish(house, out)
    path = _mailbox(out) / "fleet.json"
    for namespace, principal, believed in (
        ("fieldrec-fleet", "fleet", True),
        ("fieldrec-fleet", "lab", False),
        ("fieldrec-clients", "fleet", False),
    ):
        assert believed is stock_verify(
            path.read_bytes(),
            path.with_name("fleet.json.sig"),
            signers=house.box / "lab" / "allowed_signers",
            principal=principal,
            namespace=namespace,
        )


def test_a_new_box_holds_already_what_is_published_for_it(house: House, out: Path) -> None:
    names = (
        "ssh_ed25519-cert.pub",
        "lab/recipients.txt",
        "lab/allowed_signers",
        "box.toml",
    )
    before = [(house.box / name).read_bytes() for name in names]
    _publish(house, out)
    assert _take(house, _mailbox(out)) == ["fleet.json"]
    assert [(house.box / name).read_bytes() for name in names] == before
    assert _take(house, _mailbox(out)) == []


def test_publishing_the_same_again_spends_no_serial(house: House, out: Path) -> None:
    first = _publish(house, out)
    assert _publish(house, out) == first
    assert first.serial == 1
    assert house.load_fleet().device("box-00019").fleet_serial == 1


def test_new_recipients_reach_the_box_under_the_next_serial(
    house: House, out: Path
) -> None:
    _publish(house, out)
    recipients = [HybridIdentity.generate().recipient for _ in range(2)]
    text = "".join(f"{recipient_text(each)}\n" for each in recipients)
    (house.lab / "public" / "recipients.txt").write_text(text)
    assert _publish(house, out).serial == 2
    assert _take(house, _mailbox(out)) == ["fleet.json"]
    assert list(Box.load(house.box).recipients) == recipients


def test_recipients_no_box_would_take_are_not_published(house: House, out: Path) -> None:
    path = house.lab / "public" / "recipients.txt"
    path.write_text("\n".join(path.read_text().splitlines()[:3]))
    arguments = ("publish", "--fleet", house.fleet, "--to", out)
    assert exit_code(main, *arguments) == 12
    assert house.load_fleet().device("BOX-00019").fleet_serial == 0


def test_an_older_one_is_refused_by_the_box(
    house: House, out: Path, tmp_path: Path
) -> None:
    _publish(house, out)
    shutil.copytree(_mailbox(out), tmp_path / "old")
    codebook = house.lab / "public" / "recipients.txt"
    codebook.write_text(codebook.read_text() + "# again\n")
    _publish(house, out)
    _take(house, _mailbox(out))
    held = (house.box / "lab" / "recipients.txt").read_bytes()
    with pytest.raises(RegisterError, match="serial 1: older than serial 2"):
        _take(house, tmp_path / "old")
    assert (house.box / "lab" / "recipients.txt").read_bytes() == held


@pytest.mark.parametrize(
    ("days_left", "is_renewed"), [(91, False), (90.001, False), (89.999, True), (-5, True)]
)
def test_a_certificate_is_renewed_from_90_days_before_it_expires(
    house: House, *, days_left: float, is_renewed: bool
) -> None:
    fleet = house.load_fleet()
    device = fleet.device("BOX-00019")
    until = valid_until(fleet, device)
    assert until is not None
    before = (house.box / "ssh_ed25519-cert.pub").read_text()
    text, renewed = certificate_of(fleet, device, now=until - timedelta(days=days_left))
    assert renewed is is_renewed
    assert (text != before) is is_renewed


def test_an_expired_box_is_renewed_with_the_same_serial_and_key(
    house: House, out: Path
) -> None:
    _expire(house)
    assert _publish(house, out).is_renewed
    assert not _publish(house, out).is_renewed
    assert _take(house, _mailbox(out)) == ["fleet.json"]
    path = house.box / "ssh_ed25519-cert.pub"
    certificate = parse_certificate(path.read_bytes())
    year_s = timedelta(days=365).total_seconds()
    assert abs(certificate.valid_before_s - read_utc().timestamp() - year_s) < 600
    shown = subprocess.run(
        ["ssh-keygen", "-L", "-f", path], capture_output=True, check=True, text=True
    ).stdout
    assert "Serial: 1\n" in shown
    assert 'Key ID: "box-00019"' in shown
    assert "Principals: \n                box-00019\n" in shown
    assert "Extensions: (none)" in shown


@pytest.mark.parametrize("spoil", ["missing", "broken", "of another authority"])
def test_a_certificate_the_registry_lacks_is_made_anew(house: House, spoil: str) -> None:
    fleet = house.load_fleet()
    device = fleet.device("BOX-00019")
    path = fleet.file_of(device, "-cert.pub")
    if spoil == "missing":
        path.unlink()
    elif spoil == "broken":
        path.write_text("ssh-ed25519-cert-v01@openssh.com AAAA\n")
    else:
        fleet.authority_path.unlink()
        fleet.authority_path.with_suffix(".pub").unlink()
        _server_key(fleet.root / "ca", "user_ca")
    text, renewed = certificate_of(fleet, device, now=read_utc())
    assert renewed
    assert text == path.read_text()
    assert certificate_of(fleet, device, now=read_utc()) == (text, False)


def test_a_box_folder_at_hand_is_renewed_at_once(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    _expire(house)
    arguments = ("publish", "--fleet", house.fleet, "--box", house.box, "--json")
    assert exit_code(main, *arguments) == 0
    assert json.loads(capsys.readouterr().out) == {
        "device": "BOX-00019",
        "serial": 1,
        "renewed": True,
    }
    kept = house.fleet / "devices" / "BOX-00019-cert.pub"
    assert (house.box / "ssh_ed25519-cert.pub").read_bytes() == kept.read_bytes()
    assert parse_fleet((house.box / "lab" / "fleet.json").read_bytes()).serial == 1
    Box.load(house.box)


def test_a_box_of_another_fleet_believes_nothing(house: House, tmp_path: Path) -> None:
    other = init_fleet(tmp_path / "other", lab_public=house.lab / "public")
    make_device(other, tmp_path / "namesake")
    with pytest.raises(RegisterError, match=r"fleet\.json: "):
        publish_to_box(other, house.box, now=read_utc())
    assert not (house.box / "lab" / "fleet.json").exists()


def test_the_server_and_its_next_key_reach_boxes_in_the_field(
    house: House, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Box.load(house.box).server is None
    now, later = _server_key(tmp_path, "now"), _server_key(tmp_path, "later")
    arguments = ("server", "Intake.example.org:2222", "--fleet", house.fleet)
    options = ("--host-key", now, "--next-host-key", later, "--json")
    assert exit_code(main, *arguments, *options) == 0
    told = {"host": "intake.example.org", "port": 2222, "user": ""}
    assert json.loads(capsys.readouterr().out) == told
    _publish(house, out)
    _take(house, _mailbox(out))
    server = Box.load(house.box).server
    assert server is not None
    assert (server.host, server.port, server.user) == (
        "intake.example.org",
        2222,
        "box-00019",
    )
    known_hosts = (house.box / "lab" / "known_hosts").read_text()
    assert len(read_pins(known_hosts, server.host, server.port).keys) == 2
    text = (house.box / "box.toml").read_text()
    assert "# Names for headsets." in text
    assert "while_recording = false" in text


def test_hosts_the_fleet_does_not_know_are_left_to_the_box(house: House, out: Path) -> None:
    (house.box / "lab" / "known_hosts").write_text("by.hand ssh-ed25519 AAAA\n")
    _publish(house, out)
    _take(house, _mailbox(out))
    known_hosts = (house.box / "lab" / "known_hosts").read_text()
    assert known_hosts == "by.hand ssh-ed25519 AAAA\n"


def test_the_labs_signing_key_changes_while_the_box_is_in_the_field(
    house: House, out: Path
) -> None:
    lab = house.load_lab()
    publish_clients(lab, house.box)
    assert rotate_receipt_key(lab) == "prepared"
    _publish(house, out)
    _take(house, _mailbox(out))
    assert rotate_receipt_key(lab) == "changed"
    _publish(house, out)
    _take(house, _mailbox(out))
    _assert_register_is_believed(house)  # still the one the former key signed
    publish_clients(lab, house.box)
    _assert_register_is_believed(house)


def _assert_register_is_believed(house: House) -> None:
    eeg = frozenset({"eeg"})
    clients = Clients.of(Box.load(house.box))
    with pytest.raises(ClientCodeError, match="unknown to this box"):
        clients.authorise("K7QX3", scopes=eeg, form="1", needs=eeg)


def test_a_lab_that_would_fall_silent_is_not_published(house: House, out: Path) -> None:
    signers = house.lab / "public" / "allowed_signers"
    text = signers.read_text().replace("fieldrec-receipt,", "")
    signers.write_text(text)
    with pytest.raises(FormatError, match="no key of 'lab' that may sign"):
        _publish(house, out)
    assert not (_mailbox(out) / "fleet.json").exists()


def test_a_box_of_another_lab_keeps_its_lab_and_server(
    house: House, out: Path, tmp_path: Path
) -> None:
    other = init_lab(tmp_path / "other", recovery_out=tmp_path / "other.txt").root
    fleet = house.load_fleet()
    own = make_device(
        fleet,
        tmp_path / "box2",
        lab_public=other / "public",
        server=parse_server("there.example.org"),
        host_key=_server_key(tmp_path, "there"),
    )
    arguments = ("server", "here.example.org", "--fleet", house.fleet)
    assert exit_code(main, *arguments, "--host-key", _server_key(tmp_path, "here")) == 0
    first, second = publish_to_server(house.load_fleet(), out, now=read_utc())
    assert (first.device, second.device) == ("BOX-00019", own.id)
    update = parse_fleet(second.content)
    assert update.recipients == (other / "public" / "recipients.txt").read_text()
    assert update.known_hosts == ""
    assert update.server.host == ""
    assert parse_fleet(first.content).server.host == "here.example.org"


def test_only_the_named_boxes_are_published_for(
    house: House, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = make_device(house.load_fleet(), tmp_path / "box2")
    arguments = ("publish", "--fleet", house.fleet, "--to", out, second.id.lower())
    assert exit_code(main, *arguments) == 0
    assert capsys.readouterr().out == f"{second.id}: serial 1\n"
    assert [path.name for path in (out / "boxes").iterdir()] == [second.id.lower()]


def test_a_servers_folder_without_a_mailbox_is_told_after_the_others_are_served(
    house: House, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = make_device(house.load_fleet(), tmp_path / "box2")
    (out / "sshd_config").touch()
    mailbox = out / "boxes" / second.id.lower() / "receipts"
    mailbox.mkdir(parents=True)
    arguments = ("publish", "--fleet", house.fleet, "--to", out)
    assert exit_code(main, *arguments) == ProvisionError.code
    error = capsys.readouterr().err
    assert "no mailbox for BOX-00019" in error
    assert "add-device box-00019" in error
    assert error.count("\n") == 1
    assert (mailbox / "fleet.json").exists()
    assert not _mailbox(out).exists()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), ProvisionError.code),
        (("--to", "nowhere"), ProvisionError.code),
        (("--to", ".", "--box", "."), ProvisionError.code),
        (("--box", ".", "BOX-00019"), ProvisionError.code),
        (("--to", ".", "BOX-0002X"), ProvisionError.code),
        (("--box", "."), 10),
    ],
)
def test_wrong_requests_are_one_line_with_their_code(
    house: House,
    out: Path,
    options: tuple[str, ...],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(out)
    assert exit_code(main, "publish", "--fleet", house.fleet, *options) == code
    assert capsys.readouterr().err.count("\n") == 1
    assert house.load_fleet().device("BOX-00019").fleet_serial == 0


def test_a_fleet_key_others_can_read_signs_nothing(house: House, out: Path) -> None:
    (house.fleet / "ca" / "fleet_key").chmod(0o640)
    assert exit_code(main, "publish", "--fleet", house.fleet, "--to", out) == 11
    assert not (_mailbox(out) / "fleet.json").exists()


def test_a_serial_spent_before_an_interruption_is_not_given_twice(
    house: House, out: Path
) -> None:
    first = _publish(house, out)

    class Cut(Fleet):
        """A fleet whose publication is cut off right after its serial was spent."""

        def file_of(self, device: object, end: str) -> Path:
            del device
            if end == ".fleet.json":
                return out / "nowhere" / "x.json"
            return self.root / "devices" / f"BOX-00019{end}"

    cut = Cut(house.fleet, house.lab / "public")
    with pytest.raises(FileNotFoundError):
        publish_to_server(cut, out, now=read_utc())
    write_atomic(
        house.lab / "public" / "recipients.txt",
        (house.lab / "public" / "recipients.txt").read_bytes() + b"#\n",
        mode=PUBLIC,
    )
    assert _publish(house, out).serial == first.serial + 2
