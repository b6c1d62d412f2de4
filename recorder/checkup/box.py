"""The box folder's keys and papers, the box's disk and clock."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING

from recorder.checkup.check import Check, failed, warned
from recorder.clients import Clients
from recorder.clock import NS_PER_S, read_host_clock, read_host_ns
from recorder.errors import FieldrecError
from recorder.papers import load_codebook, load_study
from recorder.session import PLANNED_MIN
from recorder.upload.certificates import check_own, read_own

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from recorder.box import Box
    from recorder.store.disk import Disk

_EXPIRES_SOON_S = 30 * 86400
_EARLIEST_YEAR = 2025  # before the program was written the clock can't be right
_TIME_ERROR = 5  # adjtimex(2): wall time is not synchronised
_WRITES = 20
_WRITE_BYTES = 1 << 16
_SLOW_S = 0.1
_TOO_SLOW_S = 0.3  # then "at most a second is lost" no longer holds
_HOUR_MIN = 60


def check_papers(box: Box) -> list[Check]:
    """Look at what the lab gave the box."""
    return [
        _asked("register of clients", lambda: _count_clients(box)),
        _asked("codebook", lambda: f"version {load_codebook(box).version}"),
        _asked("study", lambda: load_study(box).name),
        _certificate(box),
    ]


def check_space(free_min: float) -> Check:
    """Judge the room in the store."""
    text = f"room for {free_min / _HOUR_MIN:.0f} hours ({free_min:.0f} minutes)"
    if free_min < PLANNED_MIN:
        hint = "connect the box to the internet so that it can send and delete sessions"
        return Check("space", "fail", text, hint)
    if free_min < 3 * PLANNED_MIN:
        return Check("space", "warn", text, "let the box send what waits")
    return Check("space", "pass", text)


def check_speed(box: Box, disk: Disk) -> Check:
    """Write as a tick does, and see how long the medium takes."""
    path = box.sessions / f".doctor-{os.getpid()}"
    try:
        seconds = sorted(_time_writes(path, disk))
    except OSError as error:
        return Check(
            "disk", "fail", f"writing failed: {error.strerror}", "look at the disk"
        )
    typical_ms, worst_ms = 1000 * median(seconds), 1000 * seconds[-1]
    text = f"64 KiB are saved in {typical_ms:.0f} ms, {worst_ms:.0f} at worst"
    if median(seconds) > _TOO_SLOW_S:
        return Check("disk", "fail", text, "the card is too slow or worn: replace it")
    if seconds[-1] > _TOO_SLOW_S or median(seconds) > _SLOW_S:
        return Check("disk", "warn", text, "use a faster card (class A2)")
    return Check("disk", "pass", text)


def check_clock() -> Check:
    """Judge wall time: it only labels, but labels should be right."""
    reading = read_host_clock()
    now = datetime.fromtimestamp(reading.wall_ns / NS_PER_S, UTC)
    text = now.strftime("%Y-%m-%d %H:%M UTC")
    if now.year < _EARLIEST_YEAR:
        return Check("clock", "fail", text, "connect the box to the internet once")
    if reading.sync_state >= _TIME_ERROR:
        hint = "recording is not harmed; online it sets itself"
        return Check("clock", "warn", f"{text}, not synchronised", hint)
    if reading.sync_state < 0:
        return Check("clock", "warn", f"{text}, nobody knows whether it is right")
    return Check("clock", "pass", text)


def _asked(what: str, ask: Callable[[], str]) -> Check:
    try:
        return Check(what, "pass", ask())
    except FieldrecError as error:
        return failed(what, error)


def _count_clients(box: Box) -> str:
    listed, pool = Clients.of(box).listed()
    return f"{len(listed)} client(s), {len(pool)} unused code(s)"


def _certificate(box: Box) -> Check:
    if box.server is None:
        return Check("certificate", "warn", "the box knows no server: it sends nothing")
    try:
        certificate = read_own(box.certificate_path)
        check_own(certificate, box.signing_key(), box.device.lower())
    except FieldrecError as error:
        return warned("certificate", error)
    text = f"valid {certificate.validity()}"
    wall_s = read_host_clock().wall_ns // NS_PER_S
    if certificate.is_valid(wall_s) and certificate.is_valid(wall_s + _EXPIRES_SOON_S):
        return Check("certificate", "pass", text)
    hint = "have it renewed: fieldrec-provision publish; recording is not harmed"
    return Check("certificate", "warn", text, hint)


def _time_writes(path: Path, disk: Disk) -> list[float]:
    file = disk.create(path)
    seconds = []
    try:
        for number in range(_WRITES):
            began_ns = read_host_ns()
            file.write_at(number * _WRITE_BYTES, os.urandom(_WRITE_BYTES))
            file.datasync()
            seconds.append((read_host_ns() - began_ns) / NS_PER_S)
    finally:
        file.close()
        disk.remove_file(path)
    return seconds
