"""A sound card that misbehaves on demand: alsa-lib's own plugin interface, in C."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

_SOURCE = Path(__file__).parent / "audio" / "testcard.c"


class TestCards:
    """An ALSA configuration of test cards in ``folder``; see testcard.c for options."""

    __test__ = False

    def __init__(self, folder: Path, library: Path) -> None:
        self.config = folder / "cards.conf"
        self._fault = folder / "fault"
        self._lock = folder / "lock"
        self.config.write_text(
            f'</usr/share/alsa/alsa.conf>\npcm_type.testcard {{ lib "{library}" }}\n',
            encoding="utf-8",
        )

    def add(self, name: str, **options: str | int) -> str:
        """Add a card; return the name of its PCM."""
        options = {"fault": str(self._fault), **options}
        words = " ".join(
            f'{key} "{value}"' if isinstance(value, str) else f"{key} {value}"
            for key, value in options.items()
        )
        with self.config.open("a", encoding="utf-8") as config:
            config.write(f"pcm.{name} {{ type testcard {words} }}\n")
        return name

    def add_exclusive(self, name: str) -> str:
        """Add a card that only one program may open at a time."""
        return self.add(name, lock=str(self._lock))

    def break_with(self, fault: str) -> None:
        """Let every card be gone, mute or hang from now on; "" repairs them."""
        self._fault.write_text(fault, encoding="ascii")


def build_testcard(folder: Path) -> Path:
    """Compile the card; skip where there is no compiler."""
    if shutil.which("gcc") is None or not Path("/usr/include/alsa/pcm_external.h").exists():
        pytest.skip("needs gcc and libasound2-dev")
    library = folder / "testcard.so"
    subprocess.run(
        [
            "gcc",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-O1",
            "-shared",
            "-fPIC",
            "-DPIC",
            str(_SOURCE),
            "-o",
            str(library),
            "-lasound",
        ],
        check=True,
    )
    return library
