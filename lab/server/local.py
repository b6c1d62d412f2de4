"""A trial server on loopback: Debian's own sshd, run as whoever starts it.

For the demo, the tests and a bench. It needs no root, so there is no chroot and there are
no Unix users: a box logs in as the one who runs it. Nothing here is meant for a network.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

from lab.server.config import authorized_keys, local_config
from lab.server.fleet_files import install_fleet, read_fleet
from lab.server.folder import ServerFolder, check_plain_path, parse_device
from lab.server.host_key import known_hosts_line, make_host_key
from lab.server.process import knows_penalties, stop_sshd
from recorder.clock import NS_PER_S, read_host_ns
from recorder.errors import LabError, SetupError
from recorder.files import PRIVATE, PUBLIC, write_atomic

HOST = "127.0.0.1"
_START_S = 30  # much more than it needs: the machine may be busy
_LOOK_S = 0.05
_LISTENING = b"Server listening on"
_PRIVILEGE_SEPARATION = Path("/run/sshd")


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """What a trial server is made of; no ``devices``: all of the fleet."""

    root: Path
    fleet: Path
    port: int
    devices: tuple[str, ...] = ()


class LocalServer:
    """An sshd on 127.0.0.1 and its folder; may be stopped and started again."""

    def __init__(self, settings: LocalSettings) -> None:
        root = check_plain_path(settings.root)
        self.folder = ServerFolder(root)
        self.port = settings.port
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        self._fleet = settings.fleet
        self._only = tuple(parse_device(device) for device in settings.devices)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def known_hosts_line(self) -> str:
        """The line a box needs in lab/known_hosts."""
        return known_hosts_line(HOST, self.port, self.folder.host_key)

    def prepare(self) -> None:
        """Make the folder, or bring an existing one up to date."""
        server = self.folder
        for folder in (server.root, server.boxes, server.intake, server.staging):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_host_key(server.host_key)
        text = local_config(
            server,
            port=self.port,
            user=self.user,
            authorized=self._authorized,
            penalties=knows_penalties(find_sshd()),
        )
        write_atomic(server.sshd_config, text.encode(), mode=PUBLIC)
        self.refresh()

    def refresh(self) -> tuple[str, ...]:
        """Take new and revoked boxes over from the fleet; return the boxes' ids."""
        fleet = read_fleet(self._fleet)
        devices = self._only or fleet.devices
        users = [device.lower() for device in devices]
        for user in users:
            for folder in (self.folder.up(user), self.folder.receipts(user)):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        install_fleet(self.folder, fleet)
        content = authorized_keys(self.folder, users, fleet.user_ca).encode()
        if not self._authorized.exists() or self._authorized.read_bytes() != content:
            write_atomic(self._authorized, content, mode=PRIVATE)
        return tuple(devices)

    def start(self) -> None:
        """Start sshd and return once it listens; LabError where it does not."""
        program = find_sshd()
        if os.geteuid() == 0:
            _PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
        command = [program, "-D", "-e", "-f", str(self.folder.sshd_config)]
        with self._log.open("ab") as log:
            said_before_bytes = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 - a fixed program, no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us, who then stop it
            )
        try:
            self._await_listening(self._process, said_before_bytes)
        except BaseException:
            self.stop()
            raise

    def check(self) -> None:
        """Raise LabError where sshd ended by itself."""
        if self._process is None or self._process.poll() is not None:
            raise LabError(
                f"sshd ended: {_last_line(self._log)}",
                hint=f"all it said is in {self._log}",
            )

    def stop(self) -> None:
        """Stop sshd and cut every connection it serves."""
        process, self._process = self._process, None
        if process is not None:
            stop_sshd(process)

    @property
    def _authorized(self) -> Path:
        return self.folder.root / "authorized_keys"

    @property
    def _log(self) -> Path:
        return self.folder.root / "sshd.log"

    def _await_listening(
        self, process: subprocess.Popen[bytes], said_before_bytes: int
    ) -> None:
        """Wait until sshd says so: who answers on the port may be another one's."""
        pause = threading.Event()
        give_up_ns = read_host_ns() + _START_S * NS_PER_S
        while read_host_ns() < give_up_ns:
            if process.poll() is not None:
                raise LabError(
                    f"sshd ended at once: {_last_line(self._log)}",
                    hint=f"is port {self.port} taken? All it said is in {self._log}",
                )
            if _LISTENING in self._log.read_bytes()[said_before_bytes:]:
                return
            pause.wait(_LOOK_S)
        raise LabError(
            f"sshd did not listen within {_START_S} s on port {self.port}",
            hint=f"what it said is in {self._log}",
        )


def find_sshd() -> str:
    """Return the path of sshd, which must be started by it; SetupError without one."""
    program = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        raise SetupError("sshd is not installed", hint="apt install openssh-server")
    return os.path.abspath(program)  # noqa: PTH100 - links must stay as they are


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").splitlines()
    return lines[-1][:200] if lines else "it said nothing"
