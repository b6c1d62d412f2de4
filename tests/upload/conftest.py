"""One house and one server for many tests; every test gets a box folder of its own."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from recorder.box import Box
from tests.house import House, make_house
from tests.sftp_server import IntakeServer, serve
from tests.upload_rig import World, connect_box

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return make_house(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="module")
def running(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[IntakeServer]:
    """Run the server that the module's tests share."""
    root = tmp_path_factory.mktemp("served") / "server"
    with serve(root, house.fleet / "public", house=house) as server:
        yield server


@pytest.fixture
def server(running: IntakeServer) -> IntakeServer:
    """Give the shared server with nothing on it."""
    for device in running.folder.boxes.iterdir():
        for folder in device.iterdir():
            for path in folder.iterdir():
                path.unlink()
    shutil.rmtree(running.folder.intake)
    running.folder.intake.mkdir()
    return running


@pytest.fixture
def box(house: House, server: IntakeServer, tmp_path: Path) -> Box:
    """Copy the box and connect it to the server."""
    root = shutil.copytree(house.box, tmp_path / "box")
    connect_box(root, server)
    return Box.load(root)


@pytest.fixture
def world() -> World:
    return World()
