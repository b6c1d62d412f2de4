"""Updates: a signed system for the slot that does not run, tried out before it stays.

A bundle is a folder with root.squashfs, its description and a signature by the fleet's key
over the description, which holds the hash. The slot that works is never written to.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from provisioning.flash.write import load_image
from provisioning.image.build import ROOT, sha256
from provisioning.image.layout import SECTOR_BYTES, is_ours, plan_layout
from provisioning.slots import other, read_slots, start_trial
from recorder.errors import FormatError, ProvisionError, ServiceError
from recorder.files import PUBLIC, check_new, create, new_folder
from recorder.format.fleet import FLEET_PRINCIPAL
from recorder.format.manifest import NAMESPACE_UPDATE
from recorder.format.signers import AllowedSigners
from recorder.format.sshsig import sign, verify
from recorder.protocol import calls
from recorder.protocol.client import RecorderClient

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.fleet import Fleet
    from provisioning.slots import Slot
    from provisioning.steps import Steps
    from provisioning.trial import Running

DESCRIPTION = "update.json"
_CHUNK_BYTES = 1 << 20


class Update(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a bundle brings; ``kernel`` must be the one on the card, which stays."""

    version: Literal[1]
    fieldrec: str
    arch: str
    kernel: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Applied:
    """The slot that is tried at the next start."""

    slot: Slot
    update: Update


@dataclass(frozen=True, slots=True)
class Machine:
    """What an update must fit: ``amd64`` or ``arm64``, and the kernel that runs."""

    arch: str
    kernel: str


def describe_bundle(image: Path, out: Path) -> Update:
    """Return what the bundle of ``image`` says; ProvisionError where it can't be made."""
    check_new(out, ProvisionError, hint="name a new folder for the update")
    described = load_image(image)
    root = described.files[ROOT]
    return Update(
        version=1,
        fieldrec=described.fieldrec,
        arch=described.arch,
        kernel=described.kernel,
        size=root.size,
        sha256=root.sha256,
    )


def make_bundle(fleet: Fleet, image: Path, out: Path) -> Update:
    """Write the system of the image in ``image`` as a signed bundle to ``out``."""
    update = describe_bundle(image, out)
    content = msgspec.json.encode(update, order="sorted") + b"\n"
    signature = sign(content, fleet.fleet_key(), namespace=NAMESPACE_UPDATE)
    with new_folder(out, mode=0o755) as folder:
        create(folder / DESCRIPTION, content, mode=PUBLIC)
        create(folder / f"{DESCRIPTION}.sig", signature.encode(), mode=PUBLIC)
        shutil.copyfile(image / ROOT, folder / ROOT)
    return update


