"""Erase: what the client took back is gone from the box and never reaches the lab.

One small file, ``erasing.json``, is the decision: once it is on the medium the erase is
finished, by this run or by the next start; before that nothing was erased. Folders are
renamed to ``NNNN.erased`` before they are emptied, so that the empty folders are the list
of what was erased.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from recorder.errors import StoreError
from recorder.store.disk import empty_folder, read_all, replace_file
from recorder.store.layout import (
    ERASED,
    ERASING_FILE,
    OPEN,
    SIGNATURE_FILE,
    part_folder,
    part_name,
)

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from recorder.store.disk import Disk
    from recorder.store.journals import Journals


def decide_erase(disk: Disk, session_path: Path, numbers: Collection[int]) -> None:
    """Decide to erase the parts ``numbers``; it replaces a decision not yet carried out.

    On OSError `is_decided` tells whether the decision stands all the same.
    """
    decision = msgspec.json.encode({"version": 1, "parts": sorted(numbers)})
    replace_file(disk, session_path / ERASING_FILE, decision)


def is_decided(disk: Disk, session_path: Path, numbers: Collection[int]) -> bool:
    """Tell whether erasing ``numbers`` is decided and not yet carried out."""
    decision = session_path / ERASING_FILE
    try:
        return disk.is_file(decision) and set(numbers) <= set(_decided(disk, decision))
    except OSError:
        return False


def finish_erase(disk: Disk, journals: Journals, session_path: Path) -> None:
    """Carry out a decided erase, from wherever it stopped; without one, do nothing."""
    decision = session_path / ERASING_FILE
    if not disk.is_file(decision):
        return
    for number in _decided(disk, decision):
        erased = part_folder(session_path, number, ERASED)
        for state in (OPEN, ""):
            part = part_folder(session_path, number, state)
            if disk.is_folder(part):
                disk.rename(part, erased)
    disk.sync_folder(session_path)
    for name in disk.names(session_path):
        found = part_name(name)
        if found is not None and found.state == ERASED:
            empty_folder(disk, session_path / name)
    journals.scrub()
    disk.remove_file(decision)
    disk.sync_folder(session_path)


def discard(disk: Disk, journals: Journals, session_path: Path, gone: Path) -> None:
    """Rename a session to ``gone`` and empty it; `empty_discarded` finishes it later."""
    disk.rename(session_path, gone)
    disk.sync_folder(gone.parent)
    empty_discarded(disk, journals, gone)


def empty_discarded(disk: Disk, journals: Journals, gone: Path) -> None:
    """Empty a discarded session that has no signed tombstone yet."""
    if not disk.is_file(gone / SIGNATURE_FILE):
        empty_folder(disk, gone)
        journals.scrub()


def _decided(disk: Disk, decision: Path) -> list[int]:
    try:
        content = msgspec.json.decode(
            read_all(disk, decision), type=dict[str, int | list[int]]
        )
        numbers = content["parts"]
    except (msgspec.MsgspecError, KeyError):
        numbers = 0
    if isinstance(numbers, int):
        # Written whole or not at all, so this is no crash but a damaged disk.
        raise StoreError(
            f"the erase decided in session {decision.parent.name} can't be read",
            hint="send the box to the lab; its disk is damaged",
        )
    return numbers
