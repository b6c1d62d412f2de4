"""Microphones that are no hardware, kept to the pace of the host clock by a thread."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from recorder.clock import NS_PER_S, read_host_ns

if TYPE_CHECKING:
    from collections.abc import Callable

    from recorder.audio.source import AudioEvent, AudioFormat


class Capture(Protocol):
    """What would be captured by now, on any clock."""

    @property
    def next_read_ns(self) -> int | None:
        """Host time at which `advance` has something new; None for never again."""
        ...

    def advance(self, now_ns: int) -> list[AudioEvent]:
        """Return what happened by ``now_ns``; the first call starts it."""
        ...


class PacedMicrophone:
    """An AudioSource that runs a `Capture` on the host clock; each start begins anew."""

    simulated = True

    def __init__(
        self, fmt: AudioFormat, description: dict[str, str], begin: Callable[[], Capture]
    ) -> None:
        self._format = fmt
        self._description = description
        self._begin = begin
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._capture: Capture | None = None

    @property
    def format(self) -> AudioFormat:
        """What it delivers."""
        return self._format

    @property
    def description(self) -> dict[str, str]:
        """What the session sheet says about it."""
        return dict(self._description)

    def start(self, deliver: Callable[[AudioEvent], None]) -> None:
        """Begin to deliver a block every 20 ms; raises MicrophoneError."""
        self.stop()
        self._stopping.clear()
        self._capture = self._begin()
        thread = threading.Thread(
            target=self._run, args=(self._capture, deliver), name="microphone"
        )
        thread.start()
        self._thread = thread

    def stop(self) -> None:
        """End the thread; nothing is delivered afterwards."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def _run(self, capture: Capture, deliver: Callable[[AudioEvent], None]) -> None:
        next_ns: int | None = read_host_ns()
        while next_ns is not None:
            wait_s = max(0, next_ns - read_host_ns()) / NS_PER_S
            if self._stopping.wait(wait_s):
                return
            for event in capture.advance(read_host_ns()):
                deliver(event)
            next_ns = capture.next_read_ns
