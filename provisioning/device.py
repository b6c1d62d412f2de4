"""Make a box: its folder, its key and certificate, and its line in the fleet's registry.

The registry learns of the box before the box appears: a box that exists is one the lab
believes. A failure on the way leaves neither.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from provisioning.extras import NO_EXTRAS, Extras, put_extras, read_extras
from provisioning.fleet import LAB_FILES, NO_HOSTS, check_lab_public
from provisioning.openssh import make_key
from provisioning.registry import Device, read_utc, toml_value
from provisioning.renew import certify_box, keep_certificate
from provisioning.server import known_hosts_text, read_host_key
from provisioning.steps import Steps
from recorder.errors import ProvisionError
from recorder.files import PRIVATE, PUBLIC, check_new, create, locked, new_folder
from recorder.format.fleet import FleetServer
from recorder.format.registers import BoxRegister, encode_register
from recorder.identifiers import device_id

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.fleet import Fleet
    from recorder.box import Locale

_BOX_FILE = """\
# This box. Written when it was provisioned; the names below "default" are yours to change.

# Its name, as on the label, and the chain its sessions are numbered in. Never change these.
device = "{device}"
chain = "{chain}"

# Language of the screen: "ru" or "en".
locale = {locale}

# What is recorded when nothing else is said. Empty: ask. See what is in reach with:
#   fieldrec devices --box BOX
[default]
headset = {headset}   # "simulated", "serial:/dev/box/eeg:CYTON_BOARD", a name below
microphone = {microphone}   # "simulated", "alsa:plughw:CARD=BoxMic", "none"

# The lab's intake server; the lab may renew this section.
[server]
host = {host}   # empty: this box sends nothing by itself
port = {port}
user = {user}   # empty: the name of this box
while_recording = false   # true: send during a session too, but only over a cable

# Names for headsets. This is how one is paired by hand:
#   muse = "ble:00:55:DA:B0:12:34:MUSE_2_BOARD"
[headsets]
"""


@dataclass(frozen=True, slots=True)
class Choices:
    """What a box begins with; it may be changed at the box. Empty devices: ask."""

    locale: Locale = "ru"
    headset: str = ""
    microphone: str = ""
    extras: Extras = NO_EXTRAS


@dataclass(frozen=True, slots=True)
class Place:
    """What a box is made for: a lab, and a server known by its ``known_hosts``.

    ``is_own_server`` tells that it is not the fleet's, so that renewals leave it alone.
    """

    lab_public: Path
    server: FleetServer
    known_hosts: str
    is_own_server: bool


CHOICES = Choices()


def make_device(
    fleet: Fleet,
    box: Path,
    *,
    lab_public: Path | None = None,
    server: FleetServer | None = None,
    host_key: Path | None = None,
    choices: Choices = CHOICES,
    steps: Steps | None = None,
) -> Device:
    """Make the box folder ``box`` and enter it into the registry of ``fleet``.

    ``lab_public`` is for a box of another lab than the fleet's. ``server`` with its
    ``host_key`` becomes the fleet's where the fleet has none, else only this box's. Raises
    ProvisionError where there is something at ``box`` already.
    """
    check_new(
        box,
        ProvisionError,
        hint="a box keeps its folder for life: choose another one, or move this one away",
    )
    check_lab_public(lab_public or fleet.lab_public)
    steps = steps or Steps(tell=lambda _: None)
    with locked(fleet.root):
        place = _place(fleet, lab_public, server, host_key)
        device: Device | None = None
        try:
            with new_folder(box, mode=0o700) as folder:
                with steps.step("making key, certificate and box folder"):
                    device = _fill(fleet, folder, place, choices)
                    keep_certificate(fleet, device, folder / "ssh_ed25519-cert.pub")
                with steps.step(f"entering {device.id} into the registry"):
                    fleet.register(device)
        except BaseException:
            if device is not None:
                fleet.forget(device)
            raise
        if place.server.host and not fleet.server.host and not place.is_own_server:
            fleet.with_server(place.server, place.known_hosts)
    return device


def read_choices(
    *,
    locale: str = "ru",
    headset: str = "",
    microphone: str = "",
    wifi: Path | None = None,
    timezone: str = "",
) -> Choices:
    """Return what was chosen; ProvisionError for what a box can't take."""
    if locale not in ("ru", "en"):
        raise ProvisionError(
            f"language {locale[:40]!r} is neither ru nor en", hint="give --locale ru or en"
        )
    return Choices(
        locale="ru" if locale == "ru" else "en",
        headset=headset,
        microphone=microphone,
        extras=read_extras(wifi=wifi, timezone=timezone),
    )


