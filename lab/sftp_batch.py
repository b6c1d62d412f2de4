"""The one door to OpenSSH's ``sftp``: commands in one connection, or what failed."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote, urlsplit

from recorder.errors import (
    AccessError,
    HostKeyError,
    LabError,
    LinkError,
    SetupError,
    UploadError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_PROMPT = "sftp> "
_PORT = 22
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]+")
_WORDS: tuple[tuple[str, type[UploadError]], ...] = (
    ("Host key verification failed", HostKeyError),
    ("Permission denied (", AccessError),
    ("Too many authentication failures", AccessError),
    ("Connection closed", LinkError),
    ("Connection refused", LinkError),
    ("Connection timed out", LinkError),
    ("Connection reset", LinkError),
    ("Could not resolve hostname", LinkError),
    ("No route to host", LinkError),
)


@dataclass(frozen=True, slots=True)
class SftpBatch:
    """An account on a server: who, where, with which key, and which host keys it has."""

    host: str
    port: int
    user: str
    key: Path
    known_hosts: Path

    @property
    def address(self) -> str:
        """The server as typed before the folder."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"sftp://{self.user}@{host}:{self.port}"

    def run(self, commands: Sequence[str]) -> list[tuple[str, ...]]:
        """Run ``commands`` and return what each printed.

        The first that fails ends it, but for those that begin with a dash. Raises a
        class of UploadError for what ``sftp`` says, and LabError where it has no keys.
        """
        if not (self.key.is_file() and self.known_hosts.is_file()):
            raise LabError(
                "the lab's SSH key or the server's host key is missing",
                hint="give --key FILE and --known-hosts FILE",
            )
        program = shutil.which("sftp")
        if program is None:
            raise SetupError("sftp is not installed", hint="apt install openssh-client")
        done = subprocess.run(  # noqa: S603 - a fixed program, arguments as a list, no shell
            [program, "-b", "-", *self._options(), self._destination()],
            input="".join(f"{command}\n" for command in commands),
            capture_output=True,
            check=False,
            text=True,
            errors="replace",
            env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
        )
        if done.returncode != 0:
            raise self._failure(done.stderr)
        answers = _answers(done.stdout)
        if len(answers) != len(commands):
            raise LinkError(
                f"{self.address} answered {len(answers)} of {len(commands)} requests"
            )
        return answers

    def _options(self) -> list[str]:
        settings = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": quoted(self.known_hosts.absolute()),
            "GlobalKnownHostsFile": "none",
            "IdentitiesOnly": "yes",
            "IdentityFile": quoted(self.key.absolute()),
            "IdentityAgent": "none",
            "UpdateHostKeys": "no",
            "ConnectTimeout": "20",
            "ServerAliveInterval": "15",
            "ServerAliveCountMax": "4",
        }
        options = ["-F", "none", "-P", str(self.port)]
        for name, value in settings.items():
            options += ["-o", f"{name}={value}"]
        return options

    def _destination(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user}@{host}"

    def _failure(self, said: str) -> UploadError:
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        last = lines[-1] if lines else "no reason given"
        for words, kind in _WORDS:
            if words in said:
                reason = next(line for line in lines if words in line)
                return kind(f"{self.address}: {reason}")
        return UploadError(f"{self.address}: {last}")


def _answers(printed: str) -> list[tuple[str, ...]]:
    """Split what sftp printed by the commands it echoes."""
    answers: list[list[str]] = []
    for line in printed.splitlines():
        if line.startswith(_PROMPT):
            answers.append([])
        elif answers:
            answers[-1].append(line)
    return [tuple(lines) for lines in answers]


def quoted(path: Path | PurePosixPath) -> str:
    """Return ``path`` as sftp and ssh read a quoted word; LabError where they can't."""
    text = str(path)
    if not text.isprintable():
        raise LabError(f"{text!r} holds characters that sftp can't be told")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@dataclass(frozen=True, slots=True)
class SftpAddress:
    """What ``sftp://user@host:port/DIR`` names."""

    user: str
    host: str
    port: int
    folder: PurePosixPath

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an address; LabError where it is none."""
        try:
            parts = urlsplit(text)
            port = parts.port or _PORT
        except ValueError as error:
            raise LabError(f"{text!r} is no address: {error}") from error
        user, host = parts.username or "", parts.hostname or ""
        folder = unquote(parts.path)
        plain = not (parts.query or parts.fragment or parts.password)
        if (
            not (plain and _USER.fullmatch(user) and _HOST.fullmatch(host))
            or len(folder) <= 1
        ):
            raise LabError(
                f"{text!r} is no address of a server's folder",
                hint="write sftp://user@host:port/folder; a password is never taken",
            )
        return cls(user, host, port, PurePosixPath(folder))
