"""USB sticks that are plugged in and mounted."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

_MOUNTS = Path("/proc/mounts")
_PLACES = ("/media/", "/run/media/", "/mnt/")


def find_stick(mounts: Path = _MOUNTS) -> Path | None:
    """Return the first place under which a stick can be written, None without any."""
    try:
        lines = mounts.read_text("utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        # Spaces in a mount point are written as \040.
        place = line.split(" ")[1].encode().decode("unicode_escape")
        if place.startswith(_PLACES) and os.access(place, os.W_OK):
            return Path(place)
    return None


def free_place(folder: Path, name: str, end: str) -> Path:
    """Return a place in ``folder`` that no file has yet, numbered from the second on."""
    numbered = (f"{name}-{number}{end}" for number in itertools.count(2))
    places = (folder / each for each in itertools.chain([f"{name}{end}"], numbered))
    return next(place for place in places if not os.path.lexists(place))
