"""What a real server needs besides OpenSSH: systemd units, a script that adds boxes."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from lab.server.folder import ServerFolder

OWNER = "fieldrec"

_SSHD = """\
# The boxes' own sshd, beside the one you administer this server with.
# Written by `fieldrec-lab server`.
[Unit]
Description=Fieldrec intake: SFTP for boxes
After=network.target

[Service]
ExecStartPre={sshd} -t -f {config}
ExecStart={sshd} -D -f {config}
Restart=on-failure
RestartSec=5
RuntimeDirectory=sshd
RuntimeDirectoryPreserve=yes
# Stopping also cuts the boxes' connections; they go on where they were.
KillMode=control-group
# A box fills at most what its quota allows; this keeps it from taking all the memory.
TasksMax=500
MemoryMax=1G

[Install]
WantedBy=multi-user.target
"""

_MOVER = """\
# Takes finished sessions out of the boxes' reach.
# Written by `fieldrec-lab server`.
#
# A service that looks every 2 s, not a path unit: systemd.path(5) watches no pattern of
# folders, so every box would need a unit of its own; and a path unit fires again and again
# while one refused upload lies there, until systemd gives it up for all boxes.
[Unit]
Description=Fieldrec intake: mover
After=local-fs.target

[Service]
ExecStart={program} mover {root}
Restart=always
RestartSec=10
User={owner}
Group={owner}
UMask=0027
Nice=5
IOSchedulingClass=idle

# It reads what boxes wrote: it gets no right, no network and no other folder. One
# writable folder, not three: a rename can't cross from one of systemd's mounts to another.
ProtectSystem=strict
ReadWritePaths={root}
PrivateNetwork=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectHome=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
RestrictAddressFamilies=none
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
MemoryMax=256M
TasksMax=16

[Install]
WantedBy=multi-user.target
"""


def sshd_unit(server: ServerFolder, *, sshd: str) -> str:
    """Return the unit that runs the program ``sshd`` with the server's configuration."""
    return _SSHD.format(sshd=sshd, config=server.sshd_config)


def mover_unit(server: ServerFolder, *, program: Path, owner: str = OWNER) -> str:
    """Return the unit that runs ``program`` (fieldrec-lab) as the mover."""
    return _MOVER.format(program=program, root=server.root, owner=owner)


def add_device_script(server: ServerFolder, *, owner: str = OWNER) -> str:
    """Return the script that makes boxes' users and folders; ``owner`` runs the mover."""
    text = files("lab.server").joinpath("add-device.sh").read_text("utf-8")
    return text.replace("@ROOT@", str(server.root)).replace("@OWNER@", owner)
