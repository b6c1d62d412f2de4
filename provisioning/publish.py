"""Publish fleet.json: what a box in the field shall hold from now on, signed.

It always says everything, so a box that missed some gets there with the newest one. A new
serial is spent only where something changed, and before any box sees it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from provisioning.fleet import check_lab_public
from provisioning.renew import certificate_of, present_certificate
from recorder.box import Box
from recorder.errors import ProvisionError
from recorder.files import PUBLIC, locked, write_atomic
from recorder.format.fleet import FleetServer, FleetUpdate, encode_fleet
from recorder.format.manifest import NAMESPACE_FLEET
from recorder.format.sshsig import sign
from recorder.mailbox import deliver, find_mailbox
from recorder.upload.fleet import FLEET_FILE, Renewal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from provisioning.fleet import Fleet
    from provisioning.registry import Device


@dataclass(frozen=True, slots=True)
class Publication:
    """One box's fleet.json, ready to hand out."""

    device: str
    serial: int
    content: bytes
    signature: bytes
    is_renewed: bool


@dataclass(frozen=True, slots=True)
class PlannedPublication:
    """What `publish` would hand out."""

    device: str
    serial: int
    is_renewed: bool


def plan_publications(
    fleet: Fleet, devices: Sequence[str], *, now: datetime
) -> tuple[PlannedPublication, ...]:
    """Return what ``devices``, all by default, would get; writes nothing."""
    return tuple(_plan(fleet, device, now) for device in _chosen(fleet, devices))


def publish_to_server(
    fleet: Fleet, root: Path, *, devices: Sequence[str] = (), now: datetime
) -> tuple[Publication, ...]:
    """Put fleet.json into the mailboxes in ``root`` of ``devices``, of all by default.

    Lost boxes get none. Raises ProvisionError for one that was asked for, and, when all
    others are served, for boxes without a mailbox.
    """
    with locked(fleet.root):
        published = []
        refused = []
        for device in _chosen(fleet, devices):
            try:
                mailbox = find_mailbox(root, device.id, ProvisionError)
            except ProvisionError as error:
                refused.append(error)
                continue
            publication = _publish(fleet, device, now)
            deliver(mailbox, FLEET_FILE, publication.content, publication.signature)
            published.append(publication)
    if refused:
        raise refused[0]
    return tuple(published)


def publish_to_box(fleet: Fleet, folder: Path, *, now: datetime) -> Publication:
    """Renew the box folder ``folder`` at once, as the box itself would.

    Raises RegisterError where the box does not believe this fleet or holds a newer one.
    """
    box = Box.load(folder)
    with locked(fleet.root):
        publication = _publish(fleet, _in_hand(fleet.device(box.device)), now)
    sent = {
        FLEET_FILE: publication.content,
        f"{FLEET_FILE}.sig": publication.signature,
    }
    renewal = Renewal(box)
    renewal.finish()
    renewal.take(lambda name, _: sent.get(name))
    return publication


def _chosen(fleet: Fleet, devices: Sequence[str]) -> tuple[Device, ...]:
    if devices:
        return tuple(_in_hand(fleet.device(device)) for device in devices)
    return tuple(device for device in fleet.devices() if device.lost_since is None)


def _in_hand(device: Device) -> Device:
    if device.lost_since is not None:
        raise ProvisionError(
            f"{device.id} is lost; nothing is published for it",
            hint="a box that came back is made anew: fieldrec-provision device new",
        )
    return device


def _publish(fleet: Fleet, device: Device, now: datetime) -> Publication:
    certificate, is_renewed = certificate_of(fleet, device, now=now)
    update = _compose(fleet, device, certificate)
    content = encode_fleet(update)
    path = fleet.file_of(device, ".fleet.json")
    if not path.exists() or path.read_bytes() != content:
        serial = device.fleet_serial + 1
        fleet.update(msgspec.structs.replace(device, fleet_serial=serial))
        update = msgspec.structs.replace(update, serial=serial)
        content = encode_fleet(update)
        write_atomic(path, content, mode=PUBLIC)
    signature = sign(content, fleet.fleet_key(), namespace=NAMESPACE_FLEET)
    return Publication(
        device=device.id,
        serial=update.serial,
        content=content,
        signature=signature.encode(),
        is_renewed=is_renewed,
    )


def _plan(fleet: Fleet, device: Device, now: datetime) -> PlannedPublication:
    certificate = present_certificate(fleet, device, now=now)
    update = _compose(fleet, device, certificate or "")
    path = fleet.file_of(device, ".fleet.json")
    is_same = path.exists() and path.read_bytes() == encode_fleet(update)
    serial = update.serial if is_same else device.fleet_serial + 1
    return PlannedPublication(device.id, serial, is_renewed=certificate is None)


def _compose(fleet: Fleet, device: Device, certificate: str) -> FleetUpdate:
    """Return what ``device`` shall hold, under the serial it has."""
    lab = fleet.lab_of(device)
    check_lab_public(lab)
    return FleetUpdate(
        serial=max(device.fleet_serial, 1),
        device=device.id,
        certificate=certificate,
        recipients=(lab / "recipients.txt").read_text("utf-8"),
        known_hosts="" if device.own_server else fleet.known_hosts(),
        allowed_signers=fleet.box_signers(lab),
        server=FleetServer() if device.own_server else fleet.server,
    )
