"""Write a real server's folder: everything but what only root can do, which is a script.

Running it again brings new boxes and the revocation list over. What an administrator has
changed stays: the new text is put beside it as ``NAME.new``.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.server.config import production_config
from lab.server.fleet_files import install_fleet, read_fleet
from lab.server.folder import ServerFolder, check_plain_path
from lab.server.host_key import make_host_key
from lab.server.local import find_sshd
from lab.server.process import knows_penalties
from lab.server.units import OWNER, add_device_script, mover_unit, sshd_unit
from recorder.errors import LabError
from recorder.files import PUBLIC, write_atomic

if TYPE_CHECKING:
    from lab.server.fleet_files import FleetFiles

SSHD_UNIT = "fieldrec-sshd.service"
MOVER_UNIT = "fieldrec-mover.service"
ADD_DEVICE = "add-device"
_PROGRAM = 0o755
_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Written:
    """A server's folder; ``changed``: files of which an administrator's version stayed."""

    folder: ServerFolder
    devices: tuple[str, ...]
    changed: tuple[Path, ...]


def write_server(
    root: Path, *, fleet: Path, port: int, owner: str = OWNER, sshd: str | None = None
) -> Written:
    """Write or update the server's folder ``root`` for the fleet of FLEET/public.

    ``owner`` is the Unix user the mover runs as.
    """
    check_port(port)
    server = ServerFolder(check_plain_path(root))
    found = read_fleet(fleet)
    for folder in (server.root, server.boxes, server.principals):
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    make_host_key(server.host_key)
    install_fleet(server, found)
    _write_principals(server, found)
    program = Path(sys.executable).with_name("fieldrec-lab")
    sshd = sshd or find_sshd()
    config = production_config(server, port=port, penalties=knows_penalties(sshd))
    texts = {
        server.sshd_config: config,
        server.root / SSHD_UNIT: sshd_unit(server, sshd=sshd),
        server.root / MOVER_UNIT: mover_unit(server, program=program, owner=owner),
    }
    changed = [path for path, text in texts.items() if not _write_new(path, text, PUBLIC)]
    script = server.root / ADD_DEVICE
    if not _write_new(script, add_device_script(server, owner=owner), _PROGRAM):
        changed.append(script)
    return Written(server, found.devices, tuple(changed))


def check_port(port: int) -> None:
    """Raise LabError unless ``port`` is a TCP port."""
    if not 1 <= port <= _LAST_PORT:
        raise LabError(f"port {port}: allowed are 1 to {_LAST_PORT}")


def _write_principals(server: ServerFolder, fleet: FleetFiles) -> None:
    for device in fleet.devices:
        path = server.principals / device.lower()
        if not path.exists():
            write_atomic(path, f"{device.lower()}\n".encode(), mode=PUBLIC)


def _write_new(path: Path, text: str, mode: int) -> bool:
    """Write ``path``; where another text is there, write beside it and return False."""
    content = text.encode()
    if path.exists() and path.read_bytes() != content:
        write_atomic(path.with_name(f"{path.name}.new"), content, mode=mode)
        return False
    write_atomic(path, content, mode=mode)
    return True
