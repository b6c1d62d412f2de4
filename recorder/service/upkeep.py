"""What changes slowly and takes time to find out: health, free space, what was sent.

A thread of its own looks every few seconds; everybody else reads the newest finding.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from recorder.clock import NS_PER_S, read_host_ns
from recorder.eeg.montage import board
from recorder.errors import FieldrecError
from recorder.protocol.state import Upload
from recorder.service.health import Health, read_health
from recorder.service.place import WORST_BOARD
from recorder.service.sent import Counts, count_sessions, shape_of, upload_of
from recorder.store.space import free_minutes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from recorder.box import Box
    from recorder.service.devices import Devices
    from recorder.store.disk import Disk

_EVERY_S = 2.0
_STORE_EVERY_NS = 20 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Findings:
    """The newest; ``upload`` counts sessions, what sync does stands in its file."""

    health: Health = field(default_factory=Health)
    free_min: float = 0.0
    upload: Upload = field(default_factory=lambda: Upload(waiting=0, verified=0))


class Upkeep:
    """Looks after the slow things; `findings` may be read by any thread."""

    def __init__(
        self,
        box: Callable[[], Box],
        disk: Disk,
        devices: Devices,
        *,
        sysfs: Path,
        log: Callable[[str], None],
    ) -> None:
        self._box = box
        self._disk = disk
        self._devices = devices
        self._sysfs = sysfs
        self._log = log
        self._store = Counts()
        self._store_ns = 0
        self._store_shape: list[tuple[str, int]] = []
        self._stale = threading.Event()
        self._ending = False
        self._complaint = ""
        self.findings = Findings()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        """Look once, then go on in a thread."""
        self._look()
        self._thread.start()

    def look_again(self) -> None:
        """Count the sessions again soon: one was signed."""
        self._store_ns = 0
        self._stale.set()

    def close(self) -> None:
        """End the thread."""
        self._ending = True
        self._stale.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending:
            self._stale.wait(_EVERY_S)
            self._stale.clear()
            self._look()

    def _look(self) -> None:
        now_ns = read_host_ns()
        box = self._box()
        try:
            if not self._store_ns or now_ns - self._store_ns > _STORE_EVERY_NS:
                self._store_ns = now_ns
                self._count(box)
            free_min = self._free_minutes(box)
        except (OSError, FieldrecError) as error:
            self._complain(str(error))
            free_min = self.findings.free_min
        self.findings = Findings(
            health=read_health(self._sysfs),
            free_min=free_min,
            upload=upload_of(box, self._store, now_ns),
        )

    def _count(self, box: Box) -> None:
        """Count the sessions again, unless no folder of them was touched since."""
        shape = shape_of(box)
        if not shape or shape != self._store_shape:
            self._store = count_sessions(self._disk, box)
            self._store_shape = shape

    def _free_minutes(self, box: Box) -> float:
        now_ns = read_host_ns()
        return free_minutes(
            self._disk,
            box.sessions,
            board=self._devices.headset.look(now_ns).board or board(WORST_BOARD),
            audio=self._devices.microphone.look(now_ns).largest_format,
            deletable_bytes=self._store.deletable_bytes,
        )

    def _complain(self, text: str) -> None:
        if text != self._complaint:
            self._complaint = text
            self._log(f"the store can't be looked at: {text}")
