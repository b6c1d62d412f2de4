"""A lab with three clients' sessions, as the real chain brings them: recorded, taken in.

Some are recorded by the real command (crashed, online, played back from a file), others by
the real store on a virtual clock (marks, pause and erase, a skipped one).
"""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np

from lab.archive import Archive
from lab.catalogue import Catalogue
from lab.clients import new_clients
from lab.dataset.export import TreeOptions, TreeReport, export_tree
from lab.intake_folder import FolderPlace
from lab.judging import Judging
from lab.publish import publish_to_box
from lab.pull import pull
from lab.settings import Lab
from lab.workers import Workers
from provisioning.device import make_device
from recorder.box import Box
from recorder.clock import NS_PER_S, read_host_ns
from tests.compressed import Recorded, Who, recording, skip
from tests.house import House, make_house

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.pull import PullReport

_PROGRAM = Path(sys.executable).with_name("fieldrec")
_CONSENT = ("--consent", "eeg,audio,sharing", "--form", "2026-1")
_SIMULATED = ("--headset", "simulated", "--microphone", "simulated", "--channels", "2")
_PATIENCE_S = 200
N_PLAYBACK_ROWS = 1500


@dataclass
class World:
    """One lab below ``root``, its fleet, boxes, and the server's folder."""

    root: Path

    @property
    def house(self) -> House:
        return House(
            self.root / "lab",
            self.root / "fleet",
            self.root / "box",
            self.root / "recovery.txt",
        )

    @property
    def lab(self) -> Lab:
        return Lab.load(self.root / "lab")

    @property
    def archive(self) -> Archive:
        return Archive(self.root / "lab")

    @property
    def server(self) -> Path:
        return self.root / "server"

    def box(self, number: int) -> Path:
        return self.root / f"box{number}"

    @contextmanager
    def catalogue(self) -> Iterator[Catalogue]:
        """Open the catalogue."""
        with Catalogue(self.archive.catalogue_path) as catalogue:
            yield catalogue

    def take_in(self) -> None:
        """Bring every signed session of the boxes to the server, as its mover does."""
        for box in sorted(self.root.glob("box*")):
            device = Box.load(box).device
            receipts = self.server / "boxes" / device.lower() / "receipts"
            receipts.mkdir(parents=True, exist_ok=True)
            for session in sorted((box / "sessions").glob("*-*-*-*-*")):
                target = self.server / "intake" / device / session.name
                if (session / "manifest.json.sig").exists() and not target.exists():
                    shutil.copytree(session, target)
                    taken = {"version": 1, "taken_utc": datetime.now(UTC).isoformat()}
                    word = target.with_name(f"{target.name}.intake.json")
                    word.write_text(json.dumps(taken))

    def pull(self) -> PullReport:
        """Take in and pull; the lab remembers the server's folder."""
        self.take_in()
        self.archive.make()
        with self.catalogue() as catalogue:
            catalogue.remember("place", str(self.server))
            return pull(
                FolderPlace(self.server),
                judging=Judging.of(self.lab, catalogue),
                catalogue=catalogue,
                jobs=2,
                tell=lambda _: None,
            )

    def export(self, out: Path, options: TreeOptions, *, jobs: int = 1) -> TreeReport:
        """Write a tree; simulated sessions are what a test has."""
        with self.catalogue() as catalogue:
            return export_tree(
                self.lab, catalogue, out, options, workers=Workers(jobs), tell=_nothing
            )

    def copy(self, root: Path) -> World:
        """Return a world of its own that a test may destroy."""
        shutil.copytree(self.root, root, symlinks=True)
        other = World(root)
        other.lab.remember_fleet(root / "fleet" / "public")
        with other.catalogue() as catalogue:
            catalogue.remember("place", str(other.server))
        return other


def _nothing(text: str) -> None:
    del text


def make_world(
    root: Path, *, n_boxes: int = 3, n_clients: int = 3
) -> tuple[World, list[str]]:
    """Make a lab, its fleet and boxes, and codes of clients; nothing is recorded yet."""
    root.mkdir(parents=True, exist_ok=True)
    world = World(root)
    house = make_house(root)
    shutil.rmtree(house.box)
    settings = house.load_lab().remember_fleet(house.fleet / "public")
    # Always the same codes: one of digits alone would be found among the samples by chance.
    codes = new_clients(settings, count=n_clients, choose=random.Random(1).choice)
    for number in range(1, n_boxes + 1):
        make_device(house.load_fleet(), world.box(number))
        publish_to_box(settings, world.box(number))
    return world, list(codes)


