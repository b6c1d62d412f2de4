"""What a therapist chose about the screen itself; kept beside the box, if it may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from recorder.errors import FieldrecError
from recorder.files import PUBLIC, write_atomic
from recorder.protocol.calls import Mode  # noqa: TC001 - as below
from tui.texts import Language  # noqa: TC001 - msgspec reads the annotations

if TYPE_CHECKING:
    from pathlib import Path

FILE = "screen.json"


class Preferences(msgspec.Struct, frozen=True):
    """Language (None: the box's own), contrast, and how sessions were held last."""

    language: Language | None = None
    contrast: bool = False
    mode: Mode = "in-person"


def load_preferences(path: Path | None) -> Preferences:
    """Return what was chosen; the defaults where nothing readable is there."""
    if path is None:
        return Preferences()
    try:
        return msgspec.json.decode(path.read_bytes(), type=Preferences)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return Preferences()


def save_preferences(path: Path | None, preferences: Preferences) -> None:
    """Keep them. A box that can't be written to forgets them, and nothing worse."""
    if path is None:
        return
    try:
        write_atomic(path, msgspec.json.encode(preferences) + b"\n", mode=PUBLIC)
    except (OSError, FieldrecError):
        return
