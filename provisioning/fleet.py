"""The fleet: every box a technician ever made, and the authority that certifies them.

FLEET/ca holds the key that signs the boxes' certificates and the one that signs what is
sent to boxes; it goes nowhere. FLEET/devices has the files of every box; FLEET/public is
made from them for the lab and its server. A box's number is used once, also when the box
is gone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from provisioning.openssh import make_key, make_revocation_list
from provisioning.registry import Device, read_toml, toml_value, utc_text
from recorder.errors import KeyFileError, ProvisionError
from recorder.files import (
    PUBLIC,
    check_new,
    create,
    new_folder,
    read_private,
    sync_folder,
    write_atomic,
)
from recorder.format.age import check_recipients, parse_recipients
from recorder.format.codebook import parse_codebook
from recorder.format.fleet import FLEET_PRINCIPAL, FleetServer
from recorder.format.manifest import NAMESPACE_FLEET, NAMESPACE_MANIFEST, NAMESPACE_UPDATE
from recorder.format.signers import AllowedSigners, allowed_signers_line
from recorder.format.sshsig import load_private_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

LAB_FILES = ("recipients.txt", "allowed_signers", "codebook.toml", "study.toml")
_SIGNERS_HEAD = (
    "# Who signs manifests: the boxes of this fleet. Made by fieldrec-provision.\n"
)
NO_HOSTS = """\
# Host keys of the lab's intake server, as in ssh's known_hosts; every box gets a copy.
# Written by: fieldrec-provision server
"""


class _FleetFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    lab: str
    server: FleetServer = FleetServer()


@dataclass(frozen=True, slots=True)
class Fleet:
    """A fleet's folder; ``lab_public`` is the folder its lab handed over.

    A ``server`` without a host is none: boxes send nothing by themselves.
    """

    root: Path
    lab_public: Path
    server: FleetServer = field(default_factory=FleetServer)

    @classmethod
    def load(cls, root: Path) -> Fleet:
        """Return the fleet in ``root``; ProvisionError where there is none."""
        path = root / "fleet.toml"
        hint = "make one with: fieldrec-provision init FLEET --lab LAB/public"
        if not path.is_file():
            raise ProvisionError(f"{root} is no fleet's folder: no fleet.toml", hint=hint)
        settings = read_toml(path, _FleetFile)
        return cls(root=root, lab_public=Path(settings.lab), server=settings.server)

    @property
    def authority_path(self) -> Path:
        """The private key that signs certificates."""
        return self.root / "ca" / "user_ca"

    @property
    def fleet_key_path(self) -> Path:
        """The private key that signs what is sent to boxes (fleet.json)."""
        return self.root / "ca" / "fleet_key"

    @property
    def public(self) -> Path:
        """The folder the lab and its server get: allowed_signers, krl, lost.json."""
        return self.root / "public"

    def fleet_key(self) -> Ed25519PrivateKey:
        """Read the key that signs fleet.json; KeyFileError where that isn't safe."""
        content = read_private(self.fleet_key_path)
        try:
            return load_private_key(content)
        except KeyFileError as error:
            message = f"{self.fleet_key_path}: {error.message}"
            raise KeyFileError(message, hint=error.hint) from error

    def devices(self) -> tuple[Device, ...]:
        """Return every box of the registry, by number."""
        paths = (self.root / "devices").glob("*.toml")
        devices = [read_toml(path, Device) for path in paths]
        _check_unique(devices)
        return tuple(sorted(devices, key=lambda device: device.number))

    def device(self, text: str) -> Device:
        """Return the box with the id ``text``; ProvisionError where there is none."""
        for device in self.devices():
            if device.id == text.strip().upper():
                return device
        raise ProvisionError(
            f"{text[:40]!r} is no box of this fleet",
            hint="see them all with: fieldrec-provision device list --fleet FLEET",
        )

    def next_number(self) -> int:
        """Return a box number that was never used."""
        return max((device.number for device in self.devices()), default=0) + 1

    def register(self, device: Device) -> None:
        """Enter ``device``; from now on the lab accepts what it signs."""
        create(self.file_of(device, ".toml"), device.to_toml(), mode=PUBLIC)
        self._write_signers()

    def update(self, device: Device) -> None:
        """Replace what the registry says of ``device``; the caller holds the lock."""
        write_atomic(self.file_of(device, ".toml"), device.to_toml(), mode=PUBLIC)

    def forget(self, device: Device) -> None:
        """Undo `register` for a box that was never finished."""
        for end in (".toml", "-cert.pub"):
            self.file_of(device, end).unlink(missing_ok=True)
        sync_folder(self.root / "devices")
        self._write_signers()

    def file_of(self, device: Device, end: str) -> Path:
        """Return the registry's file of ``device`` with the ending ``end``."""
        return self.root / "devices" / f"{device.id}{end}"

    def lab_of(self, device: Device) -> Path:
        """Return the public folder of the lab that ``device`` works for."""
        return Path(device.lab) if device.lab else self.lab_public

    def box_signers(self, lab_public: Path) -> str:
        """Return whom a box of the lab ``lab_public`` believes: that lab, and the fleet."""
        lab = (lab_public / "allowed_signers").read_text("utf-8")
        return f"{lab.rstrip()}\n" + (self.public / "fleet_signers").read_text("utf-8")

    def known_hosts(self) -> str:
        """Return the server's host keys as known_hosts; "" where none is listed."""
        text = (self.public / "known_hosts").read_text("utf-8")
        lines = (line.strip() for line in text.splitlines())
        return text if any(line and not line.startswith("#") for line in lines) else ""

    def with_server(self, server: FleetServer, known_hosts: str) -> Fleet:
        """Remember ``server``; the caller holds the lock."""
        changed = replace(self, server=server)
        write_atomic(self.public / "known_hosts", known_hosts.encode(), mode=PUBLIC)
        write_atomic(self.root / "fleet.toml", _fleet_text(changed), mode=PUBLIC)
        return changed

    def write_lost(self) -> None:
        """Write lost.json: since when which box is lost, for the lab."""
        lost = {
            device.id: {
                "since_utc": utc_text(device.lost_since),
                "serials": [device.number],
            }
            for device in self.devices()
            if device.lost_since is not None
        }
        content = json.dumps({"devices": lost}, indent=1, sort_keys=True) + "\n"
        write_atomic(self.public / "lost.json", content.encode(), mode=PUBLIC)

    def _write_signers(self) -> None:
        text = _SIGNERS_HEAD
        for device in self.devices():
            line = allowed_signers_line(
                device.id,
                device.public_key,
                namespaces=[NAMESPACE_MANIFEST],
                valid_after=device.made,
            )
            text += f"{line}\n"
        write_atomic(self.public / "allowed_signers", text.encode(), mode=PUBLIC)