def has_pool(box: Path) -> bool:
    """Tell whether the box folder ``box`` has client codes from the lab already."""
    return (box / "lab" / "clients.json").is_file()


def plan_device(fleet: Fleet, box: Path, *, lab_public: Path | None = None) -> str:
    """Check what `make_device` checks first; return what it would do."""
    check_new(box, ProvisionError, hint="choose another folder")
    check_lab_public(lab_public or fleet.lab_public)
    return f"would make {device_id(fleet.next_number())} in {box}"


def _place(
    fleet: Fleet, lab: Path | None, server: FleetServer | None, host_key: Path | None
) -> Place:
    if (server is None) != (host_key is None):
        raise ProvisionError(
            "a server needs its host key, and a host key its server",
            hint="give both: --server HOST[:PORT] --host-key FILE",
        )
    is_other_lab = lab is not None and lab.resolve() != fleet.lab_public.resolve()
    lab_public = lab.resolve() if lab is not None else fleet.lab_public
    if server is not None and host_key is not None:
        is_own = is_other_lab or fleet.server not in (server, FleetServer())
        known_hosts = known_hosts_text(server, [read_host_key(host_key)])
        if not is_own and fleet.server.host:
            known_hosts = _fleet_hosts(fleet, host_key)
        return Place(lab_public, server, known_hosts, is_own)
    if is_other_lab:  # the fleet's server is not that lab's
        return Place(lab_public, FleetServer(), NO_HOSTS, is_own_server=True)
    hosts = (fleet.public / "known_hosts").read_text("utf-8")
    return Place(lab_public, fleet.server, hosts, is_own_server=False)


def _fleet_hosts(fleet: Fleet, host_key: Path) -> str:
    """Return the fleet's known_hosts, which must know ``host_key``."""
    known = fleet.known_hosts()
    if read_host_key(host_key).line not in known:
        raise ProvisionError(
            f"{host_key} is not a host key this fleet knows of its server",
            hint="if the server has a new one: fieldrec-provision server",
        )
    return known


def _fill(fleet: Fleet, folder: Path, place: Place, choices: Choices) -> Device:
    number = fleet.next_number()
    name = device_id(number)
    key = folder / "ssh_ed25519"
    make_key(key, comment=name)
    device = Device(
        id=name,
        number=number,
        chain=str(uuid4()),
        public_key=key.with_suffix(".pub").read_text("ascii").strip(),
        made=read_utc(),
        lab="" if place.lab_public == fleet.lab_public else str(place.lab_public),
        own_server=place.is_own_server,
    )
    certify_box(fleet, key, name=device.name, serial=number)
    text = _BOX_FILE.format(
        device=name,
        chain=device.chain,
        locale=toml_value(choices.locale),
        headset=toml_value(choices.headset),
        microphone=toml_value(choices.microphone),
        host=toml_value(place.server.host),
        port=place.server.port,
        user=toml_value(place.server.user),
    )
    create(folder / "box.toml", text.encode(), mode=PUBLIC)
    create(folder / "clients.json", encode_register(BoxRegister()), mode=PRIVATE)
    (folder / "sessions").mkdir(mode=0o700)
    _fill_lab(fleet, folder / "lab", place)
    put_extras(choices.extras, folder)
    return device


def _fill_lab(fleet: Fleet, folder: Path, place: Place) -> None:
    folder.mkdir(mode=0o700)
    for name in LAB_FILES:
        shutil.copyfile(place.lab_public / name, folder / name)
    signers = fleet.box_signers(place.lab_public)
    (folder / "allowed_signers").write_text(signers, "utf-8")
    create(folder / "known_hosts", place.known_hosts.encode(), mode=PUBLIC)
