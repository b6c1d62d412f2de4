"""A lab, its fleet's registry, and a server's folder that holds sessions of made boxes.

Sessions are made by the box's own encoder and taken in as the mover does it. Key work is
done once a process; each test copies what it needs.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lab.archive import Archive
from lab.catalogue import Catalogue
from lab.identity import read_identities
from lab.init import init_lab
from lab.intake_folder import FolderPlace
from lab.judging import Judging
from lab.pull import pull
from lab.receipting import ReceiptReport, hand_out, sign_receipts
from lab.settings import Lab
from recorder.audio.source import AudioFormat
from recorder.errors import LinkError
from recorder.format import manifest as manifests
from recorder.format.sshsig import sign
from tests.session_maker import SessionMaker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lab.identity import Identity
    from lab.intake_place import Copy, Place
    from lab.joining import Step
    from lab.pull import PullReport

DEVICE = "BOX-0007Y"
OTHER = "BOX-0008W"
TAKEN = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def session_uuid(number: int) -> UUID:
    """Return the uuid of test session ``number``."""
    return UUID(f"7e57ab1e-0000-4000-8000-{number:012x}")


@cache
def _first_lab() -> Path:
    root = Path(mkdtemp(prefix="fieldrec-test-"))
    init_lab(root / "lab", recovery_out=root / "recovery.txt", post_quantum=False)
    return root


def _new_maker(
    kind: str, device: str, number: int, audio: AudioFormat | None
) -> SessionMaker:
    root = _first_lab()
    lab = Lab.load(root / "lab")
    identities = (
        read_identities(lab.identity_path)[0],
        read_identities(root / "recovery.txt")[0],
    )
    return SessionMaker(
        root / kind / device,
        identities,
        session=session_uuid(number),
        device=device,
        key=box_key(device),
        audio=audio,
    )


@cache
def _made(device: str, number: int) -> SessionMaker:
    """Return a session of two short parts, with sound; nobody changes its folder."""
    maker = _new_maker("made", device, number, AudioFormat())
    maker.write_sheet()
    maker.add_part(0.5)
    maker.add_part(0.5)
    maker.sign()
    return maker


@cache
def light_session(device: str, number: int) -> Path:
    """Return a session of one part without sound, quickly judged, not to be changed."""
    maker = _new_maker("light", device, number, None)
    maker.write_sheet()
    maker.add_part(0.5)
    maker.sign()
    return maker.folder


@cache
def box_key(device: str) -> Ed25519PrivateKey:
    """Return the signing key of a test's box."""
    del device
    return Ed25519PrivateKey.generate()


class CutPlace(FolderPlace):
    """A server's folder whose link breaks at the first session."""

    def fetch_files(self, copy: Copy, into: Path, *, sizes: Mapping[str, int]) -> None:
        if copy.session == str(session_uuid(1)):
            raise LinkError("the link was cut")
        super().fetch_files(copy, into, sizes=sizes)


def nothing(step: Step) -> None:
    """Show no progress."""
    del step


