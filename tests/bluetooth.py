"""A system bus of our own with BlueZ on it, played by dbusmock: headsets in reach."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.service_process import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TEMPLATE = Path(__file__).with_name("bluez_template.py")
_PYTHON = "/usr/bin/python3"  # Debian's own: its dbusmock is no package of ours


@contextmanager
def headsets_in_reach(headsets: Mapping[str, tuple[str, int]]) -> Iterator[str]:
    """Yield the address of a bus where headsets advertise: address to (name, dBm)."""
    if shutil.which("dbus-daemon") is None or not _has_dbusmock():
        pytest.skip("needs Debian's dbus and python3-dbusmock: scripts/setup")
    bus = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert bus.stdout is not None
    with bus.stdout:
        address = bus.stdout.readline().strip()
    mock = subprocess.Popen(
        [
            *(_PYTHON, "-m", "dbusmock", "--system", "--template", _TEMPLATE),
            *("--parameters", json.dumps(headsets)),
        ],
        env=os.environ | {"DBUS_SYSTEM_BUS_ADDRESS": address},
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_for_bluez(address)
        yield address
    finally:
        for process in (mock, bus):
            process.terminate()
            process.wait(60)


def _has_dbusmock() -> bool:
    looked = subprocess.run([_PYTHON, "-c", "import dbusmock"], check=False)
    return looked.returncode == 0


def _wait_for_bluez(address: str) -> None:
    """Return once org.bluez has its adapter."""
    method = "org.freedesktop.DBus.ObjectManager.GetManagedObjects"
    ask = [
        "dbus-send",
        f"--bus={address}",
        "--print-reply",
        "--dest=org.bluez",
        "/",
        method,
    ]

    def find() -> bool | None:
        done = subprocess.run(ask, capture_output=True, check=False)
        return True if b"/org/bluez/hci0" in done.stdout else None

    until(find, "no BlueZ on the bus")
