"""What a headset is to the recorder: blocks of samples, and news of the connection.

Real, played back and simulated headsets all look like this. A source owns its threads
and processes; it hands over events from its own thread, in order, and the callee must
return at once. Connection numbers start at 1 and grow with every reconnect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from recorder.clock import WallPair
    from recorder.eeg.montage import Board


@dataclass(frozen=True, slots=True)
class EegBlock:
    """Rows that one poll of the board returned.

    ``counter`` (int64) and ``stamp_s`` (float64), shape ``(n_rows,)``, are the board's own,
    untouched: the packet counter as received and wall seconds as the driver stamped them.
    ``samples_uv`` is float32, shape ``(n_channels, n_rows)``, microvolts.
    ``polled_ns`` is host time just after the poll; ``wall`` was read at the same poll by
    the process that stamped the rows.
    """

    connection: int
    polled_ns: int
    wall: WallPair
    counter: NDArray[np.int64]
    stamp_s: NDArray[np.float64]
    samples_uv: NDArray[np.float32]
    battery_percent: float | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows, one per sample."""
        return int(self.counter.shape[0])


@dataclass(frozen=True, slots=True)
class EegConnected:
    """The headset delivers: a new connection began."""

    host_ns: int
    connection: int


@dataclass(frozen=True, slots=True)
class EegLost:
    """No new data for the watchdog's time, or the board is gone; reconnecting goes on."""

    host_ns: int
    connection: int
    reason: str


EegEvent = EegBlock | EegConnected | EegLost


class EegSource(Protocol):
    """A headset that is, or can be, connected."""

    @property
    def board(self) -> Board:
        """Facts about the headset: channels, rate, counter; known before `start`."""
        ...

    @property
    def simulated(self) -> bool:
        """Whether the samples come from no living head."""
        ...

    @property
    def description(self) -> dict[str, str]:
        """What identifies this very headset (address, firmware ...) for the sheet."""
        ...

    def start(self, deliver: Callable[[EegEvent], None]) -> None:
        """Connect and begin to deliver; return once the first connection stands.

        Raises HeadsetError where the first connection fails. Later losses are events:
        the source reconnects by itself until `stop`.
        """
        ...

    def stop(self) -> None:
        """Release the headset; nothing is delivered afterwards. May be called twice."""
        ...
