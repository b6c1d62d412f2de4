"""Which headsets are in reach: at serial ports, over Bluetooth, and simulated ones."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from bleak import BleakScanner
from bleak.exc import BleakError

from recorder.eeg.montage import board

SCAN_S = 4.0
# Beginnings of advertised names, longest first. A Muse S and an Athena share theirs.
_ADVERTISED = (
    ("MuseS", ("MUSE_S_BOARD", "MUSE_S_ATHENA_BOARD")),
    ("Muse", ("MUSE_2_BOARD",)),
    ("Ganglion", ("GANGLION_NATIVE_BOARD",)),
    ("Simblee", ("GANGLION_NATIVE_BOARD",)),
    ("Explore", ("EXPLORE_8_CHAN_BOARD", "EXPLORE_4_CHAN_BOARD")),
    ("UN-", ("UNICORN_BOARD",)),
)
_PORTS = ("ttyUSB*", "ttyACM*")


@dataclass(frozen=True, slots=True)
class FoundHeadset:
    """A headset in reach: what to write after ``--headset``, and what it seems to be.

    ``signal_dbm`` is how strongly it was heard over Bluetooth.
    """

    spec: str
    name: str
    model: str = ""
    signal_dbm: int | None = None


@dataclass(frozen=True, slots=True)
class Nearby:
    """Every headset found; ``bluetooth_problem`` says why none was listened for."""

    headsets: tuple[FoundHeadset, ...]
    bluetooth_problem: str


def find_headsets(scan_s: float = SCAN_S, devices: Path = Path("/dev")) -> Nearby:
    """Look at serial ports, and listen for Bluetooth advertisements for ``scan_s``."""
    heard, problem = _listen(scan_s)
    always = (
        FoundHeadset("simulated", "Simulated headset", board("simulated").model),
        FoundHeadset(
            "synthetic", "BrainFlow synthetic board", board("SYNTHETIC_BOARD").model
        ),
    )
    return Nearby((*_serial_ports(devices), *heard, *always), problem)


def _serial_ports(devices: Path) -> list[FoundHeadset]:
    """Prefer the name that stays the same whichever socket the dongle is in."""
    by_id = sorted((devices / "serial" / "by-id").glob("*"))
    named = {port.resolve() for port in by_id}
    plain = (
        port
        for pattern in _PORTS
        for port in sorted(devices.glob(pattern))
        if port.resolve() not in named
    )
    return [
        FoundHeadset(
            f"serial:{port}:CYTON_BOARD",
            f"serial port {port.name}",
            board("CYTON_BOARD").model,
        )
        for port in (*by_id, *plain)
    ]


def _listen(scan_s: float) -> tuple[list[FoundHeadset], str]:
    if not scan_s:
        return [], "not asked for"
    try:
        heard = asyncio.run(BleakScanner.discover(timeout=scan_s, return_adv=True))
    except (BleakError, OSError) as error:
        return [], str(error).strip() or type(error).__name__
    return [
        FoundHeadset(
            f"ble:{device.address}:{name}",
            device.name,
            board(name).model,
            advertisement.rssi,
        )
        for device, advertisement in heard.values()
        for name in models(device.name or "")
        if device.name
    ], ""


def models(advertised: str) -> tuple[str, ...]:
    """Return the boards that call themselves ``advertised``, the likeliest first."""
    for beginning, boards in _ADVERTISED:
        if advertised.startswith(beginning):
            return boards
    return ()
