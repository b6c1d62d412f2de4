"""Runs inside the machine: a Cyton at the other end of a dongle that the kernel plays.

Usage: python3 dongle.py /dev/ttyGS0
"""

from __future__ import annotations

import os
import sys
import tty
from pathlib import Path

from tests.cyton_pty import CytonPty


class CytonBehindPort(CytonPty):
    """A Cyton on a port that is there already; it obeys until it is killed."""

    def __init__(self, port: Path) -> None:
        super().__init__(port.parent)
        self._master = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._master)

    def serve(self) -> None:
        """Live as long as this program."""
        self._live()


if __name__ == "__main__":
    CytonBehindPort(Path(sys.argv[1])).serve()
