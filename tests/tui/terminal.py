"""``fieldrec-tui`` as it is installed, in a terminal of its own."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.service_process import until

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = Path(sys.executable).with_name("fieldrec-tui")


class Terminal:
    """What the screen writes into its terminal, and the keys it gets."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process = process
        self._descriptor = descriptor
        self._written = bytearray()
        threading.Thread(target=self._read, daemon=True).start()

    def write(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._descriptor, keys)

    def until_written(self, text: str) -> None:
        """Wait until ``text`` was written since the last time."""
        needle = text.encode()
        until(lambda: needle in self._written or None, f"{text!r} never came")
        # What came after it, and while this was looked for, is for the next one.
        del self._written[: self._written.index(needle) + len(needle)]

    def _read(self) -> None:
        while True:
            try:
                self._written.extend(os.read(self._descriptor, 1 << 16))
            except OSError:
                return  # the screen has ended


@contextmanager
def screen_in_a_terminal(*words: str, **environment: str) -> Iterator[Terminal]:
    """Run the screen in Russian, 80 x 24; it is killed at the end if it still runs."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, *words, "--language", "ru"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=os.environ | {"TERM": "xterm-256color", **environment},
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        process.kill()
        process.wait()
        os.close(master)
