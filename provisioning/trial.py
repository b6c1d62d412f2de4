"""Is the system that runs good? Only then it is started again without being asked.

A system on trial that is not good starts the box again; after three tries the initramfs
goes back to the one that worked (image/slots.sh).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.programs import run_program
from provisioning.slots import read_slots, settle
from recorder.clock import NS_PER_S, read_host_ns
from recorder.errors import FieldrecError, ProvisionError, ServiceError
from recorder.protocol import calls
from recorder.protocol.client import RecorderClient
from recorder.protocol.replies import Welcome

if TYPE_CHECKING:
    from provisioning.slots import Slot

BOOT_NOTES = Path("/run/fieldrec-boot")
_SOCKET = Path("/run/fieldrec/recorder.sock")
_LOOK_S = 2.0


@dataclass(frozen=True, slots=True)
class Running:
    """The slot that runs, and the disk it lies on."""

    slot: Slot
    disk: Path


def read_running(notes: Path = BOOT_NOTES) -> Running:
    """Return what the initramfs noted; ProvisionError where this is no box."""
    try:
        slot = (notes / "slot").read_text("ascii").strip()
        disk = (notes / "disk").read_text("ascii").strip()
    except OSError as error:
        raise ProvisionError(
            "this computer was not started from a box's card", hint="run it on the box"
        ) from error
    return Running("b" if slot == "b" else "a", Path(disk))


def judge(running: Running, *, socket: Path = _SOCKET, patience_s: float) -> str:
    """Settle on the running system once its recorder answers; return what was done.

    Raises ProvisionError where it does not: on trial the box must be started again.
    """
    until_ns = read_host_ns() + round(patience_s * NS_PER_S)
    device = ""
    while not device:
        try:
            with RecorderClient(socket, patience_s=30) as recorder:
                device = recorder.ask(calls.Hello(), Welcome).device
        except ServiceError as error:
            if read_host_ns() > until_ns:
                raise ProvisionError(
                    f"slot {running.slot} is not good: {error.message}",
                    hint="see: journalctl -u fieldrec-recorder",
                ) from error
            time.sleep(_LOOK_S)
    before = read_slots(running.disk)
    after = settle(running.disk, running.slot)
    if after == before:
        return f"slot {running.slot} is good, as before"
    return f"slot {running.slot} is good from now on ({device} answers)"


def settle_or_restart(running: Running, *, patience_s: float) -> str:
    """Do what the box does after each start."""
    try:
        return judge(running, patience_s=patience_s)
    except FieldrecError:
        if read_slots(running.disk).trying == running.slot:
            run_program("systemctl", "reboot", package="systemd")
        raise
