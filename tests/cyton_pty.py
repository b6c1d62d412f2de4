"""An OpenBCI Cyton made of a pseudo-terminal: stock BrainFlow can't tell the difference.

Packets are the Cyton's own: 0xA0, a byte that counts, 8 times 24 bits, 6 bytes for the
accelerometer, 0xC0 (OpenBCI documentation, Cyton data format).
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import tty
from typing import TYPE_CHECKING, Self

from recorder.clock import NS_PER_S, read_host_ns

if TYPE_CHECKING:
    from pathlib import Path

RATE_HZ = 250
N_CHANNELS = 8
FIRMWARE = "v3.1.2"
_GREETING = (
    "OpenBCI V3 8-16 channel\r\nOn Board ADS1299 Device ID: 0x3E\r\n"
    f"LIS3DH Device ID: 0x33\r\nFirmware: {FIRMWARE}\r\n$$$"
).encode("ascii")


def counts(index: int) -> list[int]:
    """Return the ADC counts of sample ``index``: never 0, both signs, no repeats."""
    return [
        (1 if channel % 2 else -1) * (1000 * channel + index % 100_000 + 1)
        for channel in range(N_CHANNELS)
    ]


def packet(index: int) -> bytes:
    """Return sample ``index`` as the board sends it."""
    samples = b"".join(count.to_bytes(3, "big", signed=True) for count in counts(index))
    return bytes([0xA0, index % 256]) + samples + bytes(6) + b"\xc0"


class CytonPty:
    """A Cyton that can fall silent, be pulled and be plugged in again at ``port``."""

    def __init__(self, folder: Path) -> None:
        self.port = folder / "ttyCYTON"
        self.commands: list[str] = []
        self.mute = threading.Event()
        self.straggler = b""  # bytes of an earlier stream that follow the banner
        self._leaving = threading.Event()
        self._streaming = False
        self._waiting = bytearray()  # what a reader that is late has still to get
        self._master = self._slave = -1
        self._thread = threading.Thread(target=self._live, name="cyton", daemon=True)

    def __enter__(self) -> Self:
        self.plug_in()
        return self

    def __exit__(self, *_: object) -> None:
        self.pull()

    def plug_in(self) -> None:
        """Give the board a port, switched on and waiting for commands."""
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.port.unlink(missing_ok=True)
        self.port.symlink_to(os.ttyname(self._slave))
        self.mute.clear()
        self._leaving.clear()
        self._streaming = False
        self._waiting.clear()
        self._thread = threading.Thread(target=self._live, name="cyton", daemon=True)
        self._thread.start()

    def pull(self) -> None:
        """Take the board out: its port is gone."""
        self._leaving.set()
        self._thread.join()
        self.port.unlink(missing_ok=True)
        for descriptor in (self._master, self._slave):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._master = self._slave = -1  # the numbers may be somebody else's by now

    def _live(self) -> None:
        index, began_ns = 0, 0
        while not self._leaving.is_set():
            self._obey()
            if not self._streaming:
                index, began_ns = 0, read_host_ns()
            due = (read_host_ns() - began_ns) * RATE_HZ // NS_PER_S
            while index < due:
                if not self.mute.is_set():
                    self._write(packet(index))
                index += 1
            self._write(b"")

    def _obey(self) -> None:
        if not select.select([self._master], [], [], 0.004)[0]:
            return
        for command in os.read(self._master, 100).decode("ascii"):
            if self.mute.is_set():
                continue
            self.commands.append(command)
            if command in "vd":
                self._streaming = False
                self._waiting.clear()
                self._write(
                    _GREETING + self.straggler if command == "v" else b"defaults$$$"
                )
            elif command in "bs":
                self._streaming = command == "b"

    def _write(self, content: bytes) -> None:
        # A reader may be late on a busy machine, and its terminal holds half a second: no
        # loss of the board's. One that hangs must not hold up the board either.
        self._waiting += content
        with contextlib.suppress(BlockingIOError):
            del self._waiting[: os.write(self._master, self._waiting)]
