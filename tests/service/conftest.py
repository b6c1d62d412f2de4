"""A lab and a box with simulated devices, made once; a service that many tests share."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.clients import new_clients
from lab.publish import publish_to_box
from recorder import paired
from recorder.protocol import calls
from tests.house import House, make_house
from tests.service_process import ServiceProcess, subscribed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recorder.protocol.client import RecorderClient


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Make a lab with unused codes, and a box with simulated devices."""
    house = make_house(tmp_path_factory.mktemp("house"))
    lab = house.load_lab().remember_fleet(house.fleet / "public")
    new_clients(lab, count=400)
    publish_to_box(lab, house.box)
    paired.choose(house.box, headset="simulated", microphone="simulated")
    return house


@pytest.fixture
def own_house(house: House, tmp_path: Path) -> House:
    """Copy the box, for a test that needs one of its own."""
    box = shutil.copytree(house.box, tmp_path / "box")
    return House(house.lab, house.fleet, box, house.recovery)


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Give a folder for sockets: their names may have 107 characters, tmp_path has more."""
    with tempfile.TemporaryDirectory(prefix="fieldrec-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def shared(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    """Run one service for all tests that leave it as they found it."""
    box = shutil.copytree(house.box, tmp_path_factory.mktemp("shared") / "box")
    with ServiceProcess(box) as service:
        yield service


@pytest.fixture
def client(shared: ServiceProcess) -> Iterator[RecorderClient]:
    """Connect to the shared service at home, and leave it there."""
    with subscribed(shared) as client:
        yield client
    with subscribed(shared) as client:
        go_home(client)


def go_home(client: RecorderClient) -> None:
    """Leave whatever a test left behind."""
    phase = client.next_news().phase
    if phase == "fit":
        client.do(calls.Cancel())
    elif phase != "home":
        client.do(calls.Discard())
