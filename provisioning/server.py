"""The lab's intake server: its address, and the host keys by which boxes know it.

Boxes hold two keys, the present and the next one, so that the server can change its key
while they are in the field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from recorder.errors import FormatError, ProvisionError
from recorder.files import locked
from recorder.format.fleet import FleetServer, check_server
from recorder.format.signers import KEY_TYPE, parse_public_line, public_line

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from provisioning.fleet import Fleet

_SSH_PORT = 22
_AUTHORITY = "@cert-authority"
_GET_KEY = "give the server's host_key.pub, or what it prints for known_hosts"


@dataclass(frozen=True, slots=True)
class HostKey:
    """A server's public key line, or that of the authority that certifies servers."""

    line: str
    is_authority: bool


def parse_server(text: str) -> FleetServer:
    """Read ``[USER@]HOST[:PORT]``; an IPv6 address stands in brackets.

    Without a user boxes log in under their own names, which every real server wants.
    """
    hint = "write HOST or HOST:PORT, such as intake.example.org:2222"
    shown = text.rpartition("@")[2][:80]  # somebody may put a password before it
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname or "", _SSH_PORT if parts.port is None else parts.port
        user = parts.username or ""
        check_server(host, port, user)
    except FormatError as error:
        raise ProvisionError(error.message, hint=hint) from error
    except ValueError as error:
        raise ProvisionError(f"server {shown!r}: {error}", hint=hint) from error
    more = parts.path or parts.query or parts.fragment or parts.password
    nobody = text.startswith("@")  # what an unset variable before it leaves
    if not host or more or nobody:
        raise ProvisionError(f"{shown!r} is no server's address", hint=hint)
    return FleetServer(host=host, port=port, user=user)


def read_host_key(path: Path) -> HostKey:
    """Return the Ed25519 host key in ``path``; ProvisionError unless there is just one.

    Takes a public key file, a line of known_hosts and what ssh-keyscan prints.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise ProvisionError(f"host key {path}: {why}", hint=_GET_KEY) from error
    found = {key for key in map(_host_key, lines) if key}
    if len(found) != 1:
        raise ProvisionError(
            f"{path} holds {len(found)} host keys of type {KEY_TYPE}, needed is one",
            hint=_GET_KEY,
        )
    return found.pop()


def known_hosts_text(server: FleetServer, host_keys: Iterable[HostKey]) -> str:
    """Return the known_hosts file for ``server`` with ``host_keys``, as sshd(8) says."""
    host, port = server.host, server.port
    name = host if port == _SSH_PORT else f"[{host}]:{port}"
    lines = ["# The lab's intake server. Made by fieldrec-provision."]
    for key in dict.fromkeys(host_keys):
        marker = f"{_AUTHORITY} " if key.is_authority else ""
        lines.append(f"{marker}{name} {key.line}")
    return "\n".join([*lines, ""])


def host_keys_text(server: FleetServer, host_keys: Iterable[Path]) -> str:
    """Return the known_hosts file for ``server`` with the keys in the files given."""
    return known_hosts_text(server, [read_host_key(path) for path in host_keys])


def set_server(fleet: Fleet, server: FleetServer, *, host_keys: Iterable[Path]) -> Fleet:
    """Make ``server`` the one of ``fleet``; return the fleet as it is now."""
    known_hosts = host_keys_text(server, host_keys)
    with locked(fleet.root):
        return fleet.with_server(server, known_hosts)


def _host_key(line: str) -> HostKey | None:
    words = line.split()
    if not words or words[0].startswith("#") or KEY_TYPE not in words[:3]:
        return None
    try:
        key = parse_public_line(" ".join(words[words.index(KEY_TYPE) :]))
    except FormatError as error:
        raise ProvisionError(
            f"a host key can't be read: {error.message}", hint=_GET_KEY
        ) from error
    return HostKey(public_line(key, ""), is_authority=words[0] == _AUTHORITY)
