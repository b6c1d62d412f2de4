"""Where a session lies opened while it is worked on: private, and gone afterwards.

Whoever works there holds the folder's lock, so that what a killed run left is told from
what is in use.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCRATCH: Final = ".transcribing-"


@contextmanager
def scratch_folder(lab: Path) -> Iterator[Path]:
    """Yield a private folder of the lab that is removed when the block ends."""
    scratch, descriptor = _held(lab)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        os.close(descriptor)


def _held(lab: Path) -> tuple[Path, int]:
    """Return a new folder and what holds it; another's sweep may come in between."""
    while True:
        scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=lab))
        with suppress(FileNotFoundError):
            descriptor = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if scratch.exists():
                return scratch, descriptor
            os.close(descriptor)


def sweep(lab: Path) -> None:
    """Remove what a run that was killed left open; one that still runs is let alone."""
    for folder in lab.glob(f"{_SCRATCH}*"):
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue  # its run ended just now
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(descriptor)
