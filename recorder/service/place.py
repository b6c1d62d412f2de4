"""The box folder and its store, held by the service as long as it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from recorder.box import Box
from recorder.clients import Clients
from recorder.clock import read_host_ns
from recorder.eeg.montage import board
from recorder.errors import FieldrecError, StoreError
from recorder.session import PLANNED_MIN
from recorder.store.disk import RealDisk
from recorder.store.sessions import Sessions
from recorder.store.signing import Signer
from recorder.store.space import check_fits, free_minutes
from recorder.upload.room import make_room

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from recorder.service.devices import Devices
    from recorder.store.disk import Disk

WORST_BOARD = "CYTON_DAISY_BOARD"  # 16 channels: until the headset is known


class Place:
    """Holds ``recorder.lock``. Owned by the engine's thread, apart from ``box``."""

    def __init__(
        self, root: Path, *, log: Callable[[str], None], disk: Disk | None = None
    ) -> None:
        self.log = log
        self.disk: Disk = disk or RealDisk()
        self.box = Box.load(root)
        self.sessions = Sessions(
            self.box.sessions, disk=self.disk, signer=_signer(self.box)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sessions.close()

    @property
    def clients(self) -> Clients:
        """The registers of clients."""
        return Clients.of(self.box)

    def reload(self) -> Box:
        """Read the box folder again: a renewal may have changed it. Raises BoxError."""
        self.box = Box.load(self.box.root)
        self.sessions.seal_as(_signer(self.box))
        return self.box

    def put_right(self) -> None:
        """Sign what crashed, finish what was decided, make the journals ready."""
        try:
            found = self.sessions.scan()
        except OSError as error:
            raise StoreError(f"the store can't be read: {error.strerror}") from error
        for session in found.crashed:
            self.log(f"session {session} was cut off; what was saved is signed now")
        for session, why in found.refused:
            self.log(f"session {session} can't be signed: {why}; send the box to the lab")
        try:
            self.sessions.journals.prepare()
        except OSError as error:
            self.log(f"the journals can't be made ready: {error.strerror}")

    def check_space(self, devices: Devices) -> None:
        """Raise StoreSpaceError where a session would not fit."""
        now_ns = read_host_ns()
        free_min = free_minutes(
            self.disk,
            self.box.sessions,
            board=devices.headset.look(now_ns).board or board(WORST_BOARD),
            audio=devices.microphone.look(now_ns).largest_format,
        )
        check_fits(free_min, PLANNED_MIN)

    def make_room(self) -> None:
        """Delete what the lab has verified, where space is needed."""
        try:
            gone = make_room(self.box, self.disk)
        except (OSError, FieldrecError) as error:
            self.log(f"verified sessions could not be deleted: {error}")
        else:
            if gone:
                self.log(f"{gone} session(s) that the lab has were deleted to make room")


def _signer(box: Box) -> Signer:
    return Signer(box.device, box.chain, box.signing_key(), box.recipients)
