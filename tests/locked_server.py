"""A server as it is deployed, on loopback: real Unix users, chroot, Debian's sshd.

Everything but the address it listens on is what `fieldrec-lab server` writes and what its
add-device script does. Needs root; the users it makes are removed again.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import paramiko  # noqa: TID251 - a stranger's client, to attack with
import pytest

from lab.server.deploy import ADD_DEVICE, write_server
from lab.server.host_key import known_hosts_line
from lab.server.process import stop_sshd
from provisioning.openssh import make_key, make_revocation_list
from recorder.format.manifest import NAMESPACE_MANIFEST
from recorder.format.signers import allowed_signers_line
from recorder.identifiers import device_id
from tests.held_port import hold_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.server.folder import ServerFolder

HOST = "127.0.0.1"
SERIAL = 7


@dataclass(frozen=True, slots=True)
class LockedServer:
    """The running server; ``device`` and ``other`` are two of its boxes."""

    folder: ServerFolder
    port: int
    owner: str
    device: str
    other: str
    keys: Path

    @property
    def user(self) -> str:
        return self.device.lower()

    @property
    def key(self) -> Path:
        """The private key of ``device``; its certificate is beside it."""
        return self.keys / self.user

    @property
    def up(self) -> Path:
        return self.folder.up(self.user)

    @property
    def receipts(self) -> Path:
        return self.folder.receipts(self.user)

    def leave_receipt(self, name: str, content: bytes, *, user: str = "") -> Path:
        """Write a receipt as the lab does."""
        path = self.folder.receipts(user or self.user) / name
        path.write_bytes(content)
        path.chmod(0o644)
        return path

    @contextmanager
    def login(
        self, *, user: str = "", key: Path | None = None, certificate: Path | None = None
    ) -> Iterator[paramiko.Transport]:
        """Log in with paramiko; AuthenticationException where sshd refuses."""
        private = paramiko.Ed25519Key.from_private_key_file(str(key or self.key))
        if certificate is None:
            certificate = self.keys / f"{self.user}-cert.pub"
        if certificate.name:
            private.load_certificate(str(certificate))
        transport = paramiko.Transport(socket.create_connection((HOST, self.port)))
        try:
            transport.connect(username=user or self.user, pkey=private)
            yield transport
        finally:
            transport.close()

    @contextmanager
    def sftp(self) -> Iterator[paramiko.SFTPClient]:
        """Log in as ``device`` and open SFTP."""
        with self.login() as transport:
            client = paramiko.SFTPClient.from_transport(transport)
            assert client is not None
            yield client

    def command(
        self, program: str, *options: str, after: tuple[str, ...] = ()
    ) -> list[str]:
        """Return the command line of OpenSSH's ``ssh`` or ``sftp``, as ``device``."""
        settings = {
            "BatchMode": "yes",
            "IdentitiesOnly": "yes",
            "IdentityFile": self.key,
            "CertificateFile": self.keys / f"{self.user}-cert.pub",
            "UserKnownHostsFile": self.keys / "known_hosts",
            "StrictHostKeyChecking": "yes",
            "Port": self.port,
        }
        given = [f"-o{name}={value}" for name, value in settings.items()]
        return [program, "-F", "none", *given, *options, f"{self.user}@{HOST}", *after]

    def ssh(
        self, program: str, *options: str, after: tuple[str, ...] = (), script: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run OpenSSH's ``ssh`` or ``sftp`` to its end, with ``script`` as its input."""
        return subprocess.run(
            self.command(program, *options, after=after),
            input=script,
            capture_output=True,
            check=False,
            text=True,
            timeout=30,
        )

    def revoke(self, *specification: str) -> None:
        """Make the revocation list anew, with one ``ssh-keygen -k`` line each."""
        text = self.keys / "revoked.txt"
        text.write_text("".join(f"{line}\n" for line in specification))
        new = self.folder.root / "krl.new"
        authority = self.keys / "ca.pub"  # whose serials are meant
        subprocess.run(
            ["ssh-keygen", "-q", "-k", "-f", new, "-s", authority, text], check=True
        )
        new.rename(self.folder.revoked)


def make_identity(keys: Path, name: str, *, principal: str) -> Path:
    """Make a key ``name`` with a certificate for ``principal``; return the key's path.

    The certificate allows everything a certificate can, unlike a box's own: what is
    refused is refused by the server.
    """
    make_key(keys / name, comment=name)
    subprocess.run(
        [
            *("ssh-keygen", "-q", "-s", keys / "ca", "-I", "test", "-n", principal),
            *("-z", str(SERIAL), "-V", "-1h:+1d", keys / f"{name}.pub"),
        ],
        check=True,
    )
    return keys / name


@pytest.fixture(scope="module")
def locked_server() -> Iterator[LockedServer]:
    """Run the deployed server for a module's tests; skipped without root."""
    if os.geteuid() != 0:
        pytest.skip("needs root: makes Unix users and a chroot")
    if shutil.which("useradd") is None:
        pytest.skip("needs useradd")
    # Not below /tmp: nobody but root may write to any folder above a chroot.
    root = Path(tempfile.mkdtemp(prefix="fieldrec-test-", dir="/srv"))
    root.chmod(0o755)
    try:
        yield from _run(root)
    finally:
        shutil.rmtree(root)


def _run(root: Path) -> Iterator[LockedServer]:
    keys, public = root / "keys", root / "fleet"
    keys.mkdir(mode=0o700)
    public.mkdir()
    device, other = _free_devices(2)
    make_key(keys / "ca", comment="test CA")
    lines = []
    for name in (device, other):
        key = make_identity(keys, name.lower(), principal=name.lower())
        line = key.with_suffix(".pub").read_text().strip()
        lines.append(allowed_signers_line(name, line, namespaces=[NAMESPACE_MANIFEST]))
    (public / "allowed_signers").write_text("\n".join([*lines, ""]))
    shutil.copy(keys / "ca.pub", public / "user_ca.pub")
    make_revocation_list(public / "krl")
    port, owner = hold_port(), f"fieldrec-t{os.getpid()}"
    written = write_server(root / "server", fleet=public, port=port, owner=owner)
    server = LockedServer(written.folder, port, owner, device, other, keys)
    (keys / "known_hosts").write_text(
        known_hosts_line(HOST, port, written.folder.host_key) + "\n"
    )
    users = [device.lower(), other.lower()]
    try:
        with _account_files():
            subprocess.run([written.folder.root / ADD_DEVICE], check=True)
        with _sshd(server):
            yield server
    finally:
        with _account_files():
            for user in (*users, owner):
                subprocess.run(["userdel", user], check=False, capture_output=True)


def _free_devices(count: int) -> list[str]:
    taken = {entry.pw_name for entry in pwd.getpwall()}
    first = 1000 + os.getpid() * count % 8000
    devices = [device_id(number) for number in range(first, first + 100)]
    return [device for device in devices if device.lower() not in taken][:count]


@contextmanager
def _account_files() -> Iterator[None]:
    """Hold what useradd itself does not wait for long."""
    with Path("/etc/passwd").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _sshd(server: LockedServer) -> Iterator[None]:
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    log_path = server.keys / "sshd.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [
                *("/usr/sbin/sshd", "-D", "-e", "-f", server.folder.sshd_config),
                f"-oListenAddress={HOST}",
            ],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
    try:
        _await_listening(process, log_path)
        yield
    finally:
        stop_sshd(process)


def _await_listening(process: subprocess.Popen[bytes], log: Path) -> None:
    while b"Server listening" not in log.read_bytes():
        assert process.poll() is None, log.read_text()
        time.sleep(0.02)
