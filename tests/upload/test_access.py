"""Only the server this box knows hears from it; every refusal says what to do."""

from __future__ import annotations

import socket
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from recorder.box import Server
from recorder.clock import NS_PER_S, read_wall_pair
from recorder.errors import AccessError, CertificateError, HostKeyError, LinkError
from recorder.format.sshsig import public_line
from recorder.upload.hostkeys import read_pins
from recorder.upload.sftp import connect
from tests.upload_rig import World, add_session, assert_arrived

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from recorder.box import Box
    from tests.house import House
    from tests.sftp_server import IntakeServer


@pytest.fixture(autouse=True)
def _something_to_send(box: Box) -> Iterator[None]:
    add_session(box)
    yield
    assert not list(box.lab.glob("*.new"))


@pytest.fixture
def now() -> World:
    """Certificates are judged by the real date."""
    return World(wall_s=read_wall_pair().wall_ns // NS_PER_S)


def keygen(*arguments: str | Path) -> None:
    subprocess.run(["ssh-keygen", "-q", *map(str, arguments)], check=True)


def nothing_sent(server: IntakeServer, box: Box) -> bool:
    return not list(server.folder.up(box.device.lower()).iterdir())


def test_a_server_with_another_key_hears_nothing(
    box: Box, server: IntakeServer, now: World
) -> None:
    stranger = public_line(box.signing_key(), "")
    box.known_hosts_path.write_text(f"[127.0.0.1]:{server.port} {stranger}\n")
    with pytest.raises(HostKeyError, match="not the one this box knows"):
        now.sync(box.root)
    assert now.slept_s == []  # nothing to be gained by trying again
    assert nothing_sent(server, box)


def test_an_unknown_server_is_not_even_called(
    box: Box, server: IntakeServer, now: World
) -> None:
    box.known_hosts_path.write_text(
        server.known_hosts_line.replace("127.0.0.1", "192.0.2.1") + "\n"
    )
    with pytest.raises(HostKeyError, match="names no ssh-ed25519 key"):
        now.sync(box.root)
    text = box.known_hosts_path.read_text()
    assert "127.0.0.1" not in text  # nothing is ever added


def test_a_missing_known_hosts_stops_it(box: Box, now: World) -> None:
    box.known_hosts_path.unlink()
    with pytest.raises(HostKeyError, match="can't be read"):
        now.sync(box.root)


def certified_server(
    server: IntakeServer, tmp_path: Path, *options: str
) -> tuple[str, Path]:
    """Give the server's key a certificate; return the authority's public line."""
    authority = tmp_path / "host_ca"
    keygen("-t", "ed25519", "-N", "", "-f", authority)
    key = server.folder.host_key
    keygen("-s", authority, "-I", "server", "-h", *options, key.with_suffix(".pub"))
    certificate = key.with_name(f"{key.name}-cert.pub")
    config = server.folder.sshd_config
    config.write_text(f"HostCertificate {certificate}\n{config.read_text()}")
    return authority.with_suffix(".pub").read_text().strip(), certificate


@pytest.fixture
def plain_again(server: IntakeServer) -> Iterator[None]:
    """Give the shared server its plain key back."""
    before = server.folder.sshd_config.read_text()
    yield
    server.stop()
    server.folder.sshd_config.write_text(before)
    for path in server.root.glob("host_key-cert.pub"):
        path.unlink()
    server.start()


@pytest.mark.usefixtures("plain_again")
def test_a_host_authority_vouches_for_its_servers(
    box: Box, server: IntakeServer, now: World, tmp_path: Path
) -> None:
    line, _ = certified_server(server, tmp_path, "-n", "127.0.0.1")
    server.stop()
    server.start()
    box.known_hosts_path.write_text(f"@cert-authority [127.0.0.1]:{server.port} {line}\n")
    assert len(now.sync(box.root).tally.sent) == 1


@pytest.mark.usefixtures("plain_again")
@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("-n", "other.example"), "is not for 127.0.0.1"),
        (("-n", "127.0.0.1", "-V", "20200101Z:20210101Z"), "valid from 2020-01-01"),
    ],
    ids=["of another name", "expired"],
)
def test_a_host_certificate_that_does_not_fit_is_refused(
    options: tuple[str, ...],
    why: str,
    box: Box,
    server: IntakeServer,
    now: World,
    tmp_path: Path,
) -> None:
    line, _ = certified_server(server, tmp_path, *options)
    server.stop()
    server.start()
    box.known_hosts_path.write_text(f"@cert-authority [127.0.0.1]:{server.port} {line}\n")
    with pytest.raises(HostKeyError, match=why):
        now.sync(box.root)
    assert nothing_sent(server, box)


def recertify(house: House, box: Box, *options: str) -> None:
    authority = house.load_fleet().authority_path
    public = box.key_path.with_suffix(".pub")
    keygen("-s", authority, "-I", box.device, *options, public)


