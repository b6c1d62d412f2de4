"""Headsets in reach are listed by names that can be used as they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from recorder.eeg.montage import board
from recorder.eeg.nearby import find_headsets, models

if TYPE_CHECKING:
    from pathlib import Path


def test_simulated_and_synthetic_are_always_there(tmp_path: Path) -> None:
    found = find_headsets(0, tmp_path)
    assert [headset.spec for headset in found.headsets] == ["simulated", "synthetic"]
    assert found.bluetooth_problem


def test_ports_are_listed_once_and_by_their_lasting_name(tmp_path: Path) -> None:
    by_id = tmp_path / "serial" / "by-id"
    by_id.mkdir(parents=True)
    for port in ("ttyUSB0", "ttyUSB1", "ttyACM0", "ttyS0"):
        (tmp_path / port).touch()
    (by_id / "usb-FTDI_1").symlink_to(tmp_path / "ttyUSB1")
    found = [one.spec for one in find_headsets(0, tmp_path).headsets][:-2]
    assert found == [
        f"serial:{by_id / 'usb-FTDI_1'}:CYTON_BOARD",
        f"serial:{tmp_path / 'ttyUSB0'}:CYTON_BOARD",
        f"serial:{tmp_path / 'ttyACM0'}:CYTON_BOARD",
    ]


def test_a_box_without_bluetooth_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/bus")
    found = find_headsets(0.5)
    assert found.bluetooth_problem
    assert found.headsets[-1].spec == "synthetic"


@pytest.mark.parametrize(
    ("advertised", "likeliest"),
    [
        ("MuseS-1F2A", "MUSE_S_BOARD"),
        ("Muse-1F2A", "MUSE_2_BOARD"),
        ("Ganglion-0a1b", "GANGLION_NATIVE_BOARD"),
        ("Explore_8441", "EXPLORE_8_CHAN_BOARD"),
    ],
)
def test_advertised_names_lead_to_boards_we_know(advertised: str, likeliest: str) -> None:
    assert models(advertised)[0] == likeliest
    assert all(board(name).link in {"ble", "bluetooth"} for name in models(advertised))


def test_a_stranger_is_no_headset() -> None:
    assert models("Fridge") == ()
