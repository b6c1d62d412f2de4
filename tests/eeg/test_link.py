"""The sheet says how a headset's link is set, or honestly that nobody can read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from recorder.eeg.link import read_link
from recorder.eeg.messages import Task
from recorder.eeg.montage import board

if TYPE_CHECKING:
    from pathlib import Path

CYTON, MUSE = board("CYTON_BOARD"), board("MUSE_2_BOARD")
RIDER = Task("MUSE_2_BOARD", mac_address="00:55:DA:B0:12:34")


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def port(folder: Path) -> Task:
    """Return a Cyton behind a port's lasting name."""
    true_port = put(folder / "dev/ttyUSB3", b"")
    lasting = folder / "dev/serial/by-id/usb-FTDI_FT231X"
    lasting.parent.mkdir(parents=True)
    lasting.symlink_to(true_port)
    return Task("CYTON_BOARD", serial_port=str(lasting))


def test_the_ftdi_chips_latency_timer_is_told_through_a_lasting_name(
    tmp_path: Path,
) -> None:
    task = port(tmp_path)
    put(tmp_path / "bus/usb-serial/devices/ttyUSB3/latency_timer", b"16\n")
    assert read_link(CYTON, task, sysfs=tmp_path) == {"ftdi_latency_ms": "16"}


@pytest.mark.parametrize("folder", ["", "bus/usb-serial/devices/ttyUSB3"])
def test_a_port_without_such_a_chip_has_no_latency_timer(
    tmp_path: Path, folder: str
) -> None:
    task = port(tmp_path)
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    assert read_link(CYTON, task, sysfs=tmp_path) == {}


def test_a_timer_that_can_not_be_read_says_so(tmp_path: Path) -> None:
    task = port(tmp_path)
    (tmp_path / "bus/usb-serial/devices/ttyUSB3/latency_timer").mkdir(parents=True)
    assert read_link(CYTON, task, sysfs=tmp_path) == {"ftdi_latency_ms": "not readable"}


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [(b"7\n", b"7\n", "8.75"), (b"24\n", b"40\n", "30 to 50"), (b"", b"7\n", None)],
)
def test_the_intervals_that_bluetooth_may_use_are_told_in_milliseconds(
    tmp_path: Path, low: bytes, high: bytes, told: str | None
) -> None:
    adapter = tmp_path / "kernel/debug/bluetooth/hci0"
    put(adapter / "conn_min_interval", low)
    put(adapter / "conn_max_interval", high)
    found = read_link(MUSE, RIDER, sysfs=tmp_path)
    assert found == {"ble_interval_ms": told or "not readable"}


def test_a_closed_debugfs_says_so(tmp_path: Path) -> None:
    found = read_link(MUSE, RIDER, sysfs=tmp_path)
    assert found == {"ble_interval_ms": "not readable"}


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("MUSE_2_BOARD", Task("MUSE_2_BOARD", file="session.csv")),
        ("UNICORN_BOARD", Task("UNICORN_BOARD", serial_number="UN-2019.05.51")),
        ("SYNTHETIC_BOARD", Task("SYNTHETIC_BOARD")),
    ],
)
def test_what_has_no_such_link_has_no_such_facts(
    tmp_path: Path, name: str, task: Task
) -> None:
    assert read_link(board(name), task, sysfs=tmp_path) == {}
