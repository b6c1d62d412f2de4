"""Everything that fieldrec doctor looks at, in the order in which one would repair it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recorder.audio.source import AudioFormat
from recorder.box import Box
from recorder.checkup.box import check_clock, check_papers, check_space, check_speed
from recorder.checkup.check import Check, failed
from recorder.checkup.running import (
    ask_recorder,
    check_chosen,
    check_health,
    check_recorder,
    check_sync,
)
from recorder.clock import read_host_ns
from recorder.eeg.montage import board
from recorder.errors import FieldrecError, ServiceError, StoreError
from recorder.service.health import read_health
from recorder.service.place import WORST_BOARD
from recorder.service.sent import count_sessions, upload_of
from recorder.store.disk import RealDisk
from recorder.store.space import free_minutes

if TYPE_CHECKING:
    from pathlib import Path

    from recorder.protocol.state import State


def examine(root: Path, socket: Path, sysfs: Path) -> list[Check]:
    """Look at the box in ``root`` and at the recorder at ``socket``. Changes nothing."""
    try:
        box = Box.load(root)
    except FieldrecError as error:
        return [failed("box", error)]
    checks = [Check("box", "pass", f"{box.device}, seals for {len(box.recipients)} keys")]
    checks += check_papers(box)
    answer = ask_recorder(socket)
    checks += check_recorder(answer)
    if isinstance(answer, ServiceError):
        checks += check_chosen(box)
    checks += _check_store(box, answer)
    return [*checks, check_clock(), check_health(read_health(sysfs))]


def _check_store(box: Box, answer: State | ServiceError) -> list[Check]:
    disk = RealDisk()
    try:
        counts = count_sessions(disk, box)
        free_min = free_minutes(
            disk,
            box.sessions,
            board=board(WORST_BOARD),
            audio=AudioFormat(n_channels=2),
            deletable_bytes=counts.deletable_bytes,
        )
    except OSError as error:
        return [failed("store", StoreError(f"it can't be read: {error.strerror}"))]
    except FieldrecError as error:
        return [failed("store", error)]
    checks = [check_space(free_min)]
    if isinstance(answer, ServiceError) or answer.phase in ("home", "fit"):
        checks.append(check_speed(box, disk))  # never beside a recording
    return [*checks, check_sync(box, upload_of(box, counts, read_host_ns()))]
