"""Only a fleet's valid, unrevoked certificate gets in, as its own box, and only to SFTP."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import paramiko  # noqa: TID251 - a stranger's client, to attack with
import pytest

from provisioning.openssh import make_key
from tests.locked_server import (  # noqa: F401 - fixture
    HOST,
    SERIAL,
    LockedServer,
    locked_server,
    make_identity,
)
from tests.service_process import until

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_CERTIFICATE = Path()
LONG_AGO = "20200101:20200102"

pytestmark = pytest.mark.system


@pytest.fixture
def server(locked_server: LockedServer) -> Iterator[LockedServer]:  # noqa: F811 - fixture
    yield locked_server
    locked_server.revoke()


@pytest.fixture
def box(server: LockedServer) -> Iterator[paramiko.Transport]:
    with server.login() as transport:
        yield transport


def refused(
    server: LockedServer, *, user: str = "", key: Path | None, certificate: Path | None
) -> None:
    with (
        pytest.raises(paramiko.AuthenticationException),
        server.login(user=user, key=key, certificate=certificate),
    ):
        pass


def own_certificate(server: LockedServer) -> Path:
    return server.keys / f"{server.user}-cert.pub"


def test_a_box_with_its_own_certificate_gets_in(server: LockedServer) -> None:
    with server.login() as transport:
        assert transport.is_authenticated()


def test_a_bare_key_is_refused_also_the_key_of_a_certificate(server: LockedServer) -> None:
    refused(server, key=server.key, certificate=NO_CERTIFICATE)


def test_a_certificate_of_another_box_is_refused(server: LockedServer) -> None:
    other = server.other.lower()
    certificate = server.keys / f"{other}-cert.pub"
    refused(server, key=server.keys / other, certificate=certificate)
    refused(server, user=other, key=None, certificate=None)


@pytest.mark.parametrize("principal", ["root", "box-*", "*", "lab", "BOX-00019"])
def test_a_certificate_for_another_principal_is_refused(
    server: LockedServer, principal: str
) -> None:
    key = make_identity(server.keys, str(uuid4()), principal=principal)
    refused(server, key=key, certificate=Path(f"{key}-cert.pub"))


def test_a_certificate_that_has_expired_is_refused(server: LockedServer) -> None:
    key = server.keys / str(uuid4())
    make_key(key, comment="late")
    _sign(server, key, "-V", LONG_AGO)
    refused(server, key=key, certificate=Path(f"{key}-cert.pub"))


def test_a_host_s_certificate_is_refused(server: LockedServer) -> None:
    key = server.keys / str(uuid4())
    make_key(key, comment="host")
    _sign(server, key, "-h")
    refused(server, key=key, certificate=Path(f"{key}-cert.pub"))


def test_a_certificate_of_another_authority_is_refused(
    server: LockedServer, tmp_path: Path
) -> None:
    make_key(tmp_path / "ca", comment="another CA")
    key = make_identity(tmp_path, "key", principal=server.user)
    refused(server, key=key, certificate=Path(f"{key}-cert.pub"))


def test_a_certificate_without_its_key_is_refused(
    server: LockedServer, tmp_path: Path
) -> None:
    make_key(tmp_path / "key", comment="thief")
    shutil.copy(own_certificate(server), tmp_path / "key-cert.pub")
    shutil.copy(server.key.with_suffix(".pub"), tmp_path / "key.pub")
    with (
        pytest.raises((paramiko.SSHException, ValueError)),
        server.login(key=tmp_path / "key", certificate=own_certificate(server)),
    ):
        pass


def test_a_revoked_key_is_refused_with_every_certificate(server: LockedServer) -> None:
    server.revoke(f"key: {server.key.with_suffix('.pub').read_text().strip()}")
    refused(server, key=None, certificate=None)


def test_a_revoked_serial_is_refused(server: LockedServer) -> None:
    server.revoke(f"serial: {SERIAL}")
    refused(server, key=None, certificate=None)


def test_a_revocation_reaches_no_other_box(server: LockedServer) -> None:
    server.revoke(f"serial: {SERIAL + 1}")
    with server.login() as transport:
        assert transport.is_authenticated()


def test_without_a_revocation_list_nobody_gets_in(server: LockedServer) -> None:
    server.folder.revoked.unlink()
    refused(server, key=None, certificate=None)


@pytest.mark.parametrize("user", ["root", "nobody", "box-none", ""])
def test_no_user_but_a_box_can_log_in(server: LockedServer, user: str) -> None:
    user = user or server.owner
    principal = server.folder.principals / user
    principal.write_text(f"{user}\n")
    principal.chmod(0o644)
    key = make_identity(server.keys, str(uuid4()), principal=user)
    refused(server, user=user, key=key, certificate=Path(f"{key}-cert.pub"))
    principal.unlink()


def test_a_box_without_a_principal_is_refused(server: LockedServer) -> None:
    principal = server.folder.principals / server.user
    # Not written anew: sshd believes no file that others may write by a loose umask.
    aside = principal.rename(server.keys / "principal")
    refused(server, key=None, certificate=None)
    aside.rename(principal)


def test_no_password_is_asked_for(server: LockedServer) -> None:
    transport = paramiko.Transport(socket.create_connection((HOST, server.port)))
    try:
        transport.start_client(timeout=60)
        with pytest.raises(paramiko.BadAuthenticationType) as stopped:
            transport.auth_none(server.user)
        assert stopped.value.allowed_types == ["publickey"]
        with pytest.raises(paramiko.BadAuthenticationType):
            transport.auth_password(server.user, "*")
    finally:
        transport.close()


# Channels other than SFTP.


def test_a_shell_is_never_given(server: LockedServer) -> None:
    for arguments in ([], ["-tt"], ["-T"]):
        for command in ((), ("id",)):
            ran = server.ssh("ssh", *arguments, after=command, script="id\nexit\n")
            assert "uid=" not in ran.stdout


def test_a_command_is_never_run(box: paramiko.Transport, server: LockedServer) -> None:
    channel = box.open_session()
    channel.exec_command("touch up/run; id")
    channel.shutdown_write()
    assert b"uid=" not in channel.makefile("rb").read()
    assert not (server.up / "run").exists()


def test_a_terminal_is_refused(box: paramiko.Transport) -> None:
    channel = box.open_session()
    with pytest.raises(paramiko.SSHException):
        channel.get_pty()


@pytest.mark.parametrize("subsystem", ["netconf", "sftp-server", "internal-sftp"])
def test_no_subsystem_but_sftp_is_there(box: paramiko.Transport, subsystem: str) -> None:
    channel = box.open_session()
    with pytest.raises(paramiko.SSHException):
        channel.invoke_subsystem(subsystem)


def test_a_connection_through_the_server_is_refused(
    box: paramiko.Transport, server: LockedServer
) -> None:
    for address in ((HOST, server.port), ("localhost", 22)):
        with pytest.raises(paramiko.ChannelException):
            box.open_channel("direct-tcpip", address, (HOST, 1))


def test_a_port_of_the_server_cannot_be_listened_on(box: paramiko.Transport) -> None:
    with pytest.raises(paramiko.SSHException):
        box.request_port_forward(HOST, 0)


def test_a_socket_of_the_server_cannot_be_reached(
    server: LockedServer,
) -> None:
    # Both beside the keys: a socket's path has 107 bytes at most, and tmp_path may be long.
    theirs, ours = (server.keys / f"{uuid4()}.socket" for _ in range(2))
    with socket.socket(socket.AF_UNIX) as service:
        service.bind(str(theirs))
        service.listen()
        service.settimeout(1)
        ssh = subprocess.Popen(server.command("ssh", "-N", "-L", f"{ours}:{theirs}"))
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(60)
                until(
                    lambda: client.connect_ex(str(ours)) == 0 or None,
                    "ssh never listened",
                )
                assert client.recv(1) == b""  # hung up on
            with pytest.raises(TimeoutError):
                service.accept()
        finally:
            ssh.terminate()
            ssh.wait()


def test_a_socket_cannot_be_made_on_the_server(
    server: LockedServer,
) -> None:
    listening = server.keys / f"{uuid4()}.socket"
    forward = ["-N", "-oExitOnForwardFailure=yes", "-R", f"{listening}:{HOST}:9"]
    assert server.ssh("ssh", *forward).returncode != 0
    assert not listening.exists()


def test_a_tunnel_is_refused(server: LockedServer) -> None:
    tunnel = ["-N", "-oExitOnForwardFailure=yes", "-oTunnel=yes", "-w", "any:any"]
    assert server.ssh("ssh", *tunnel).returncode != 0


def test_an_agent_and_a_display_are_not_forwarded(box: paramiko.Transport) -> None:
    channel = box.open_session()
    with pytest.raises(paramiko.SSHException):
        channel.request_x11()
    with pytest.raises(paramiko.SSHException):
        box.open_channel("auth-agent@openssh.com")


def test_a_box_has_no_more_than_two_channels(box: paramiko.Transport) -> None:
    held = [box.open_session() for _ in range(2)]
    with pytest.raises(paramiko.ChannelException):
        box.open_session()
    assert not any(channel.closed for channel in held)


def _sign(server: LockedServer, key: Path, *options: str) -> None:
    subprocess.run(
        [
            *("ssh-keygen", "-q", "-s", server.keys / "ca", "-I", "x"),
            *("-n", server.user, *options, f"{key}.pub"),
        ],
        check=True,
    )
