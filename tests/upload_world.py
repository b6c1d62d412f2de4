"""Boxes, a server and a lab on real folders, without a network, and all that goes wrong.

What a box, the mover and the lab do is the product's own code; only the link is a folder.
`World.check` holds the two promises: nothing is deleted without an equal verified copy at
the lab, and nothing is accepted that no box of the fleet signed.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lab.server.folder import ServerFolder
from lab.server.mover import Mover
from recorder.clock import read_host_ns
from recorder.errors import LinkError, ReceiptError
from recorder.format import manifest as manifests
from recorder.format.receipt import Receipt, encode_receipt, receipt_name
from recorder.format.sshsig import sign
from recorder.store.delete import finish_deletions, is_emptied
from recorder.store.disk import RealDisk
from recorder.store.receipts import Lab
from recorder.upload.outbox import Outbox
from recorder.upload.pace import Limit
from recorder.upload.receipts import Receipts, delete_verified, delete_withdrawn
from recorder.upload.send import Sender
from tests.intake_bench import (
    DEVICE,
    OTHER,
    IntakeBench,
    light_session,
    session_uuid,
    tree,
)

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from recorder.upload.sftp import Link

DEVICES = (DEVICE, OTHER)
_DAY_S = 25 * 3600
_CHUNK_BYTES = 4096
OUTSIDER = Ed25519PrivateKey.generate()


class FolderLink:
    """The box's end of a link to its folder on the server; breaks after some requests."""

    def __init__(self, root: Path, requests_left: int = 1 << 30) -> None:
        self._root = root
        self._left = requests_left

    def _spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise LinkError("the link was cut")

    def _path(self, name: str) -> Path:
        # As `recorder.upload.sftp.Link` is told: relative to where the box is locked in.
        assert not name.startswith("/")
        return self._root / name

    def sizes_bytes(self, names: Sequence[str]) -> list[int | None]:
        self._spend()
        return [
            self._path(n).stat().st_size if self._path(n).is_file() else None for n in names
        ]

    def read(self, name: str, *, limit_bytes: int) -> bytes | None:
        self._spend()
        path = self._path(name)
        return path.read_bytes()[: limit_bytes + 1] if path.is_file() else None

    def write(
        self,
        name: str,
        read: Callable[[int], bytes],
        *,
        start: int,
        requests: int,
        confirmed: Callable[[int], None],
        truncate: bool = False,
    ) -> None:
        del requests
        path = self._path(name)
        if truncate or not path.exists():
            path.write_bytes(b"")
        offset = start
        while chunk := read(_CHUNK_BYTES):
            self._spend()
            with path.open("r+b") as file:
                file.seek(offset)
                file.write(chunk)
            offset += len(chunk)
            confirmed(offset)

    def rename(self, old: str, new: str) -> None:
        self._spend()
        assert not self._path(new).exists()
        self._path(old).rename(self._path(new))


