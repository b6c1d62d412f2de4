"""An ordinary SFTP account on a real sshd on loopback, as the lab has one on its server."""

from __future__ import annotations

import os
import pwd
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.server.host_key import known_hosts_line, make_host_key
from lab.server.local import find_sshd
from lab.server.process import stop_sshd
from lab.sftp_batch import SftpBatch
from tests.held_port import hold_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST = "127.0.0.1"
_CONFIG = """\
ListenAddress 127.0.0.1
HostKey {host_key}
AuthorizedKeysFile {authorized}
StrictModes no
PidFile none
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True, slots=True)
class LabAccount:
    """Where it is, and what the lab needs to get in."""

    port: int
    user: str
    key: Path
    known_hosts: Path
    log: Path

    @property
    def batch(self) -> SftpBatch:
        return SftpBatch(HOST, self.port, self.user, self.key, self.known_hosts)

    def address(self, folder: Path) -> str:
        return f"sftp://{self.user}@{HOST}:{self.port}{folder}"


@contextmanager
def lab_account(root: Path) -> Iterator[LabAccount]:
    """Run an sshd whose one account is whoever runs the tests."""
    root.mkdir()
    make_host_key(root / "host_key")
    key = root / "lab key"  # a blank, as folders of people have them
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    port = hold_port()
    config = root / "sshd_config"
    config.write_text(
        _CONFIG.format(host_key=root / "host_key", authorized=root / "authorized")
    )
    (root / "authorized").write_text((root / "lab key.pub").read_text())
    (root / "known hosts").write_text(
        known_hosts_line(HOST, port, root / "host_key").rstrip() + "\n"
    )
    log = root / "log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [find_sshd(), "-D", "-e", "-f", config, "-p", str(port)],
            stdin=subprocess.DEVNULL,
            stderr=said,
        )
    try:
        while b"Server listening" not in log.read_bytes():
            assert process.poll() is None, log.read_text()
            time.sleep(0.02)
        user = pwd.getpwuid(os.geteuid()).pw_name
        yield LabAccount(port, user, key, root / "known hosts", log)
    finally:
        stop_sshd(process)
