"""Whether every thread that matters still goes round: only then is the watchdog fed."""

from __future__ import annotations

from dataclasses import dataclass

from recorder.clock import NS_PER_S

_SOCKET_NS = 5 * NS_PER_S
_DISK_NS = 60 * NS_PER_S  # a card that collects its garbage is not dead
_BUSY_NS = 600 * NS_PER_S  # an hour's session is hashed and signed in seconds


@dataclass(frozen=True, slots=True)
class Pulse:
    """When each thread was last seen, in host time; ``writer_ns`` is None without one.

    ``busy`` says that the engine carries out a request, which may take long.
    """

    socket_ns: int
    engine_ns: int
    busy: bool
    writer_ns: int | None

    def beats(self, now_ns: int) -> bool:
        """Tell whether all of them are alive."""
        patience_ns = _BUSY_NS if self.busy else _DISK_NS
        return (
            now_ns - self.socket_ns < _SOCKET_NS
            and now_ns - self.engine_ns < patience_ns
            and (self.writer_ns is None or now_ns - self.writer_ns < _DISK_NS)
        )
