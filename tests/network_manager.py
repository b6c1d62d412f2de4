"""A system bus of our own with NetworkManager on it, played by dbusmock."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.service_process import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PYTHON = "/usr/bin/python3"  # Debian's own: its dbusmock is no package of ours
_NAME = "org.freedesktop.NetworkManager"
_ROOT = "/org/freedesktop/NetworkManager"
_DEVICE = f"{_ROOT}/Devices/wlan0"
_DISCONNECTED = 30
_WPA2 = 0x100  # a key that both sides know


@contextmanager
def networks_in_reach(networks: Mapping[str, int]) -> Iterator[str]:
    """Yield the address of a bus where these networks are in reach: name to strength."""
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
        [_PYTHON, "-m", "dbusmock", "--system", "--template", "networkmanager"],
        env=os.environ | {"DBUS_SYSTEM_BUS_ADDRESS": address},
        stdout=subprocess.DEVNULL,
    )
    try:
        until(lambda: _call(address, "GetDevices", interface=_NAME) or None, "no mock")
        _call(
            address, "AddWiFiDevice", *_strings("wlan0", "wlan0"), f"int32:{_DISCONNECTED}"
        )
        for n, (name, strength) in enumerate(networks.items()):
            numbers = ("uint32:2", "uint32:2425", "uint32:5400")
            text = _strings(_DEVICE, f"ap{n}", name, "00:23:F8:7E:12:BB")
            guard = f"uint32:{_WPA2}"
            assert _call(
                *(address, "AddAccessPoint", *text, *numbers, f"byte:{strength}", guard)
            )
        yield address
    finally:
        for process in (mock, bus):
            process.terminate()
            process.wait(60)


def _has_dbusmock() -> bool:
    looked = subprocess.run([_PYTHON, "-c", "import dbusmock"], check=False)
    return looked.returncode == 0


def _strings(*words: str) -> tuple[str, ...]:
    return tuple(f"string:{word}" for word in words)


def _call(
    address: str, method: str, *words: str, interface: str = "org.freedesktop.DBus.Mock"
) -> bool:
    """Call NetworkManager, or whoever plays it; tell whether it answered."""
    ask = ["dbus-send", f"--bus={address}", "--print-reply", f"--dest={_NAME}", _ROOT]
    done = subprocess.run(
        [*ask, f"{interface}.{method}", *words], capture_output=True, check=False
    )
    return done.returncode == 0
