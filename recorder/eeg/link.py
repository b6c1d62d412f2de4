"""What the kernel tells of a headset's link: it decides how long packets wait.

Only what can be read is told, and what should be there but can't be read says so. The
interval that a Bluetooth headset agreed to is in no file of the kernel: this is the range
that the box allows, and the lab finds the true one in the arrivals.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recorder.eeg.messages import Task
    from recorder.eeg.montage import Board

SYSFS = Path("/sys")
NOT_READABLE = "not readable"
_INTERVAL_UNIT_MS = 1.25  # Core 6, Vol 6, B 4.5.1


def read_link(board: Board, task: Task, *, sysfs: Path = SYSFS) -> dict[str, str]:
    """Return ``ftdi_latency_ms`` or ``ble_interval_ms``, where the link has such a thing.

    A played back file has no link, nor has a port that no USB serial driver made.
    """
    if task.file:
        return {}
    if task.serial_port:
        return _ftdi(Path(task.serial_port), sysfs)
    return _bluetooth(sysfs) if board.link == "ble" else {}


def _ftdi(port: Path, sysfs: Path) -> dict[str, str]:
    # The name of a port may be a lasting one that leads to the true one.
    device = sysfs / "bus/usb-serial/devices" / port.resolve().name
    timer = device / "latency_timer"
    if not os.path.lexists(timer):
        return {}  # no FTDI chip
    return {"ftdi_latency_ms": _read(timer) or NOT_READABLE}


def _bluetooth(sysfs: Path) -> dict[str, str]:
    debug = sysfs / "kernel/debug/bluetooth"
    # debugfs is closed to all but root: not even what is in it can be listed.
    try:
        adapters = sorted(debug.glob("hci*"))
    except OSError:
        adapters = []
    for adapter in adapters[:1]:  # the one that BrainFlow takes
        limits = [_read(adapter / f"conn_{end}_interval") for end in ("min", "max")]
        if all(limit.isdecimal() for limit in limits):
            low, high = (f"{int(limit) * _INTERVAL_UNIT_MS:g}" for limit in limits)
            return {"ble_interval_ms": low if low == high else f"{low} to {high}"}
    return {"ble_interval_ms": NOT_READABLE}


def _read(path: Path) -> str:
    """Return what a file of one line says; nothing where it can't be read."""
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
