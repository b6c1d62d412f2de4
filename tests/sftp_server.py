"""A real intake server on a free loopback port, run by the product's own local mode.

    from tests.sftp_server import IntakeServer, intake_server, serve  # noqa: F401 - fixture

`intake_server` brings a house (lab, fleet, one box) of its own; `serve` takes any fleet.
Nothing is moved to the intake behind a test's back: call `IntakeServer.take`, or hold
`IntakeServer.moving` for the background mover.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from lab.server.local import HOST, LocalServer, LocalSettings
from lab.server.mover import Mover, keep_moving
from tests.held_port import hold_port
from tests.house import House, make_house

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from lab.server.folder import ServerFolder
    from lab.server.mover import Report


@dataclass(slots=True)
class IntakeServer:
    """A running server; ``fleet`` is the FLEET/public it believes."""

    local: LocalServer
    fleet: Path
    house: House | None = None

    @property
    def host(self) -> str:
        return HOST

    @property
    def port(self) -> int:
        return self.local.port

    @property
    def user(self) -> str:
        """The user every box logs in as: whoever runs the tests."""
        return self.local.user

    @property
    def known_hosts_line(self) -> str:
        return self.local.known_hosts_line

    @property
    def folder(self) -> ServerFolder:
        """Names in the server's folder: up(user), receipts(user), intake."""
        return self.local.folder

    @property
    def root(self) -> Path:
        return self.local.folder.root

    def take(self) -> Report:
        """Let the mover take what is complete, once."""
        return Mover(self.folder).take_all()

    def moving(self) -> AbstractContextManager[None]:
        """Move in the background while the block runs."""
        return keep_moving(self.folder)

    def refresh(self) -> None:
        """Take over what the fleet changed: new boxes, revoked ones."""
        self.local.refresh()

    def stop(self) -> None:
        """Stop the server and cut every connection."""
        self.local.stop()

    def start(self) -> None:
        """Start the stopped server on the same port with the same key."""
        self.local.start()


@contextmanager
def serve(
    root: Path, fleet_public: Path, *, house: House | None = None
) -> Iterator[IntakeServer]:
    """Run a server in the folder ``root`` for the boxes of ``fleet_public``."""
    local = LocalServer(LocalSettings(root, fleet_public, hold_port()))
    local.prepare()
    local.start()
    try:
        yield IntakeServer(local, fleet_public, house)
    finally:
        local.stop()


@pytest.fixture
def intake_server(tmp_path: Path) -> Iterator[IntakeServer]:
    """Run a server for a new house in tmp_path/house; its folder is tmp_path/server."""
    (tmp_path / "house").mkdir()
    house = make_house(tmp_path / "house")
    with serve(tmp_path / "server", house.fleet / "public", house=house) as server:
        yield server
