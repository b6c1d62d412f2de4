"""Keeps one device connected: opens it, and tries again for as long as it is wanted.

A source reconnects by itself once it was connected; the keeper is for the time before,
and for changing from one device to another.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from recorder.clock import NS_PER_S, read_host_ns
from recorder.errors import FieldrecError, HeadsetError

if TYPE_CHECKING:
    from collections.abc import Callable

_PAUSES_S = (2.0, 4.0, 8.0, 15.0)


class Device(Protocol):
    """What `recorder.eeg.source` and `recorder.audio.source` have in common."""

    def start(self, deliver: Callable[[object], None]) -> None:
        """Connect; raise FieldrecError where the first connection fails."""
        ...

    def stop(self) -> None:
        """Release the device."""
        ...


_D = TypeVar("_D", bound=Device)


class Keeper(Generic[_D]):
    """Owns at most one device. ``lock`` guards everything that its events touch.

    ``opened`` is called with a device that is about to be started, ``deliver`` with its
    events and ``failed`` with what kept it from starting; all three under ``lock``.
    """

    def __init__(
        self,
        name: str,
        lock: threading.RLock,
        *,
        open_device: Callable[[str], _D],
        opened: Callable[[_D], None],
        deliver: Callable[[object], None],
        failed: Callable[[FieldrecError], None],
    ) -> None:
        self._open_device = open_device
        self._opened = opened
        self._deliver = deliver
        self._failed = failed
        self._condition = threading.Condition(lock)
        self._wanted = ""
        self._generation = 0
        self._device: _D | None = None
        self._releasing: threading.Thread | None = None
        self._retry_ns = 0
        self._failures = 0
        self._ending = False
        self._name = name
        self._thread = threading.Thread(
            target=self._run, name=f"{name}-keeper", daemon=True
        )
        self._thread.start()

    def use(self, spec: str) -> None:
        """Let go of the device in use and connect ``spec``; empty for none."""
        with self._condition:
            self._wanted = spec
            self._generation += 1  # whatever the old one still says is not heard
            self._retry_ns = self._failures = 0
            self._release()
            self._condition.notify()

    def close(self) -> None:
        """Release the device and end."""
        with self._condition:
            self._ending = True
            self._generation += 1
            releasing = self._release()
            self._condition.notify()
        self._thread.join()
        if releasing is not None:
            releasing.join()

    def _release(self) -> threading.Thread | None:
        """Stop the device in a thread of its own: one that connects may take seconds."""
        device, self._device = self._device, None
        if device is not None:
            self._releasing = threading.Thread(
                target=device.stop, name=f"{self._name}-release", daemon=True
            )
            self._releasing.start()
        return self._releasing

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._ending and not self._is_due():
                    self._condition.wait(self._wait_s())
                if self._ending:
                    return
                spec, generation, releasing = (
                    self._wanted,
                    self._generation,
                    self._releasing,
                )
            if releasing is not None:
                releasing.join()  # it may be the same device: its port must be free
            self._connect(spec, generation)

    def _is_due(self) -> bool:
        waits = self._wanted != "" and self._device is None
        return waits and read_host_ns() >= self._retry_ns

    def _wait_s(self) -> float | None:
        if not self._wanted or self._device is not None:
            return None
        return max(0.0, (self._retry_ns - read_host_ns()) / NS_PER_S)

    def _connect(self, spec: str, generation: int) -> None:
        try:
            device = self._open_device(spec)
            with self._condition:
                if generation != self._generation:
                    return
                self._device = device
                self._opened(device)
            self._start(device, generation)
        except FieldrecError as error:
            self._fail(generation, error)
        except OSError as error:
            what = error.strerror or type(error).__name__
            self._fail(generation, HeadsetError(f"{self._name}: {what}"))

    def _start(self, device: _D, generation: int) -> None:
        """Start ``device``; stop it again where it was let go of meanwhile.

        `_release` may have come to it a moment before it began: what is stopped before it
        starts would run for ever, and keep its port.
        """
        device.start(lambda event: self._take(generation, event))
        with self._condition:
            let_go = generation != self._generation
        if let_go:
            device.stop()

    def _take(self, generation: int, event: object) -> None:
        with self._condition:
            if generation == self._generation:
                self._deliver(event)

    def _fail(self, generation: int, error: FieldrecError) -> None:
        with self._condition:
            if generation != self._generation:
                return
            self._device = None
            pause_s = _PAUSES_S[min(self._failures, len(_PAUSES_S) - 1)]
            self._failures += 1
            self._retry_ns = read_host_ns() + round(pause_s * NS_PER_S)
            self._failed(error)
