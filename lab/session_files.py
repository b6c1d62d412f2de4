"""List what lies in a session's folder; what can't be looked at is an error."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import NoReturn

from recorder.errors import OpenError


def list_files(folder: Path) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the regular files in ``folder`` and what is neither file nor folder.

    Raises OpenError where anything in it can't be looked at: what is hidden from this
    user must not pass for what is not there.
    """
    files: list[str] = []
    odd: list[str] = []
    for at, folders, names in os.walk(folder, onerror=refuse_unreadable):
        for name in (*folders, *names):
            path = Path(at) / name
            relative = path.relative_to(folder).as_posix()
            mode = _mode(path)
            if stat.S_ISREG(mode):
                files.append(relative)
            elif not stat.S_ISDIR(mode):
                odd.append(relative)
    return frozenset(files), tuple(sorted(odd))


def _mode(path: Path) -> int:
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        refuse_unreadable(error)
    if stat.S_ISREG(mode) and not os.access(path, os.R_OK, effective_ids=True):
        refuse_unreadable(
            PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        )
    return mode


def refuse_unreadable(error: OSError) -> NoReturn:
    """Raise OpenError for a file or folder that can't be read."""
    raise OpenError(
        f"{error.filename} can't be read: {error.strerror}",
        hint="let your user read the whole folder; if it is being copied, wait for the end",
    ) from error
