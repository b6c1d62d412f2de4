"""What a microphone is to the recorder: blocks of frames, and news of the device.

Real microphones, files and the simulated one all look like this. A source owns its
thread and hands over events from it, in order; the callee must return at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Frames per second, sample width (16 or 24 bit) and channels (1 or 2)."""

    rate_hz: int = 48_000
    bits: int = 16
    n_channels: int = 1


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """Frames that one read returned, with the clock reading that belongs to them.

    ``frames`` is interleaved, shape ``(n_frames, n_channels)``: int16 for 16 bit; for 24
    bit int32 with the sample in the upper 24 bits. At host time ``stamp_ns`` the hardware
    had captured this block's last frame and ``avail_frames`` more that wait in the
    buffer; ``stamp_ns`` is None where the driver gave no sane stamp. ``xruns`` counts the
    overruns so far: where it grew, an unknown number of frames is missing *before* this
    block.
    """

    frames: NDArray[np.int16] | NDArray[np.int32]
    avail_frames: int
    stamp_ns: int | None
    read_ns: int
    xruns: int


@dataclass(frozen=True, slots=True)
class AudioConnected:
    """The microphone delivers (again); frames continue in a new segment."""

    host_ns: int


@dataclass(frozen=True, slots=True)
class AudioLost:
    """The microphone is gone; it is reopened when it returns."""

    host_ns: int
    reason: str


AudioEvent = AudioBlock | AudioConnected | AudioLost


class AudioSource(Protocol):
    """A microphone that is, or can be, open."""

    @property
    def format(self) -> AudioFormat:
        """What it delivers; fixed before `start`."""
        ...

    @property
    def simulated(self) -> bool:
        """Whether no living voice is heard."""
        ...

    @property
    def description(self) -> dict[str, str]:
        """What identifies this microphone (PCM name, buffer, period ...) for the sheet."""
        ...

    def start(self, deliver: Callable[[AudioEvent], None]) -> None:
        """Open and begin to deliver; return once it runs.

        Raises MicrophoneError where it can't be opened. Later losses are events.
        """
        ...

    def stop(self) -> None:
        """Close the device; nothing is delivered afterwards. May be called twice."""
        ...