def test_an_expired_certificate_stops_only_the_upload_and_says_when(
    house: House, box: Box, server: IntakeServer, now: World
) -> None:
    recertify(house, box, "-n", box.device.lower(), "-V", "20250101Z:20260101Z")
    with pytest.raises(CertificateError, match=r"expired on 2026-01-01.*recording goes on"):
        now.sync(box.root)
    assert nothing_sent(server, box)
    recertify(house, box, "-n", box.device.lower(), "-V", "-1h:+1d")
    assert len(now.sync(box.root).tally.sent) == 1


def test_a_certificate_of_another_authority_is_refused(
    box: Box, server: IntakeServer, now: World, tmp_path: Path
) -> None:
    keygen("-t", "ed25519", "-N", "", "-f", tmp_path / "ca")
    public = box.key_path.with_suffix(".pub")
    keygen("-s", tmp_path / "ca", "-I", "x", "-n", box.device.lower(), public)
    with pytest.raises(AccessError, match="does not let"):
        now.sync(box.root)
    assert nothing_sent(server, box)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file"),
        (b"", "not a sound OpenSSH certificate"),
        (b"ssh-ed25519-cert-v01@openssh.com AAAA\n", "not a sound OpenSSH certificate"),
    ],
)
def test_a_broken_certificate_says_so(
    content: bytes | None, why: str, box: Box, now: World
) -> None:
    box.certificate_path.unlink()
    if content is not None:
        box.certificate_path.write_bytes(content)
    with pytest.raises(CertificateError, match=why):
        now.sync(box.root)


def test_a_plain_key_is_no_certificate(box: Box, now: World) -> None:
    public = box.key_path.with_suffix(".pub")
    box.certificate_path.write_bytes(public.read_bytes())
    with pytest.raises(CertificateError, match="plain key"):
        now.sync(box.root)


def test_a_certificate_for_another_box_is_not_even_shown(
    house: House, box: Box, now: World
) -> None:
    recertify(house, box, "-n", "box-00027")
    with pytest.raises(CertificateError, match="for box-00027, not box-"):
        now.sync(box.root)


def test_no_route_is_a_matter_of_time(box: Box, now: World) -> None:
    text = (box.root / "box.toml").read_text().replace("127.0.0.1", "no.such.host.invalid")
    (box.root / "box.toml").write_text(text)
    line = box.known_hosts_path.read_text().replace("127.0.0.1", "no.such.host.invalid")
    box.known_hosts_path.write_text(line)
    with pytest.raises(LinkError, match="can't be reached"):
        now.sync(box.root)


def first_offer(listener: socket.socket, heard: list[bytes]) -> None:
    """Greet whoever calls and hear its key exchange offer, which is in clear."""
    caller, _ = listener.accept()
    with caller:
        caller.sendall(b"SSH-2.0-listener\r\n")
        said = b""
        while b"hmac-" not in said and (piece := caller.recv(4096)):
            said += piece
        heard.append(said)


def test_the_cipher_asked_for_first_is_the_cheapest(
    box: Box, server: IntakeServer, now: World
) -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        text = server.known_hosts_line.replace(f":{server.port} ", f":{port} ")
        box.known_hosts_path.write_text(text)
        listening = threading.Thread(target=first_offer, args=(listener, heard))
        listening.start()
        with pytest.raises(LinkError):
            connect(
                box,
                Server("127.0.0.1", port, server.user),
                wall_s=now.wall_s,
                reply_s=5.0,
            )
        listening.join()
    assert heard[0].index(b"aes128-gcm@") < heard[0].index(b"aes128-ctr")


@pytest.fixture
def line(box: Box) -> str:
    return public_line(box.signing_key(), "")


@pytest.mark.parametrize(
    ("names", "host", "port", "known"),
    [
        ("lab.example", "lab.example", 22, True),
        ("lab.example", "LAB.example", 22, True),
        ("lab.example", "lab.example", 2222, False),
        ("[lab.example]:2222", "lab.example", 2222, True),
        ("[lab.example]:2222", "lab.example", 22, False),
        ("other,lab.example", "lab.example", 22, True),
        ("*.example", "lab.example", 22, True),
        ("*.example,!lab.example", "lab.example", 22, False),
        ("lab?example", "lab.example", 22, True),
        ("labxexample", "lab.example", 22, False),
        ("lab.example.org", "lab.example", 22, False),
    ],
)
def test_known_hosts_names_match_as_in_sshd_8(
    names: str,
    host: str,
    port: int,
    known: bool,  # noqa: FBT001 - a column of the table
    line: str,
) -> None:
    text = f"# a comment\n\n{names} {line}\n"
    if known:
        assert len(read_pins(text, host, port).keys) == 1
    else:
        with pytest.raises(HostKeyError):
            read_pins(text, host, port)


def test_a_revoked_key_is_refused(box: Box, server: IntakeServer, now: World) -> None:
    text = server.known_hosts_line.strip()
    box.known_hosts_path.write_text(f"{text}\n@revoked {text}\n")
    with pytest.raises(HostKeyError, match="revoked"):
        now.sync(box.root)


def test_after_all_that_the_right_server_gets_it(
    box: Box, server: IntakeServer, now: World
) -> None:
    (folder,) = [each for each in box.sessions.iterdir() if each.is_dir()]
    now.sync(box.root)
    server.take()
    assert_arrived(server, folder)
