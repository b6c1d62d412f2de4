"""Empty a box before it changes hands: sessions, clients, headsets, networks.

Refused while the lab has not verified everything: a box is the only place where an unsent
session exists. Manifests and receipts stay, so that the box's chain goes on and a session
that was destroyed is a gap that the lab sees.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from provisioning.extras import NETWORKS
from recorder.box import Box
from recorder.errors import FormatError, ProvisionError, StoreBusyError
from recorder.files import PRIVATE, sync_folder, write_atomic
from recorder.format.registers import BoxRegister, encode_register
from recorder.paired import FILE as DEVICES_FILE
from recorder.store.delete import delete_session, finish_deletions, is_emptied
from recorder.store.disk import RealDisk
from recorder.store.layout import session_name
from recorder.store.receipts import Lab, read_signed_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOCKS = ("recorder.lock", "sync.lock")
_BONDS = "bluetooth"  # beside the box folder, in BlueZ's form: one folder per adapter
_ADAPTER = re.compile(r"([0-9A-F]{2}:){5}[0-9A-F]{2}")
_VERIFIED = frozenset({"verified", "withdrawn"})


def reset_box(root: Path, *, destroy: str = "", dry_run: bool = False) -> tuple[str, ...]:
    """Empty the box in ``root``; return the sessions that are (or would be) gone.

    ``destroy`` is the box's own id where unverified sessions shall go too. Raises
    ProvisionError for those otherwise, StoreBusyError while something uses the store.
    """
    box = Box.load(root)
    if destroy and destroy.strip().upper() != box.device:
        raise ProvisionError(
            f"{destroy[:40]!r} is not this box, which is {box.device}",
            hint="read the id from the label: this can't be undone",
        )
    with _alone(box):
        disk = RealDisk()
        if not dry_run:
            finish_deletions(disk, box.sessions)
        holding, unverified = _look(box, disk)
        if unverified and not destroy:
            raise ProvisionError(
                f"{len(unverified)} session(s) were not verified by the lab:"
                f" {', '.join(sorted(unverified)[:3])}",
                hint="connect the box and wait, or fieldrec sync --once; to lose them:"
                f" --destroy-unsynced {box.device}",
            )
        if not dry_run:
            for name in holding:
                _remove(box, disk, name)
            _forget(box)
    return tuple(holding)


def _look(box: Box, disk: RealDisk) -> tuple[list[str], set[str]]:
    """Return the names of sessions that still hold something, and which are unverified."""
    lab = Lab.read(box.device, box.signers_path)
    holding: list[str] = []
    unverified: set[str] = set()
    for name in disk.names(box.sessions):
        folder = box.sessions / name
        if session_name(name) is None or is_emptied(disk, folder):
            continue
        holding.append(name)
        try:
            signed = read_signed_session(disk, folder)
        except (FormatError, OSError):
            signed = None
        receipt = None if signed is None else lab.stored(disk, signed)
        if receipt is None or receipt.status not in _VERIFIED:
            unverified.add(name)
    return holding, unverified


def _remove(box: Box, disk: RealDisk, name: str) -> None:
    folder = box.sessions / name
    try:
        is_signed = read_signed_session(disk, folder) is not None
    except (FormatError, OSError):
        is_signed = False
    if is_signed:
        delete_session(disk, folder)
        return
    shutil.rmtree(folder)  # no manifest: the chain does not know of it
    sync_folder(box.sessions)


def _forget(box: Box) -> None:
    """Forget clients, chosen devices and networks; keep the owner of the files."""
    owner = (box.root / "clients.json").stat()
    path = box.root / "clients.json"
    write_atomic(path, encode_register(BoxRegister()), mode=PRIVATE)
    os.chown(path, owner.st_uid, owner.st_gid)
    (box.root / DEVICES_FILE).unlink(missing_ok=True)
    for left in (box.root.parent / NETWORKS).glob("*.nmconnection"):
        left.unlink()
    for adapter in (box.root.parent / _BONDS).glob("*"):
        if _ADAPTER.fullmatch(adapter.name):
            shutil.rmtree(adapter)
    sync_folder(box.root)


@contextmanager
def _alone(box: Box) -> Iterator[None]:
    """Hold both locks of the store."""
    with ExitStack() as stack:
        for name in _LOCKS:
            path = box.sessions / name
            file = stack.enter_context(path.open("a"))
            owner = box.sessions.stat()
            if os.geteuid() == 0:
                os.chown(path, owner.st_uid, owner.st_gid)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreBusyError(
                    "recorder or sync uses the store",
                    hint="systemctl stop fieldrec-recorder fieldrec-sync",
                ) from None
        yield
