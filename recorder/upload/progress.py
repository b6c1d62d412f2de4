"""What sync is doing: figures for a terminal, a screen and a log."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from recorder.upload.pace import Meter

if TYPE_CHECKING:
    from collections.abc import Callable

    from recorder.errors import FieldrecError
    from recorder.format.receipt import Status

Phase = Literal["connecting", "asking", "sending", "waiting", "recording", "idle"]


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """One moment of sync. Bytes count everything that was to be sent when it began.

    ``waiting`` is between tries, ``recording`` waits for a session to end, ``idle`` has
    sent everything. ``trouble`` is the newest that went wrong and still does.
    """

    phase: Phase = "idle"
    session: str = ""
    sessions_left: int = 0
    sent_bytes: int = 0
    total_bytes: int = 0
    rate_bytes_s: float = 0.0
    wait_s: float = 0.0
    trouble: FieldrecError | None = None

    @property
    def left_s(self) -> float | None:
        """Seconds until everything is sent at this rate; None while nobody knows."""
        if self.phase != "sending" or self.rate_bytes_s <= 0:
            return None
        return (self.total_bytes - self.sent_bytes) / self.rate_bytes_s


@dataclass(slots=True)
class Tally:
    """What a run of sync did, by session; ``renewed`` names files."""

    sent: list[str] = field(default_factory=list)
    verified: list[str] = field(default_factory=list)
    resend: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    renewed: list[str] = field(default_factory=list)

    def answered(self, status: Status, session: str) -> None:
        """Count a new receipt."""
        lists = {
            "verified": self.verified,
            "resend": self.resend,
            "damaged": self.damaged,
            "withdrawn": self.withdrawn,
        }
        lists[status].append(session)
        if status == "withdrawn":
            self.deleted.append(session)


class Progress:
    """Keeps the status and tells it to ``listener`` whenever it changes."""

    def __init__(
        self, listener: Callable[[SyncStatus], None], clock_ns: Callable[[], int]
    ) -> None:
        self.status = SyncStatus()
        self._listener = listener
        self._clock_ns = clock_ns
        self._meter = Meter(clock_ns)
        self._before_bytes = 0

    def phase(self, phase: Phase, *, wait_s: float = 0.0) -> None:
        """Enter ``phase``."""
        self._change(replace(self.status, phase=phase, wait_s=wait_s, session=""))

    def trouble(self, error: FieldrecError | None) -> None:
        """Remember what went wrong; None when nothing does any more."""
        self._change(replace(self.status, trouble=error))

    def begin_link(self, total_bytes: int) -> None:
        """Begin to send over a new link."""
        self._meter = Meter(self._clock_ns)
        self._before_bytes = 0
        status = replace(self.status, phase="sending", rate_bytes_s=0.0)
        self._change(replace(status, sent_bytes=0, total_bytes=total_bytes))

    def begin_session(self, session: str, *, sessions_left: int, done_bytes: int) -> None:
        """Begin with a session of which the server has ``done_bytes``."""
        sent = self._before_bytes + done_bytes
        status = replace(self.status, session=session, sessions_left=sessions_left)
        self._change(replace(status, sent_bytes=sent))

    def end_session(self, size_bytes: int) -> None:
        """Count a session as done."""
        self._before_bytes += size_bytes
        self._change(replace(self.status, sent_bytes=self._before_bytes))

    def found(self, n_bytes: int) -> None:
        """Count bytes that the server had already."""
        sent = min(self.status.sent_bytes + n_bytes, self.status.total_bytes)
        self._change(replace(self.status, sent_bytes=sent))

    def told(self, n_bytes: int) -> None:
        """Count bytes that the server confirmed now."""
        self._meter.add(n_bytes)
        # The manifest comes on top of what was counted.
        sent = min(self.status.sent_bytes + n_bytes, self.status.total_bytes)
        rate = self._meter.rate_bytes_s
        self._change(replace(self.status, sent_bytes=sent, rate_bytes_s=rate))

    def _change(self, status: SyncStatus) -> None:
        self.status = status
        self._listener(status)