def fill(world: World, codes: list[str], playback: Path | None) -> dict[str, UUID]:
    """Record two sessions of each of three clients; return them by what happened."""
    first, second, third = codes[:3]
    online = _record(world.box(2), second, *_SIMULATED, "--mode", "online", "--duration", 6)
    crashed = _record(world.box(3), third, *_SIMULATED, "--part-length", 3)
    made = {"marked": _marked(world.box(1), first), "erased": _erased(world.box(1), first)}
    made["skipped"] = skip(world.box(1), Who(first, day=9), "client_absent")
    made["crashed"] = _kill(crashed, world.box(3))
    made["online"] = _ended(online)
    # Whoever starts a box next signs what a crash left.
    if playback is None:
        made["last"] = _plain(world.box(3), third)
    else:
        made["playback"] = _played_back(world.box(3), third, playback, world.root)
    made["later"] = _plain(world.box(2), second)
    return made


def _marked(box: Path, client: str) -> UUID:
    """Record a session with a baseline, marks of every kind, losses and scores."""
    with recording(box, Who(client, day=1)) as session:
        session.go(1)
        session.score(3, 3, 3, 2, 3, 1, 3, 3)
        for kind in ("eyes_open", "eyes_closed"):
            session.mark(kind, "on", source="machine")
            session.go(4)
            session.mark(kind, "off", source="machine")
        session.mark("insight")
        wrong = session.mark("rupture")
        session.go(1)
        session.mark("rupture", "undo", of=wrong)
        session.mark("emotion", "on", value=5)
        session.go(3)
        session.score(3, 3, 3, 3, 3, 0, 3, 3)
        session.mark("emotion", "off")
        session.mark("suds", "value", value=7)
        session.mark("risk")
        session.go(12)
    return session.session


def _erased(box: Path, client: str) -> UUID:
    """Record a session with a pause and an erased piece."""
    with recording(box, Who(client, day=8), part_length_s=5.0) as session:
        session.go(11)
        session.pause(4)
        session.go(12)
        assert session.erase(3)
        session.go(6)
        _answer(session)
    return session.session


def _answer(session: Recorded) -> None:
    session.ending = type(session.ending)(
        outcome="partial",
        reason="client_wish",
        scales={"session": {"depth": 5, "contact": 6}},
    )


def _plain(box: Path, client: str) -> UUID:
    with recording(box, Who(client, day=15), channels=1) as session:
        session.go(8)
    return session.session


def _played_back(box: Path, client: str, whole: Path, folder: Path) -> UUID:
    file = folder / "beginning.csv"
    rows = np.loadtxt(whole, max_rows=N_PLAYBACK_ROWS)
    np.savetxt(file, rows, fmt="%.6f", delimiter="\t")
    headset = f"playback:{file}:CYTON_BOARD"
    devices = ("--headset", headset, "--microphone", "none")
    return _ended(_record(box, client, *devices, "--duration", 7.5))


def _record(box: Path, client: str, *options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(str(_PROGRAM), "record", "--box", str(box), "--client", client),
            *(*_CONSENT, "--json", *map(str, options)),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )


def _ended(process: subprocess.Popen[str]) -> UUID:
    out, _ = process.communicate(timeout=_PATIENCE_S)
    assert process.returncode == 0
    return UUID(json.loads(out.splitlines()[-1])["session"])


def _kill(process: subprocess.Popen[str], box: Path) -> UUID:
    """Kill a recorder that has saved some seconds; return its session."""
    assert process.stdout is not None
    deadline_ns = read_host_ns() + _PATIENCE_S * NS_PER_S
    saved_s = 0.0
    with process.stdout:
        while saved_s < 5:
            assert read_host_ns() < deadline_ns
            saved_s = json.loads(process.stdout.readline())["saved_s"]
        process.send_signal(signal.SIGKILL)
        process.wait(_PATIENCE_S)
    (session,) = (box / "sessions").glob("*-*-*-*-*")
    return UUID(session.name)