class World:
    """Two boxes, one server, one lab."""

    def __init__(self, root: Path) -> None:
        self.bench = IntakeBench(root)
        self.server = ServerFolder(self.bench.server)
        self.server.staging.mkdir()
        self.truth: dict[tuple[str, str], dict[str, bytes]] = {}
        self.lost_since: dict[str, datetime] = {}
        self.wall_s = 1_800_000_000
        self.disk = RealDisk()
        self.old_receipts: dict[Path, list[bytes]] = {}
        for device in DEVICES:
            self.server.up(device.lower()).mkdir()
            self.sessions(device).mkdir(parents=True)

    def sessions(self, device: str) -> Path:
        return self.bench.root / "boxes" / device / "sessions"

    def believed(self, device: str) -> Lab:
        """Return whom a box believes; a mutant believes anybody."""
        return Lab.read(device, self.bench.lab.public / "allowed_signers")

    # What the fleet does

    def record(self, device: str) -> None:
        number = 1 + sum(key[0] == device for key in self.truth)
        folder = self.sessions(device) / str(session_uuid(number))
        shutil.copytree(light_session(device, number), folder)
        self.truth[device, folder.name] = tree(folder)

    def send(self, device: str, requests: int = 1 << 30) -> None:
        """Send over a link that breaks after so many requests."""
        outbox = Outbox(self.disk, self.sessions(device))
        limit = Limit(0.0, read_host_ns, lambda _: None)
        sender = Sender(outbox, limit, found=lambda _: None, told=lambda _: None)
        link = self._link(device, requests)
        try:
            for session in outbox.outgoing(self.believed(device)):
                sender.send(link, session, 1, self.wall_s)
        except LinkError:
            return

    def obey(self, device: str, requests: int = 1 << 30) -> None:
        """Fetch receipts and do what they say; offer again what nobody answered."""
        outbox = Outbox(self.disk, self.sessions(device))
        receipts = Receipts(outbox, self.believed(device))
        limit = Limit(0.0, read_host_ns, lambda _: None)
        sender = Sender(outbox, limit, found=lambda _: None, told=lambda _: None)
        link = self._link(device, requests)
        with suppress(LinkError):
            self._obey_all(outbox, receipts, sender, link)

    def _obey_all(
        self, outbox: Outbox, receipts: Receipts, sender: Sender, link: Link
    ) -> None:
        for session in outbox.signed()[0]:
            answered = None
            with suppress(ReceiptError):
                answered = receipts.obey(link, session)
            if answered is None and outbox.is_unanswered(session, self.wall_s):
                sender.ask_again(link, session)

    def delete(self, device: str) -> None:
        believed = self.believed(device)
        finish_deletions(self.disk, self.sessions(device))
        delete_withdrawn(self.disk, self.sessions(device), believed)
        delete_verified(self.disk, self.sessions(device), believed)
        self.check()

    def _link(self, device: str, requests: int) -> Link:
        root = self.server.up(device.lower()).parent
        return cast("Link", FolderLink(root, requests))

    # What the lab does

    def take(self) -> None:
        Mover(self.server).take_all()

    def pull(self) -> None:
        self.bench.pull(jobs=1)
        self.check()

    def receipts(self) -> None:
        self.bench.sign_and_hand_out()
        for device in DEVICES:
            for path in self.bench.receipts(device).iterdir():
                seen = self.old_receipts.setdefault(path, [])
                if path.read_bytes() not in seen:
                    seen.append(path.read_bytes())

    def lose(self, device: str) -> None:
        """Let a box be stolen now."""
        self.lost_since.setdefault(device, datetime.now(UTC))
        self.bench.lose_all(self.lost_since)

    # What goes wrong

    def flip(self, rng: random.Random) -> None:
        """Flip a bit of something on the server that a session consists of."""
        paths = [p for p in self._on_server() if p.stat().st_size]
        if paths:
            path = rng.choice(paths)
            content = bytearray(path.read_bytes())
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
            overwrite(path, bytes(content))

    def drop(self, rng: random.Random) -> None:
        """Let the server lose an upload, a session it took in, or a receipt."""
        takes = [
            p for d in self.server.intake.glob("BOX-*") for p in d.iterdir() if p.is_dir()
        ]
        if takes and rng.random() < 0.3:
            shutil.rmtree(rng.choice(sorted(takes)))
            return
        paths = [*self._on_server(), *self._receipt_paths()]
        if paths:
            rng.choice(paths).unlink()

    def replay(self, rng: random.Random) -> None:
        """Put an older receipt, or another's, in the place of one."""
        paths = sorted(self.old_receipts)
        if paths:
            path = rng.choice(paths)
            other = path if rng.random() < 0.5 else rng.choice(paths)
            overwrite(path, rng.choice(self.old_receipts[other]))

    def forge_receipt(self, rng: random.Random) -> None:
        """Let an outsider say `verified` of a session."""
        for (device, session), files in rng.sample(
            sorted(self.truth.items()), min(1, len(self.truth))
        ):
            digest = manifests.digest(files["manifest.json"])
            receipt = Receipt(
                device=device,
                session=session,
                manifest_sha256=digest,
                status=rng.choice(["verified", "withdrawn"]),
                lab_sequence=1_000_000,
            )
            content = encode_receipt(receipt)
            path = self.bench.receipts(device) / receipt_name(session, digest)
            signature = sign(content, OUTSIDER, namespace=manifests.NAMESPACE_RECEIPT)
            overwrite(path, content)
            overwrite(path.with_name(f"{path.name}.sig"), signature.encode())

    def forge_session(self, rng: random.Random) -> None:
        """Let an outsider with all public keys upload what it made, or signed anew."""
        device, number = rng.choice(DEVICES), rng.randrange(1, 9)
        files = tree(light_session(device, number))
        manifest = manifests.parse(files["manifest.json"])
        forged = manifests.encode(_with(manifest, clean=not manifest.clean))
        files["manifest.json"] = rng.choice([forged, files["manifest.json"]])
        signature = sign(
            files["manifest.json"], OUTSIDER, namespace=manifests.NAMESPACE_MANIFEST
        )
        files["manifest.json.sig"] = signature.encode()
        up = self.server.up(device.lower())
        for path, content in files.items():
            name = f"{manifest.session}~{path.replace('/', '~')}"
            if not (up / name).exists():
                (up / name).write_bytes(content)

    def _on_server(self) -> list[Path]:
        roots = [self.server.up(device.lower()) for device in DEVICES]
        found = [path for root in (*roots, self.server.intake) for path in root.rglob("*")]
        return sorted(
            path
            for path in found
            if path.is_file() and not path.name.endswith(".intake.json")
        )

    def _receipt_paths(self) -> list[Path]:
        return sorted(
            p for device in DEVICES for p in self.bench.receipts(device).iterdir()
        )

    # What must hold

    def check(self) -> None:
        """Raise AssertionError where one of the promises is broken."""
        for (device, session), files in self.truth.items():
            if not self.is_deleted(device, session):
                continue
            home = self.bench.archive.session(device, session)
            assert tree(home) == files, f"deleted without an equal copy: {home}"
        with self.bench.catalogue() as catalogue:
            rows = catalogue.sessions()
        for row in rows:
            known = self.truth.get((row.device, row.session))
            assert known is not None, f"a forged session was accepted: {row.session}"
            assert row.manifest_sha256 == manifests.digest(known["manifest.json"])
            lost = self.lost_since.get(row.device)
            assert lost is None or row.taken_utc < lost, "accepted from a lost box"

    def is_deleted(self, device: str, session: str) -> bool:
        """Tell whether a box keeps nothing of a session but what was said about it."""
        return is_emptied(self.disk, self.sessions(device) / session)

    def settle(self) -> None:
        """Let everything go right for some days; all of boxes in hand must be delivered."""
        for _ in range(8):
            self.wall_s += _DAY_S
            for device in DEVICES:
                self.obey(device)
                self.delete(device)
                self.send(device)
            self.take()
            self.pull()
            self.receipts()
        for device, session in self.truth:
            if device not in self.lost_since:
                assert self.is_deleted(device, session), f"not delivered: {session}"


def _with(manifest: manifests.Manifest, **fields: object) -> manifests.Manifest:
    known = {name: getattr(manifest, name) for name in manifest.__struct_fields__}
    return manifests.Manifest(**(known | fields))


def overwrite(path: Path, content: bytes) -> None:
    """Replace a file, whatever its rights are."""
    path.unlink(missing_ok=True)  # what the mover took can't be written to
    path.write_bytes(content)
