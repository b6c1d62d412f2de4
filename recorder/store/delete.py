"""Delete a session that the lab has; its manifest, receipt and their signatures stay.

The folder is renamed to ``<uuid>.trash`` first. That rename is the decision: from then on
every start finishes it. The folders of ``sessions/`` are locked meanwhile, since whoever
signs the next session looks for the chain's last manifest in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recorder.files import locked
from recorder.store.disk import empty_folder
from recorder.store.layout import (
    MANIFEST_FILE,
    RECEIPT_FILES,
    SIGNATURE_FILE,
    TRASH,
    session_name,
)

if TYPE_CHECKING:
    from pathlib import Path

    from recorder.store.disk import Disk

_KEPT = frozenset({MANIFEST_FILE, SIGNATURE_FILE, *RECEIPT_FILES})


def is_emptied(disk: Disk, folder: Path) -> bool:
    """Tell whether nothing is left here to send or to delete."""
    return _KEPT.issuperset(disk.names(folder))


def delete_session(disk: Disk, folder: Path) -> None:
    """Delete what a session recorded; whoever calls has checked its receipt.

    Raises OSError; then `finish_deletions` goes on another time.
    """
    with locked(folder.parent):
        trash = folder.with_name(folder.name + TRASH)
        disk.rename(folder, trash)
        disk.sync_folder(folder.parent)
        _finish(disk, trash)


def finish_deletions(disk: Disk, sessions: Path) -> None:
    """Finish what was decided before. Raises OSError."""
    for name in disk.names(sessions):
        if name.endswith(TRASH) and session_name(name.removesuffix(TRASH)):
            with locked(sessions):
                _finish(disk, sessions / name)


def _finish(disk: Disk, trash: Path) -> None:
    for name in disk.names(trash):
        path = trash / name
        if disk.is_folder(path):
            empty_folder(disk, path)
            disk.remove_folder(path)
        elif name not in _KEPT:
            disk.remove_file(path)
    disk.sync_folder(trash)
    disk.rename(trash, trash.with_name(trash.name.removesuffix(TRASH)))
    disk.sync_folder(trash.parent)
