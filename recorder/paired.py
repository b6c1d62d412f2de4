"""Which devices this box uses, as chosen at the box itself: ``BOX/devices.json``.

What a technician writes into box.toml is the start; what is chosen, paired or forgotten
at the box stands here and counts more. So no program rewrites a file that people edit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from recorder.errors import BoxError
from recorder.files import PRIVATE, locked, write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILE = "devices.json"
MAX_NAME = 24
_Spec = Annotated[str, msgspec.Meta(max_length=1000)]


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The devices to use and the names of headsets; empty: what box.toml says.

    A name that maps to None was forgotten, wherever it came from.
    """

    version: Literal[1] = 1
    headset: _Spec = ""
    microphone: _Spec = ""
    headsets: dict[str, _Spec | None] = {}


def read_choice(root: Path) -> Choice:
    """Return what was chosen at the box in ``root``. Raises BoxError."""
    path = root / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Choice)
    except FileNotFoundError:
        return Choice()
    except OSError as error:
        raise BoxError(f"{path} can't be read: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BoxError(
            f"{path}: {error}", hint="delete it and choose headset and microphone again"
        ) from error


def change_choice(root: Path, change: Callable[[Choice], Choice]) -> None:
    """Replace what was chosen by what ``change`` makes of it, durably."""
    with locked(root):
        choice = change(read_choice(root))
        content = msgspec.json.format(msgspec.json.encode(choice), indent=1) + b"\n"
        write_atomic(root / FILE, content, mode=PRIVATE)


def pair(root: Path, name: str, spec: str) -> None:
    """Remember headset ``spec`` as ``name``, to be used from now on. Raises BoxError."""
    if not name.strip() or len(name) > MAX_NAME or not name.isprintable() or ":" in name:
        raise BoxError(
            f"a headset's name has 1 to {MAX_NAME} characters, no colon; got {len(name)}",
            hint="give it a short name, such as muse",
        )
    change_choice(
        root,
        lambda old: msgspec.structs.replace(
            old, headset=name, headsets=old.headsets | {name: spec}
        ),
    )


def forget(root: Path, name: str) -> None:
    """Forget headset ``name``; nothing is used until another one is chosen."""

    def change(old: Choice) -> Choice:
        used = "" if old.headset == name else old.headset
        headsets = old.headsets | {name: None}
        return msgspec.structs.replace(old, headset=used, headsets=headsets)

    change_choice(root, change)


def choose(root: Path, *, headset: str = "", microphone: str = "") -> None:
    """Use another headset or microphone from now on; empty leaves it as it was."""
    change_choice(
        root,
        lambda old: msgspec.structs.replace(
            old,
            headset=headset or old.headset,
            microphone=microphone or old.microphone,
        ),
    )