def read_bundle(bundle: Path, signers: Path) -> Update:
    """Return what ``bundle`` brings; ProvisionError unless the fleet signed it."""
    try:
        content = (bundle / DESCRIPTION).read_bytes()
        signature = (bundle / f"{DESCRIPTION}.sig").read_text("ascii")
        known = AllowedSigners.parse(signers.read_text("utf-8"))
        verify(
            content,
            signature,
            namespace=NAMESPACE_UPDATE,
            principal=FLEET_PRINCIPAL,
            signers=known,
        )
        return msgspec.json.decode(content, type=Update)
    except OSError as error:
        raise ProvisionError(
            f"{error.filename}: {error.strerror}",
            hint="name the folder that fieldrec-provision bundle made",
        ) from error
    except (FormatError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProvisionError(
            f"update {bundle} is not this fleet's: {error}",
            hint="get it from the technician",
        ) from error


def check_bundle(
    bundle: Path, running: Running, *, signers: Path, machine: Machine
) -> Applied:
    """Return what would be tried in which slot; ProvisionError where that can't be."""
    update = read_bundle(bundle, signers)
    _check_fits(update, machine)
    record = read_slots(running.disk)
    if record.trying is not None:
        raise ProvisionError(
            f"slot {record.trying} is on trial already", hint="start the box again first"
        )
    slot = other(running.slot)
    if slot == record.good:
        raise ProvisionError(
            f"slot {slot} is the good one and slot {running.slot} only stood in for it",
            hint="start the box again; if this stays, flash the card anew",
        )
    _check_system(bundle / ROOT, _partition(running.disk, slot), update)
    return Applied(slot, update)


def apply_bundle(
    bundle: Path, running: Running, *, signers: Path, machine: Machine, steps: Steps
) -> Applied:
    """Write ``bundle`` into the slot that does not run and have it tried.

    A power cut at any moment leaves the running slot as the one that starts.
    """
    with steps.step("checking the update"):  # until here the slot keeps what it has
        planned = check_bundle(bundle, running, signers=signers, machine=machine)
    partition = _partition(running.disk, planned.slot)
    with steps.step(f"writing slot {planned.slot}"):
        _write(bundle / ROOT, running.disk, partition)
    with steps.step("reading back"):
        _verify(running.disk, partition, planned.update)
    start_trial(running.disk, planned.slot)
    return planned


def check_idle(socket: Path) -> None:
    """Raise ProvisionError while a session is under way; no recorder at all is fine."""
    try:
        with RecorderClient(socket, patience_s=10) as recorder:
            recorder.do(calls.Subscribe())
            phase = recorder.next_news().phase
    except ServiceError:
        return
    if phase != "home":
        raise ProvisionError(
            f"a session is under way ({phase})", hint="update when it is finished"
        )


def _check_fits(update: Update, machine: Machine) -> None:
    if update.arch != machine.arch:
        raise ProvisionError(
            f"the update is for {update.arch}, this box is {machine.arch}",
            hint="make one: fieldrec-provision image --arch, then bundle",
        )
    if update.kernel != machine.kernel:
        raise ProvisionError(
            f"the update wants kernel {update.kernel}, the card has {machine.kernel}",
            hint="a new kernel comes with a new card: fieldrec-provision flash",
        )


def _partition(disk: Path, slot: Slot) -> tuple[int, int]:
    descriptor = os.open(disk, os.O_RDONLY | os.O_CLOEXEC)
    try:
        first = os.read(descriptor, SECTOR_BYTES)
        size_bytes = os.lseek(descriptor, 0, os.SEEK_END)
    finally:
        os.close(descriptor)
    if not is_ours(first):
        raise ProvisionError(
            f"{disk} is no box's card", hint="flash it: fieldrec-provision flash"
        )
    part = plan_layout(size_bytes).root(slot)
    return part.start_bytes, part.size_bytes


def _check_system(source: Path, partition: tuple[int, int], update: Update) -> None:
    room = partition[1]
    if update.size > room or source.stat().st_size != update.size:
        raise ProvisionError(
            f"{source} has {source.stat().st_size} bytes; signed are {update.size},"
            f" a slot holds {room}",
            hint="copy the update again",
        )
    if sha256(source) != update.sha256:
        raise ProvisionError(
            f"{source} is not what was signed", hint="copy the update again"
        )


def _write(source: Path, disk: Path, partition: tuple[int, int]) -> None:
    start, room = partition
    descriptor = os.open(disk, os.O_WRONLY | os.O_CLOEXEC)
    try:
        with source.open("rb") as file:
            position = start
            while chunk := file.read(_CHUNK_BYTES):
                os.pwrite(descriptor, chunk, position)
                position += len(chunk)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, start, room, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def _verify(disk: Path, partition: tuple[int, int], update: Update) -> None:
    digest = hashlib.sha256()
    descriptor = os.open(disk, os.O_RDONLY | os.O_CLOEXEC)
    try:
        position, end = partition[0], partition[0] + update.size
        while position < end:
            chunk = os.pread(descriptor, min(_CHUNK_BYTES, end - position), position)
            if not chunk:
                break
            digest.update(chunk)
            position += len(chunk)
    finally:
        os.close(descriptor)
    if digest.hexdigest() != update.sha256:
        raise ProvisionError(
            "the slot does not hold what was signed; it is not tried",
            hint="once more; if this stays, the card is bad: use another one",
        )