def _check_unique(devices: Sequence[Device]) -> None:
    """Raise ProvisionError where the registry has a box twice, as a bad merge leaves it."""
    for what in ("id", "number", "public_key"):
        values = [getattr(device, what) for device in devices]
        for device, value in zip(devices, values, strict=True):
            if values.count(value) > 1:
                raise ProvisionError(
                    f"{what} of {device.id} is in the registry {values.count(value)} times",
                    hint="FLEET/devices has a copy of its file: remove the wrong one",
                )


def plan_fleet(root: Path, *, lab_public: Path) -> str:
    """Check what `init_fleet` checks first; return what it would do."""
    check_new(root, ProvisionError, hint="name a new folder for the fleet")
    check_lab_public(lab_public)
    return f"would make a fleet in {root} for the lab of {lab_public}"


def init_fleet(root: Path, *, lab_public: Path) -> Fleet:
    """Make the fleet's folder ``root`` for the lab whose public folder is given."""
    plan_fleet(root, lab_public=lab_public)
    with new_folder(root, mode=0o755) as folder:
        fleet = Fleet(root=folder, lab_public=lab_public.resolve())
        for name, mode in (("ca", 0o700), ("devices", 0o755), ("public", 0o755)):
            (folder / name).mkdir(mode=mode)
        make_key(fleet.authority_path, comment="fieldrec user CA")
        make_key(fleet.fleet_key_path, comment="fieldrec fleet")
        # sshd refuses everybody where the list it was told to use is missing.
        make_revocation_list(fleet.public / "krl")
        for name, text in {
            "user_ca.pub": fleet.authority_path.with_suffix(".pub").read_text("ascii"),
            "fleet_signers": _fleet_signers(fleet),
            "known_hosts": NO_HOSTS,
            "allowed_signers": _SIGNERS_HEAD,
        }.items():
            create(fleet.public / name, text.encode(), mode=PUBLIC)
        fleet.write_lost()
        create(folder / "fleet.toml", _fleet_text(fleet), mode=PUBLIC)
    return replace(fleet, root=root)


def check_lab_public(folder: Path) -> None:
    """Raise unless ``folder`` is a LAB/public whose recipients a box may seal for."""
    for name in LAB_FILES:
        if not (folder / name).is_file():
            raise ProvisionError(
                f"{folder} is no lab's public folder: no {name}",
                hint="get LAB/public from the lab; it is made by: fieldrec-lab init",
            )
    try:
        check_recipients(parse_recipients((folder / "recipients.txt").read_text("utf-8")))
        signers = AllowedSigners.parse((folder / "allowed_signers").read_text("utf-8"))
        codebook = folder / "codebook.toml"
        parse_codebook(codebook.read_text("utf-8"), place=str(codebook))
    except UnicodeDecodeError as error:
        raise ProvisionError(
            f"a file in {folder} is not UTF-8 text",
            hint="get LAB/public from the lab again",
        ) from error
    if not signers.signers:
        raise ProvisionError(
            f"{folder / 'allowed_signers'} names no key of the lab",
            hint="get LAB/public from the lab again",
        )


def _fleet_signers(fleet: Fleet) -> str:
    line = allowed_signers_line(
        FLEET_PRINCIPAL,
        fleet.fleet_key_path.with_suffix(".pub").read_text("ascii"),
        namespaces=[NAMESPACE_FLEET, NAMESPACE_UPDATE],
    )
    return f"# Who renews boxes in the field: the technicians of this fleet.\n{line}\n"


def _fleet_text(fleet: Fleet) -> bytes:
    server = fleet.server
    text = (
        "# The fleet. lab: the public folder of the lab that its boxes work for.\n"
        f"lab = {toml_value(str(fleet.lab_public))}\n"
    )
    if server.host:
        text += (
            "\n# The lab's intake server. Written by: fieldrec-provision server\n"
            "[server]\n"
            f"host = {toml_value(server.host)}\n"
            f"port = {server.port}\n"
            f'user = {toml_value(server.user)}  # "": each box under its own name\n'
        )
    return text.encode()
