"""The server's host key, and how it is told to boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from recorder.files import PRIVATE, PUBLIC, create
from recorder.format.sshsig import load_private_key, public_line

if TYPE_CHECKING:
    from pathlib import Path

_SSH_PORT = 22


def make_host_key(path: Path) -> None:
    """Make the host key ``path`` and ``path``.pub; one that exists is kept for ever."""
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        content = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        create(path, content, mode=PRIVATE)
    public = path.with_name(f"{path.name}.pub")
    if not public.exists():
        key = load_private_key(path.read_bytes())
        create(public, f"{public_line(key, 'fieldrec intake')}\n".encode(), mode=PUBLIC)


def known_hosts_line(host: str, port: int, key: Path) -> str:
    """Return the line of known_hosts for the server with the host key ``key``."""
    public = key.with_name(f"{key.name}.pub").read_text("ascii")
    name = host if port == _SSH_PORT else f"[{host}]:{port}"
    return " ".join([name, *public.split()[:2]])
