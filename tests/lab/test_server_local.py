"""The trial server is a real sshd on loopback with the mover inside, for anyone to run."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import paramiko  # noqa: TID251 - a client of its own, to try the server with
import pytest

from lab.cli import main
from lab.server.local import LocalServer, LocalSettings
from provisioning.device import make_device
from recorder.errors import LabError
from tests.held_port import hold_port
from tests.house import exit_code, make_house
from tests.service_process import until
from tests.sftp_server import intake_server  # noqa: F401 - fixture
from tests.uploaded import SESSION, Uploaded, tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.sftp_server import IntakeServer


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a trial server says it is."""

    host: str
    port: int
    user: str
    known_hosts_line: str


@pytest.fixture
def server(intake_server: IntakeServer) -> IntakeServer:  # noqa: F811 - fixture
    return intake_server


@contextmanager
def login(server: IntakeServer | _Place, box: Path) -> Iterator[paramiko.SFTPClient]:
    key = paramiko.Ed25519Key.from_private_key_file(str(box / "ssh_ed25519"))
    key.load_certificate(str(box / "ssh_ed25519-cert.pub"))
    transport = paramiko.Transport(socket.create_connection((server.host, server.port)))
    try:
        transport.connect(username=server.user, pkey=key)
        assert transport.get_remote_server_key().get_base64() in server.known_hosts_line
        client = paramiko.SFTPClient.from_transport(transport)
        assert client is not None
        yield client
    finally:
        transport.close()


def send(client: paramiko.SFTPClient, session: Uploaded) -> None:
    for path, content in session.all_files().items():
        name = f"up/{session.name(path)}"
        with client.open(f"{name}.part", "ab") as file:
            file.write(content)
        client.rename(f"{name}.part", name)


def box_of(server: IntakeServer) -> Path:
    assert server.house is not None
    return server.house.box


def test_a_box_uploads_by_relative_names_and_the_mover_takes_the_session(
    server: IntakeServer,
) -> None:
    with login(server, box_of(server)) as client:
        send(client, Uploaded())
    assert server.take().taken == [SESSION]
    taken = server.folder.intake / "BOX-00019" / SESSION
    assert tree(taken) == Uploaded().all_files()


def test_a_box_reads_its_receipts_and_lists_nothing(server: IntakeServer) -> None:
    (server.folder.receipts("box-00019") / "one.json").write_bytes(b"signed")
    with login(server, box_of(server)) as client:
        with client.open("receipts/one.json") as file:
            assert file.read() == b"signed"
        with pytest.raises(OSError, match="Permission denied"):
            client.listdir("up")
        with pytest.raises(OSError, match="Permission denied"):
            client.remove("receipts/one.json")


def test_each_box_begins_in_its_own_folder(server: IntakeServer) -> None:
    assert server.house is not None
    second = server.house.box.with_name("second")
    device = make_device(server.house.load_fleet(), second)
    server.refresh()
    with login(server, second) as client, client.open("up/x.part", "ab") as file:
        file.write(b"x")
    assert (server.folder.up(device.id.lower()) / "x.part").is_file()
    assert list(server.folder.up("box-00019").iterdir()) == []


def test_a_revoked_box_is_refused_from_the_next_look_on(server: IntakeServer) -> None:
    krl, key = server.fleet / "krl", box_of(server) / "ssh_ed25519.pub"
    subprocess.run(["ssh-keygen", "-q", "-k", "-f", krl, key], check=True)
    server.refresh()
    with (
        pytest.raises(paramiko.AuthenticationException),
        login(server, box_of(server)),
    ):
        pass


def test_stopping_cuts_every_connection_and_starting_again_keeps_the_key(
    server: IntakeServer,
) -> None:
    before = server.known_hosts_line
    with login(server, box_of(server)) as client:
        server.stop()
        with pytest.raises((OSError, paramiko.SSHException)):
            client.stat("up")
    server.start()
    assert server.known_hosts_line == before
    with login(server, box_of(server)) as client:
        assert client.stat("up").st_mode


def test_a_port_that_is_taken_is_said(server: IntakeServer, tmp_path: Path) -> None:
    settings = LocalSettings(tmp_path / "other", server.fleet, server.port)
    other = LocalServer(settings)
    other.prepare()
    with pytest.raises(LabError, match="sshd ended at once"):
        other.start()


@contextmanager
def command(*arguments: str | Path) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """Run fieldrec-lab as a program of its own; yield it and its first line of JSON."""
    program = "from lab.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments, "--json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_and_moves_until_it_is_stopped(
    tmp_path: Path, number: signal.Signals
) -> None:
    house = make_house(tmp_path)
    port, public = hold_port(), house.fleet / "public"
    arguments = ("server", "--local", tmp_path / "srv", "--port", str(port))
    with command(*arguments, "--fleet", public) as (process, facts):
        assert facts["devices"] == ["BOX-00019"]
        assert (facts["host"], facts["port"]) == ("127.0.0.1", port)
        place = _Place("127.0.0.1", port, facts["user"], facts["known_hosts"])
        with login(place, house.box) as client:
            send(client, Uploaded())
            taken = tmp_path / "srv/intake/BOX-00019" / SESSION
            until(lambda: taken.exists() or None, "the session was never taken")
        process.send_signal(number)
        assert process.wait(60) == 0
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port))


def test_the_mover_s_command_looks_once_and_says_what_it_did(
    server: IntakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    Uploaded().upload(server.folder.up("box-00019"))
    assert exit_code(main, "mover", server.root, "--once", "--json") == 0
    assert json.loads(capsys.readouterr().out)["taken"] == [SESSION]
    Uploaded().upload(server.folder.up("box-00019"), without=("session.json.age",))
    assert exit_code(main, "mover", server.root, "--once") == 0
    assert "left: box-00019" not in capsys.readouterr().out  # completed from the intake


def test_the_mover_refuses_a_folder_that_is_no_server_s(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(main, "mover", tmp_path, "--once") == LabError.code
    assert "no server's folder" in capsys.readouterr().err
