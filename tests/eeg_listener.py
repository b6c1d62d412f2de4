"""Someone who listens to a headset: keeps every event and can wait for one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from recorder.clock import NS_PER_S, read_host_ns
from recorder.eeg.source import EegBlock, EegEvent

if TYPE_CHECKING:
    from collections.abc import Callable

Event = TypeVar("Event", bound=EegEvent)


class Listener:
    """Call it with events, as a source does."""

    def __init__(self) -> None:
        self.events: list[EegEvent] = []
        self._news = threading.Condition()

    def __call__(self, event: EegEvent) -> None:
        with self._news:
            self.events.append(event)
            self._news.notify_all()

    def blocks(self, connection: int = 1) -> list[EegBlock]:
        """Return the blocks of one connection."""
        return [
            event
            for event in list(self.events)
            if isinstance(event, EegBlock) and event.connection == connection
        ]

    def n_rows(self, connection: int = 1) -> int:
        """Return how many rows one connection brought."""
        return sum(block.n_rows for block in self.blocks(connection))

    def wait_for(self, kind: type[Event], connection: int, timeout_s: float) -> Event:
        """Return the first event of its kind in ``connection``, or raise TimeoutError."""
        found: list[Event] = []

        def arrived() -> bool:
            found[:] = [
                event
                for event in self.events
                if isinstance(event, kind) and event.connection == connection
            ]
            return bool(found)

        with self._news:
            if not self._news.wait_for(arrived, timeout_s):
                raise TimeoutError(f"no {kind.__name__} of connection {connection}")
        return found[0]

    def wait_for_rows(self, n_rows: int, connection: int = 1) -> None:
        """Return once ``n_rows`` came, or raise TimeoutError."""
        with self._news:
            if not self._news.wait_for(lambda: self.n_rows(connection) >= n_rows, 60):
                raise TimeoutError(f"{self.n_rows(connection)} rows of {n_rows}")


def until(condition: Callable[[], bool], timeout_s: float) -> float:
    """Wait until ``condition`` holds; return the seconds it took or raise TimeoutError."""
    began_ns = read_host_ns()
    pause = threading.Event()
    while not condition():
        if read_host_ns() - began_ns > timeout_s * NS_PER_S:
            raise TimeoutError(f"not after {timeout_s} s")
        pause.wait(0.01)
    return (read_host_ns() - began_ns) / NS_PER_S


def arrivals_ns(blocks: list[EegBlock]) -> list[int]:
    """Return the host time at which each row arrived."""
    return [block.wall.to_host_ns(stamp) for block in blocks for stamp in block.stamp_s]


def counters(blocks: list[EegBlock]) -> np.ndarray:
    """Return the counters of all rows."""
    return np.concatenate([block.counter for block in blocks])
