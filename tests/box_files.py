"""Looks into a box's files while its recorder writes, renames and removes some of them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def holding(folder: Path, word: str) -> list[Path]:
    """Return the files under ``folder`` that hold ``word``."""
    found, needle = [], word.encode()
    for parent, _, names in os.walk(folder):
        for path in (Path(parent, name) for name in names):
            with suppress(FileNotFoundError):  # gone meanwhile
                if path.is_file() and needle in path.read_bytes():
                    found.append(path)
    return found
