"""The headset, connected all day: shown while nothing is recorded, lent to a session.

Its samples go to a preview, or to the session that is being recorded; a session gets
those of the last seconds too, so that it knows the headset's clock from the start.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recorder.clock import NS_PER_S, read_host_ns
from recorder.eeg.source import EegBlock, EegConnected, EegLost
from recorder.errors import FieldrecError, HeadsetError
from recorder.service.keeper import Keeper
from recorder.service.trace import TraceFeed
from recorder.store.intake import Intake

if TYPE_CHECKING:
    from collections.abc import Callable

    from recorder.alignment.eeg_timeline import LiveNumbers
    from recorder.eeg.montage import Board
    from recorder.eeg.quality import Contact
    from recorder.eeg.source import EegEvent, EegSource
    from recorder.protocol.state import Link

_REMEMBERED_NS = 30 * NS_PER_S


@dataclass(frozen=True, slots=True)
class HeadsetLook:
    """The headset at one moment. ``numbers`` and ``contacts`` are the preview's."""

    name: str
    board: Board | None
    link: Link
    simulated: bool
    problem: str
    battery_percent: float | None
    contacts: tuple[Contact, ...]
    contacts_ns: int
    numbers: LiveNumbers | None


class LiveHeadset:
    """The headset in use. Its events come from its own thread; any thread may ask."""

    def __init__(
        self,
        open_source: Callable[[str], EegSource],
        *,
        changed: Callable[[], None],
        log: Callable[[str], None],
    ) -> None:
        self._lock = threading.RLock()
        self._changed = changed
        self._log = log
        self._name = ""
        self._link: Link = "none"
        self._problem = ""
        self._source: EegSource | None = None
        self._preview: Intake | None = None
        self._trace: TraceFeed | None = None
        self._traced = False
        self._session: Callable[[EegEvent], None] | None = None
        self._watcher: Callable[[EegBlock], None] | None = None
        self._recent: deque[EegEvent] = deque()
        self._keeper: Keeper[EegSource] = Keeper(
            "headset",
            self._lock,
            open_device=open_source,
            opened=self._opened,
            deliver=self._deliver,
            failed=self._failed,
        )

    def use(self, name: str, spec: str) -> None:
        """Use headset ``spec``, which people know as ``name``; both empty for none."""
        with self._lock:
            self._name = name
            self._link = "connecting" if spec else "none"
            self._problem = ""
            self._forget_source()
            self._keeper.use(spec)
        self._changed()

    def close(self) -> None:
        """Release the headset."""
        self._keeper.close()

    def look(self, now_ns: int) -> HeadsetLook:
        """Return how it is now."""
        with self._lock:
            preview = self._preview if self._session is None else None
            return HeadsetLook(
                name=self._name,
                board=None if self._source is None else self._source.board,
                link=self._link,
                simulated=self._source is not None and self._source.simulated,
                problem=self._problem,
                battery_percent=None if preview is None else preview.battery_percent,
                contacts=() if preview is None else preview.contact.contacts,
                contacts_ns=0 if preview is None else preview.contact.judged_ns,
                numbers=None if preview is None else preview.numbers(now_ns),
            )

    def lend(self) -> LentHeadset:
        """Return the headset for one session. Raises HeadsetError unless connected."""
        with self._lock:
            if self._source is None or self._link != "connected":
                raise HeadsetError(
                    f"the headset is not connected: {self._problem or 'none is chosen'}",
                    hint="switch it on and bring it near, or choose another one",
                )
            return LentHeadset(self, self._source)

    def attach(self, deliver: Callable[[EegEvent], None]) -> None:
        """Give everything to ``deliver`` from now on, and what came lately first."""
        with self._lock:
            for event in self._recent:
                deliver(event)
            self._session = deliver
            self._preview = None

    def detach(self) -> None:
        """Go back to the preview."""
        with self._lock:
            if self._session is None:
                return
            self._session = None
            self._begin_preview()
            for event in self._recent:
                self._show(event)

    def watch(self, watcher: Callable[[EegBlock], None] | None) -> None:
        """Give each block to ``watcher`` too; None ends that."""
        with self._lock:
            self._watcher = watcher

    def want_trace(self, *, wanted: bool) -> None:
        """Collect samples for `take_trace`, or no longer."""
        with self._lock:
            if self._trace is not None and wanted and not self._traced:
                self._trace.clear()
            self._traced = wanted

    def take_trace(self) -> tuple[float, tuple[tuple[float, ...], ...]]:
        """Return the trace's rate and its new rows."""
        with self._lock:
            if self._trace is None:
                return 0.0, ()
            return self._trace.rate_hz, self._trace.take()

    def provoke(self, fault: str) -> bool:
        """Let a simulated headset fail; tell whether it is one that can."""
        with self._lock:
            act = getattr(self._source, "provoke", None)
            if act is None:
                return False
            act(fault)
            return True

    def _opened(self, source: EegSource) -> None:
        self._source = source
        self._trace = TraceFeed(source.board)
        self._begin_preview()
        self._changed()

    def _failed(self, error: FieldrecError) -> None:
        self._forget_source()
        if error.message != self._problem:
            self._problem = error.message
            self._log(f"headset: {error}")
        self._link = "connecting"
        self._changed()

    def _forget_source(self) -> None:
        self._source = self._preview = self._trace = None
        self._recent.clear()

    def _begin_preview(self) -> None:
        self._preview = None if self._source is None else Intake(self._source.board, None)

    def _deliver(self, event: object) -> None:
        if not isinstance(event, EegBlock | EegConnected | EegLost):
            return
        self._remember(event)
        if isinstance(event, EegBlock):
            if self._traced and self._trace is not None:
                self._trace.observe(event)
            if self._watcher is not None:
                self._watcher(event)
        else:
            self._note_link(event)
        if self._session is not None:
            self._session(event)
        else:
            self._show(event)

    def _show(self, event: EegEvent) -> None:
        if self._preview is not None:
            self._preview.eeg(event)

    def _note_link(self, event: EegConnected | EegLost) -> None:
        if isinstance(event, EegLost):
            self._link, self._problem = "lost", event.reason
            self._log(f"headset lost: {event.reason}")
        else:
            self._link, self._problem = "connected", ""
            self._log(f"headset connected ({event.connection})")
        self._changed()

    def _remember(self, event: EegEvent) -> None:
        self._recent.append(event)
        oldest_ns = read_host_ns() - _REMEMBERED_NS
        while self._recent and _moment_ns(self._recent[0]) < oldest_ns:
            self._recent.popleft()


class LentHeadset:
    """The live headset as an `EegSource` of one session: it is connected already."""

    def __init__(self, headset: LiveHeadset, source: EegSource) -> None:
        self._headset = headset
        self._source = source

    @property
    def board(self) -> Board:
        """Facts about the headset."""
        return self._source.board

    @property
    def simulated(self) -> bool:
        """Whether the samples come from no living head."""
        return self._source.simulated

    @property
    def description(self) -> dict[str, str]:
        """What identifies this very headset."""
        return self._source.description

    def start(self, deliver: Callable[[EegEvent], None]) -> None:
        """Take its samples from now on."""
        self._headset.attach(deliver)

    def stop(self) -> None:
        """Give it back."""
        self._headset.detach()


def _moment_ns(event: EegEvent) -> int:
    return event.polled_ns if isinstance(event, EegBlock) else event.host_ns