@dataclass
class IntakeBench:
    """One lab and one server's folder below ``root``."""

    root: Path

    def __post_init__(self) -> None:
        first = _first_lab()
        self.root.mkdir(exist_ok=True)
        shutil.copytree(first / "lab", self.root / "lab")
        self.recovery = self.root / "recovery.txt"
        shutil.copy(first / "recovery.txt", self.recovery)
        self.fleet = self.root / "fleet"
        self.fleet.mkdir()
        self.register(DEVICE, OTHER)
        Lab.load(self.root / "lab").remember_fleet(self.fleet)
        self.server = self.root / "server"
        (self.server / "intake").mkdir(parents=True)
        for device in (DEVICE, OTHER):
            self.receipts(device).mkdir(parents=True)
        self.archive.make()

    @property
    def lab(self) -> Lab:
        return Lab.load(self.root / "lab")

    @property
    def archive(self) -> Archive:
        return Archive(self.root / "lab")

    @property
    def place(self) -> FolderPlace:
        return FolderPlace(self.server)

    @property
    def identities(self) -> tuple[Identity, ...]:
        return read_identities(self.lab.identity_path)

    def catalogue(self) -> Catalogue:
        return Catalogue(self.archive.catalogue_path)

    def judging(self) -> Judging:
        with self.catalogue() as catalogue:
            return Judging.of(self.lab, catalogue)

    def register(self, *devices: str) -> None:
        """Make ``devices`` the fleet."""
        lines = [_made(device, 1).signers_text for device in devices]
        (self.fleet / "allowed_signers").write_text("\n".join([*lines, ""]))

    def lose(self, device: str, since: datetime) -> None:
        """Note that a box is in other hands."""
        self.lose_all({device: since})

    def lose_all(self, lost: Mapping[str, datetime]) -> None:
        """Note which boxes are in other hands, and since when."""
        entries = {
            device: {"since_utc": since.isoformat(), "serials": [7]}
            for device, since in lost.items()
        }
        content = {"version": 1, "devices": entries}
        (self.fleet / "lost.json").write_text(json.dumps(content))

    def receipts(self, device: str = DEVICE) -> Path:
        return self.server / "boxes" / device.lower() / "receipts"

    def intake(self, number: int = 1, *, device: str = DEVICE, attempt: int = 0) -> Path:
        suffix = f".attempt-{attempt}" if attempt else ""
        return self.server / "intake" / device / f"{session_uuid(number)}{suffix}"

    def take_in(
        self,
        number: int = 1,
        *,
        device: str = DEVICE,
        attempt: int = 0,
        taken: datetime = TAKEN,
        change: Callable[[Path], None] | None = None,
    ) -> Path:
        """Put a session into the server's intake, changed by ``change`` on its way."""
        folder = self.intake(number, device=device, attempt=attempt)
        folder.parent.mkdir(exist_ok=True)
        record = {"version": 1, "taken_utc": taken.isoformat().replace("+00:00", "Z")}
        folder.with_name(f"{folder.name}.intake.json").write_text(json.dumps(record))
        shutil.copytree(_made(device, number).folder, folder)
        if change is not None:
            change(folder)
        return folder

    def pull(
        self,
        *,
        place: Place | None = None,
        jobs: int = 2,
        tell: Callable[[Step], None] = nothing,
    ) -> PullReport:
        with self.catalogue() as catalogue:
            return pull(
                place or self.place,
                judging=Judging.of(self.lab, catalogue),
                catalogue=catalogue,
                jobs=jobs,
                tell=tell,
            )

    def sign_and_hand_out(self, place: Place | None = None) -> ReceiptReport:
        report = ReceiptReport()
        with self.catalogue() as catalogue:
            sign_receipts(self.lab, self.archive, catalogue, report)
            hand_out(place or self.place, catalogue, report)
        return report

    def status(self, number: int = 1, *, device: str = DEVICE) -> str:
        """Return what the catalogue says of a session; empty where it has none such."""
        with self.catalogue() as catalogue:
            row = catalogue.session(device, str(session_uuid(number)))
        return row.status if row else ""

    def causes(self) -> dict[str, str]:
        """Return why each copy is in quarantine, by its name; empty causes left out."""
        with self.catalogue() as catalogue:
            return {row.copy: row.cause for row in catalogue.attempts() if row.cause}

    def home(self, number: int = 1, *, device: str = DEVICE) -> Path:
        return self.archive.session(device, str(session_uuid(number)))


def flip(path: str, at: int = -20) -> Callable[[Path], None]:
    """Return a change that flips one bit of a file."""

    def change(folder: Path) -> None:
        content = bytearray((folder / path).read_bytes())
        content[at] ^= 1
        (folder / path).write_bytes(content)

    return change


def remove(path: str) -> Callable[[Path], None]:
    """Return a change that removes a file."""

    def change(folder: Path) -> None:
        (folder / path).unlink()

    return change


def edit(key: Ed25519PrivateKey | None = None, **fields: object) -> Callable[[Path], None]:
    """Return a change that signs the manifest anew with other ``fields``.

    Files are hashed as they lie then, so a change before this one becomes a signed one.
    """

    def change(folder: Path) -> None:
        manifest = manifests.parse((folder / "manifest.json").read_bytes())
        known = {name: getattr(manifest, name) for name in manifest.__struct_fields__}
        known["files"] = {
            path: manifests.FileEntry(
                size=len((folder / path).read_bytes()),
                sha256=manifests.digest((folder / path).read_bytes()),
            )
            for path in manifest.files
            if (folder / path).is_file()
        }
        content = manifests.encode(manifests.Manifest(**(known | fields)))
        resign(folder, content, key or box_key(DEVICE))

    return change


def resign(folder: Path, content: bytes, key: Ed25519PrivateKey) -> None:
    """Write ``content`` as the manifest, and sign it."""
    (folder / "manifest.json").write_bytes(content)
    signature = sign(content, key, namespace=manifests.NAMESPACE_MANIFEST)
    (folder / "manifest.json.sig").write_text(signature)


def both(*changes: Callable[[Path], None]) -> Callable[[Path], None]:
    """Return a change that does all of ``changes``."""

    def change(folder: Path) -> None:
        for one in changes:
            one(folder)

    return change


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file below ``folder`` by its path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
