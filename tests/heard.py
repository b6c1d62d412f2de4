"""What a microphone delivered, kept for a test to wait for and look at."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from recorder.audio.source import AudioBlock, AudioConnected, AudioLost

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from recorder.audio.source import AudioEvent

Event = TypeVar("Event", AudioBlock, AudioConnected, AudioLost)


class Heard:
    """The callee of an AudioSource: call it with events, ask it about them."""

    def __init__(self) -> None:
        self.events: list[AudioEvent] = []
        self._changed = threading.Condition(threading.RLock())

    def __call__(self, event: AudioEvent) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def of(self, kind: type[Event]) -> list[Event]:
        """Return the events of ``kind`` so far."""
        with self._changed:
            return [event for event in self.events if isinstance(event, kind)]

    @property
    def blocks(self) -> list[AudioBlock]:
        return self.of(AudioBlock)

    @property
    def frames(self) -> NDArray[np.int16] | NDArray[np.int32]:
        """All frames, shape ``(n_frames, n_channels)``."""
        return np.concatenate([block.frames for block in self.blocks])

    @property
    def n_frames(self) -> int:
        return sum(block.frames.shape[0] for block in self.blocks)

    def wait_for(self, reached: Callable[[Heard], bool], timeout_s: float = 60) -> None:
        """Return once ``reached``; fail the test where that takes too long."""
        with self._changed:
            if not self._changed.wait_for(lambda: reached(self), timeout_s):
                news = [e for e in self.events if not isinstance(e, AudioBlock)]
                raise AssertionError(f"not reached: {self.n_frames} frames, {news}")

    def wait_for_frames(self, n_frames: int) -> None:
        """Return once ``n_frames`` more than now have been heard."""
        goal = self.n_frames + n_frames
        self.wait_for(lambda heard: heard.n_frames >= goal)

    def wait_for_count(self, kind: type[Event], n: int) -> None:
        """Return once ``n`` events of ``kind`` have been heard."""
        self.wait_for(lambda heard: len(heard.of(kind)) >= n)
