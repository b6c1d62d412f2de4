"""Which of the card's two systems starts, and which one is on trial: the slot record.

Two copies of 512 bytes lie before the first partition; the newest whole one counts, the
other one is overwritten, so that a power cut leaves at least one. The initramfs reads and
writes the same bytes (image/slots.sh).
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from recorder.errors import ProvisionError

if TYPE_CHECKING:
    from pathlib import Path

Slot = Literal["a", "b"]
OFFSETS_BYTES = (1 << 20, 2 << 20)
RECORD_BYTES = 512
TRIES = 3
_NAME = "fieldrec-slot-1"
_FIELDS = 6


@dataclass(frozen=True, slots=True)
class SlotRecord:
    """``good`` is what started well; ``trying`` is on trial for ``tries`` more starts."""

    good: Slot = "a"
    trying: Slot | None = None
    tries: int = 0
    sequence: int = 0

    def encode(self) -> bytes:
        """Return the record's bytes."""
        body = f"{_NAME} {self.sequence} {self.good} {self.trying or '-'} {self.tries}"
        return f"{body} {_sum(body)}\n".encode().ljust(RECORD_BYTES, b"\0")


def other(slot: Slot) -> Slot:
    """Return the slot that ``slot`` is not."""
    return "b" if slot == "a" else "a"


def parse_record(content: bytes) -> SlotRecord | None:
    """Return the record in ``content``; None where it is not whole."""
    line = content.partition(b"\n")[0].decode("ascii", "replace")
    words = line.split(" ")
    if len(words) != _FIELDS or words[0] != _NAME:
        return None
    name, sequence, good, trying, tries, check = words
    body = f"{name} {sequence} {good} {trying} {tries}"
    if check != _sum(body) or good not in ("a", "b") or trying not in ("a", "b", "-"):
        return None
    if not (sequence.isdecimal() and tries.isdecimal()):
        return None
    return SlotRecord(
        good=_slot(good),
        trying=None if trying == "-" else _slot(trying),
        tries=int(tries),
        sequence=int(sequence),
    )


def read_slots(disk: Path) -> SlotRecord:
    """Return the newest record of ``disk``; the first one where there is none."""
    records = [record for record in _copies(disk) if record is not None]
    return max(records, key=lambda record: record.sequence, default=SlotRecord())


def write_slots(disk: Path, record: SlotRecord) -> SlotRecord:
    """Make ``record`` the newest of ``disk``, durably; return it with its sequence."""
    copies = _copies(disk)
    newest = read_slots(disk)
    spare = 0
    for number, copy in enumerate(copies):
        if copy is None or copy.sequence < newest.sequence:
            spare = number
    record = replace(record, sequence=newest.sequence + 1)
    descriptor = os.open(disk, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.pwrite(descriptor, record.encode(), OFFSETS_BYTES[spare])
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return record


def start_trial(disk: Path, slot: Slot) -> SlotRecord:
    """Let ``slot`` be started the next `TRIES` times, or until it is found good."""
    record = read_slots(disk)
    if slot == record.good:
        raise ProvisionError(
            f"slot {slot} is the one that works; it is never tried out",
            hint="see: fieldrec-provision slot",
        )
    return write_slots(disk, replace(record, trying=slot, tries=TRIES))


def settle(disk: Path, slot: Slot) -> SlotRecord:
    """Say that ``slot``, which runs, is good. Writes nothing where that is known.

    A trial of the other one that has not begun yet stays; one that failed to start ends.
    """
    record = read_slots(disk)
    is_ahead = record.trying == other(slot) and record.tries == TRIES
    if record.good == slot and (record.trying is None or is_ahead):
        return record
    return write_slots(disk, SlotRecord(good=slot))


def _copies(disk: Path) -> list[SlotRecord | None]:
    descriptor = os.open(disk, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return [
            parse_record(os.pread(descriptor, RECORD_BYTES, offset))
            for offset in OFFSETS_BYTES
        ]
    finally:
        os.close(descriptor)


def _slot(text: str) -> Slot:
    return "b" if text == "b" else "a"


def _sum(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:16]
