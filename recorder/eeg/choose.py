"""From what the user calls a headset to a source of its samples.

``simulated | synthetic | playback:FILE:BOARD | serial:PATH:BOARD | ble:ADDRESS:BOARD``,
with BOARD as BrainFlow names it, e.g. CYTON_BOARD.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from recorder.eeg.messages import Task
from recorder.eeg.montage import board
from recorder.eeg.simulated import SimulatedSource
from recorder.eeg.supervised import SupervisedSource
from recorder.errors import HeadsetError, PlaybackFileError, UnknownHeadsetError

if TYPE_CHECKING:
    from recorder.eeg.montage import Board
    from recorder.eeg.source import EegSource
    from recorder.simulation import SimulationOptions, Truth

_FORMS = "simulated, synthetic, playback:FILE:BOARD, serial:PATH:BOARD or ble:ADDRESS:BOARD"
_BLUETOOTH_ADDRESS = re.compile(r"([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}")
_LINKS = {"serial": {"serial", "dongle", "spi"}, "ble": {"ble", "bluetooth"}}


def open_headset(spec: str, *, options: SimulationOptions, truth: Truth) -> EegSource:
    """Return the headset that ``spec`` means, not yet started.

    Raises UnknownHeadsetError, PlaybackFileError or HeadsetError where it can't be used.
    """
    if spec == "simulated":
        return SimulatedSource(options, truth)
    if spec == "synthetic":
        facts = board("SYNTHETIC_BOARD")
        return SupervisedSource(facts, Task(facts.name), simulated=True)
    kind, where, facts = _parse(spec)
    if kind == "playback":
        _check_playback_file(Path(where))
        return SupervisedSource(facts, Task(facts.name, file=where), simulated=True)
    return SupervisedSource(facts, _device_task(kind, where, facts))


def check_headset(spec: str) -> None:
    """Refuse what can be no headset, in reach or not. Raises UnknownHeadsetError."""
    if spec not in ("simulated", "synthetic"):
        kind, _, facts = _parse(spec)
        _check_link(kind, facts)


def _parse(spec: str) -> tuple[str, str, Board]:
    """Split ``KIND:WHERE:BOARD``; WHERE may hold colons."""
    kind, _, rest = spec.partition(":")
    where, _, name = rest.rpartition(":")
    if kind not in {"playback", "serial", "ble"} or not where or not name:
        raise UnknownHeadsetError(f"headset {spec!r} is unknown", hint=f"use {_FORMS}")
    facts = board(name)
    if facts.link == "none" and kind != "playback":
        raise UnknownHeadsetError(
            f"headset {spec!r}: {facts.name} has no address", hint=f"use {_FORMS}"
        )
    if facts.name == "simulated":
        raise UnknownHeadsetError(f"headset {spec!r} is unknown", hint="use simulated")
    return kind, where, facts


def _check_playback_file(file: Path) -> None:
    """Refuse what isn't a readable file; whether its rows fit, the board's process says."""
    try:
        # Neither a pipe nor a device: either could keep us waiting for ever.
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            is_plain = stat.S_ISREG(os.fstat(descriptor).st_mode)
            empty = is_plain and not stream.read(1)
    except OSError as error:
        raise PlaybackFileError(
            f"playback file {file} can't be read: {error.strerror}"
        ) from error
    if not is_plain:
        raise PlaybackFileError(f"playback file {file} is no plain file")
    if empty:
        raise PlaybackFileError(f"playback file {file} is empty")


def _device_task(kind: str, where: str, facts: Board) -> Task:
    _check_link(kind, facts)
    if kind == "serial":
        _check_port(Path(where))
        return Task(facts.name, serial_port=where)
    if facts.name == "UNICORN_BOARD":  # its maker's library knows serial numbers only
        return Task(facts.name, serial_number=where)
    if not _BLUETOOTH_ADDRESS.fullmatch(where):
        raise UnknownHeadsetError(
            f"Bluetooth address {where!r} is malformed", hint="use AA:BB:CC:DD:EE:FF"
        )
    # BlueZ writes addresses in capitals and BrainFlow compares letters.
    return Task(facts.name, mac_address=where.upper())


def _check_link(kind: str, facts: Board) -> None:
    if kind in _LINKS and facts.link not in _LINKS[kind]:
        fitting = "ble:ADDRESS" if facts.link in _LINKS["ble"] else "serial:PATH"
        raise UnknownHeadsetError(
            f"{facts.name} is not reached by {kind}", hint=f"use {fitting}:{facts.name}"
        )


def _check_port(port: Path) -> None:
    try:
        mode = port.stat().st_mode
    except OSError as error:
        raise UnknownHeadsetError(
            f"port {port}: {error.strerror}",
            hint="plug the dongle in; fieldrec devices lists the ports",
        ) from error
    if not stat.S_ISCHR(mode):
        raise UnknownHeadsetError(f"port {port} is no device")
    if not os.access(port, os.R_OK | os.W_OK):
        raise HeadsetError(
            f"port {port} is closed to this user", hint="add the user to group dialout"
        )
