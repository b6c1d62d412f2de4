"""Where the box's programs meet while they run: the recorder's socket, sync's progress.

On a box this is /run/fieldrec, which a reboot empties and no card wears out by; anywhere
else the box folder itself.
"""

from __future__ import annotations

import os
from pathlib import Path

_RUNTIME = Path("/run/fieldrec")
_VARIABLE = "FIELDREC_RUNTIME"
SOCKET = "recorder.sock"
SYNC_PROGRESS = "sync-progress.json"


def runtime_folder(box: Path | None) -> Path:
    """Return the folder for box folder ``box``; without one, that of this machine."""
    if named := os.environ.get(_VARIABLE):
        return Path(named)
    if box is None or (_RUNTIME.is_dir() and os.access(_RUNTIME, os.W_OK)):
        return _RUNTIME
    return box


def socket_path(box: Path | None) -> Path:
    """Return where the recorder of ``box`` listens unless told otherwise."""
    return runtime_folder(box) / SOCKET
