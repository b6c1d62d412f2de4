"""A lab and a box with simulated devices, made once; a recorder for each module."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import msgspec
import pytest

from lab.clients import new_clients
from lab.publish import publish_to_box
from recorder import paired
from recorder.files import PRIVATE, write_atomic
from recorder.format.registers import (
    BoxClient,
    BoxRegister,
    decode_register,
    encode_register,
)
from recorder.protocol import calls
from tests.house import House, make_house
from tests.service_process import ServiceProcess, subscribed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUICK = ("--timing", "gate_hold_s=0.5", "--timing", "override_after_s=0")


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Make a lab with unused codes, and a box that knows one client."""
    house = make_house(tmp_path_factory.mktemp("house"))
    lab = house.load_lab().remember_fleet(house.fleet / "public")
    codes = new_clients(lab, count=12)
    publish_to_box(lab, house.box)
    paired.choose(house.box, headset="simulated", microphone="simulated")
    register = decode_register((house.box / "clients.json").read_bytes(), BoxRegister)
    client = BoxClient(frozenset({"eeg", "audio"}), "2026-1", sessions=2, turn=1)
    known = msgspec.structs.replace(register, clients={codes[0]: client})
    write_atomic(house.box / "clients.json", encode_register(known), mode=PRIVATE)
    return house


@pytest.fixture
def box(house: House, tmp_path: Path) -> Path:
    """Copy the box, for a test that needs one of its own."""
    return shutil.copytree(house.box, tmp_path / "box")


@pytest.fixture(scope="module")
def shared(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    """Run one recorder for the tests of a module."""
    box = shutil.copytree(house.box, tmp_path_factory.mktemp("shared") / "box")
    with ServiceProcess(box, QUICK) as service:
        subscribed(service).close()
        yield service


@pytest.fixture
def service(shared: ServiceProcess) -> Iterator[ServiceProcess]:
    """Give a recorder at home, and leave it there."""
    yield shared
    with subscribed(shared) as client:
        phase = client.next_news().phase
        if phase == "fit":
            client.do(calls.Cancel())
        elif phase != "home":
            client.do(calls.Discard())
