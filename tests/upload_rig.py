"""A box beside a real intake server: sessions made quickly, receipts by the lab's key.

Sessions hold bytes that nobody can open: sync neither knows nor cares.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from lab.settings import Lab
from recorder.box import Box
from recorder.clock import NS_PER_S, read_host_ns
from recorder.format import manifest as manifests
from recorder.format.fleet import FleetServer
from recorder.format.manifest import NAMESPACE_RECEIPT
from recorder.format.receipt import Receipt, encode_receipt, receipt_name
from recorder.format.sshsig import sign
from recorder.store.disk import RealDisk
from recorder.store.receipts import Signed, read_signed_session
from recorder.store.signing import Signer, sign_session
from recorder.upload.fleet import with_server
from recorder.upload.sync import Sync
from recorder.upload.visit import Surroundings, Wishes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from recorder.format.receipt import Status
    from recorder.store.disk import Disk
    from recorder.upload.progress import SyncStatus, Tally
    from tests.sftp_server import IntakeServer

WALL_S = 1_800_000_000
SMALL = {"0001/eeg.xdf.age": 700, "0001/audio.flac.age": 5000, "session.json.age": 300}


def connect_box(house_box: Path, server: IntakeServer, *, port: int | None = None) -> None:
    """Enter ``server`` into a box folder, reached through ``port`` where one is given."""
    port = port or server.port
    line = server.known_hosts_line.replace(f":{server.port} ", f":{port} ")
    (house_box / "lab" / "known_hosts").write_text(f"{line.strip()}\n")
    settings = house_box / "box.toml"
    to = FleetServer(host=server.host, port=port, user=server.user)
    settings.write_text(with_server(settings.read_text(), to) or settings.read_text())
    Box.load(house_box)


def add_session(
    box: Box,
    files: Mapping[str, int | bytes] = SMALL,
    *,
    session: UUID | None = None,
    seed: int = 0,
) -> Path:
    """Make a signed session; a number is how many random bytes a file has."""
    folder = box.sessions / str(session or uuid4())
    folder.mkdir(mode=0o700)
    for path, content in files.items():
        data = (
            random.Random(f"{seed}{path}").randbytes if isinstance(content, int) else None
        )
        (folder / path).parent.mkdir(exist_ok=True)
        made = data(content) if data and isinstance(content, int) else content
        assert isinstance(made, bytes)
        (folder / path).write_bytes(made)
    sign_folder(box, folder)
    return folder


def sign_folder(box: Box, folder: Path, *, discarded: bool = False) -> None:
    """Sign a session's folder with the box's key."""
    signer = Signer(box.device, box.chain, box.signing_key(), box.recipients)
    sign_session(RealDisk(), signer, folder, clean=True, discarded=discarded)


def signed(folder: Path) -> Signed:
    """Return the signed session in ``folder``."""
    found = read_signed_session(RealDisk(), folder)
    assert found is not None
    return found


@dataclass
class Outcome:
    """What a run of sync did and said."""

    tally: Tally
    statuses: list[SyncStatus]
    slept_s: list[float]


@dataclass
class World:
    """The surroundings of a sync in a test: no real waiting, a wall clock that is set."""

    disk: Disk = field(default_factory=RealDisk)
    wall_s: int = WALL_S
    reply_s: float = 20.0
    wanted_free_bytes: int = 0
    longest_sleep_s: float = 0.0
    slept_s: list[float] = field(default_factory=list)

    def surroundings(self) -> Surroundings:
        return Surroundings(
            disk=self.disk,
            wall_s=lambda: self.wall_s,
            sleep=self._sleep,
            uniform=lambda low, _high: low,
            reply_s=self.reply_s,
            wanted_free_bytes=self.wanted_free_bytes,
        )

    def _sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        time.sleep(min(seconds, self.longest_sleep_s))

    def sync(self, root: Path, *, delete_verified: bool = False) -> Outcome:
        """Run ``fieldrec sync --once``; errors pass."""
        statuses: list[SyncStatus] = []
        wishes = Wishes(once=True, delete_verified=delete_verified)
        sync = Sync(root, wishes, statuses.append, self.surroundings())
        sync.run()
        return Outcome(sync.tally, statuses, self.slept_s)


def give_receipt(
    server: IntakeServer,
    folder: Path,
    status: Status = "verified",
    *,
    number: int = 1,
    files: Sequence[str] = (),
    device: str | None = None,
    key: Ed25519PrivateKey | None = None,
    namespace: str = NAMESPACE_RECEIPT,
    change: Mapping[str, object] | None = None,
) -> Path:
    """Put a receipt for the session in ``folder`` on the server, signed by the lab."""
    session = signed(folder)
    fields: dict[str, object] = {
        "device": device or session.manifest.device,
        "session": session.manifest.session,
        "manifest_sha256": session.sha256,
        "status": status,
        "files": tuple(sorted(files)),
        "lab_sequence": number,
        **(change or {}),
    }
    content = encode_receipt(Receipt(**fields))  # type: ignore[arg-type] # a test's choice
    assert server.house is not None
    key = key or Lab.load(server.house.lab).receipt_key()
    folder_there = server.folder.receipts(session.manifest.device.lower())
    path = folder_there / receipt_name(session.manifest.session, session.sha256)
    path.write_bytes(content)
    path.with_name(path.name + ".sig").write_text(sign(content, key, namespace=namespace))
    return path


def taken(server: IntakeServer, folder: Path) -> Path:
    """Return where the server has the session that lies in ``folder`` on the box."""
    session = signed(folder).manifest
    return server.folder.intake / session.device / session.session


def assert_arrived(server: IntakeServer, folder: Path) -> None:
    """Assert that the server took exactly what the box signed."""
    there = taken(server, folder)
    for path in [*signed(folder).manifest.files, "manifest.json", "manifest.json.sig"]:
        assert (there / path).read_bytes() == (folder / path).read_bytes(), path


def digest_of(folder: Path) -> str:
    """Return the digest of a session's manifest."""
    return manifests.digest((folder / "manifest.json").read_bytes())


def seconds_since(start_ns: int) -> float:
    """Return host seconds since ``start_ns``."""
    return (read_host_ns() - start_ns) / NS_PER_S
