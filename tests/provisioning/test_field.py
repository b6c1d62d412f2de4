"""A year in the field, over a real sshd: whatever changes at home reaches the box.

Everything goes through the commands that people type.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from lab.init import init_lab
from lab.rotate import rotate_receipt_key
from lab.settings import Lab
from provisioning.cli import main as provision
from provisioning.fleet import Fleet, init_fleet
from provisioning.publish import publish_to_server
from provisioning.registry import read_utc, utc_text
from recorder.box import Box
from recorder.cli import main as fieldrec
from recorder.format.fleet import parse_fleet
from recorder.format.registers import LabRegister, decode_register
from tests.house import exit_code
from tests.sftp_server import IntakeServer, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BOX = "BOX-00019"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[IntakeServer]:
    """Run a server for a new fleet in tmp_path/fleet, with one connected box."""
    lab = init_lab(tmp_path / "lab", recovery_out=tmp_path / "recovery.txt").root
    fleet = init_fleet(tmp_path / "fleet", lab_public=lab / "public")
    with serve(tmp_path / "server", fleet.public) as running:
        line = tmp_path / "line"
        line.write_text(f"{running.known_hosts_line}\n")
        address = f"{running.user}@{running.host}:{running.port}"
        arguments = ("device", "new", "--fleet", fleet.root, "--box", tmp_path / "box")
        connected = ("--server", address, "--host-key", line)
        assert exit_code(provision, *arguments, *connected) == 0
        running.refresh()
        yield running


def _sync(root: Path) -> int:
    return exit_code(fieldrec, "sync", "--once", "--box", root / "box")


def _publish(root: Path) -> None:
    arguments = ("publish", "--fleet", root / "fleet", "--to", root / "server")
    assert exit_code(provision, *arguments) == 0


def test_registers_and_renewals_arrive_with_the_next_sync(
    server: IntakeServer, tmp_path: Path
) -> None:
    from lab.cli import main as lab_main  # noqa: PLC0415 - draws in all of the lab

    arguments = ("publish", "--lab", tmp_path / "lab", "--fleet", server.fleet)
    assert exit_code(lab_main, *arguments, "--to", server.root) == 0
    _publish(tmp_path)
    assert _sync(tmp_path) == 0
    held = tmp_path / "box" / "lab"
    assert decode_register((held / "clients.json").read_bytes(), LabRegister).serial == 1
    assert parse_fleet((held / "fleet.json").read_bytes()).serial == 1
    recipients = tmp_path / "lab" / "public" / "recipients.txt"
    recipients.write_text(recipients.read_text() + "# the same two, said again\n")
    assert rotate_receipt_key(Lab.load(tmp_path / "lab")) == "prepared"
    _publish(tmp_path)
    assert _sync(tmp_path) == 0
    assert (held / "recipients.txt").read_bytes() == recipients.read_bytes()
    assert (held / "allowed_signers").read_text().count("lab namespaces=") == 2
    Box.load(tmp_path / "box")


@pytest.mark.usefixtures("server")
def test_an_expired_box_is_let_in_again_after_its_card_was_renewed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "box" / "ssh_ed25519"
    subprocess.run(
        [
            *("ssh-keygen", "-q", "-s", str(tmp_path / "fleet" / "ca" / "user_ca")),
            *("-I", "box-00019", "-n", "box-00019", "-z", "1", "-V", "-9d:-1d"),
            f"{key}.pub",
        ],
        check=True,
        capture_output=True,
    )
    kept = tmp_path / "fleet" / "devices" / f"{BOX}-cert.pub"
    shutil.copyfile(key.with_name("ssh_ed25519-cert.pub"), kept)
    assert _sync(tmp_path) == 79
    assert "expired on" in capsys.readouterr().err
    card = tmp_path / "card"
    card.mkdir()
    publish_to_server(Fleet.load(tmp_path / "fleet"), card, now=read_utc())
    mailbox = card / "boxes" / "box-00019" / "receipts"
    arguments = ("sync", "--from-card", mailbox, "--box", tmp_path / "box")
    assert exit_code(fieldrec, *arguments) == 0
    assert _sync(tmp_path) == 0
    assert (mailbox / "fleet.json").read_bytes() == (
        tmp_path / "box" / "lab" / "fleet.json"
    ).read_bytes()


def test_the_server_changes_its_key_and_the_box_follows(
    server: IntakeServer, tmp_path: Path
) -> None:
    later = tmp_path / "later"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(later)]
    subprocess.run(command, check=True, capture_output=True)
    address = f"{server.user}@{server.host}:{server.port}"
    keys = ("--host-key", tmp_path / "line", "--next-host-key", f"{later}.pub")
    fleet = ("--fleet", tmp_path / "fleet")
    assert exit_code(provision, "server", address, *fleet, *keys) == 0
    _publish(tmp_path)
    assert _sync(tmp_path) == 0
    server.stop()
    shutil.copyfile(later, server.folder.host_key)
    shutil.copyfile(f"{later}.pub", f"{server.folder.host_key}.pub")
    server.start()
    assert _sync(tmp_path) == 0


def test_a_revoked_box_is_not_let_in_any_more(server: IntakeServer, tmp_path: Path) -> None:
    assert _sync(tmp_path) == 0
    arguments = ("device", "revoke", BOX, "--lost-since", utc_text(read_utc()))
    assert exit_code(provision, *arguments, "--fleet", tmp_path / "fleet") == 0
    server.refresh()
    assert _sync(tmp_path) == 78
