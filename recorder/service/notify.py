"""Talking to systemd: ready, alive, stopping. Without it everything here does nothing."""

from __future__ import annotations

import contextlib
import os
import socket

from recorder.clock import read_host_ns

_NS_PER_US = 1000


class Notifier:
    """Sends datagrams to ``NOTIFY_SOCKET``; see sd_notify(3)."""

    def __init__(self, environment: dict[str, str] | None = None) -> None:
        known = dict(os.environ) if environment is None else environment
        address = known.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._every_ns = _watchdog_ns(known) // 3
        self._next_ns = 0

    def ready(self) -> None:
        """Say that requests are answered."""
        self._send("READY=1")

    def stopping(self) -> None:
        """Say that the session is being closed and signed."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """Say that all is well, three times as often as the watchdog wants."""
        now_ns = read_host_ns()
        if self._every_ns and now_ns >= self._next_ns:
            self._next_ns = now_ns + self._every_ns
            self._send("WATCHDOG=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        # Whoever should hear it may be gone: recording goes on.
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out,
        ):
            out.settimeout(0)
            out.sendto(text.encode(), self._address)


def _watchdog_ns(environment: dict[str, str]) -> int:
    """Return how often the watchdog wants to hear of us; 0 where there is none."""
    ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    text = environment.get("WATCHDOG_USEC", "0")
    return int(text) * _NS_PER_US if ours and text.isdecimal() else 0
