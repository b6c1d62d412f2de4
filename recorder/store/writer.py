"""The one thread that writes: devices hand it events and never wait for the disk.

Events wait in a bounded queue that holds well over 30 s of the busiest devices. If it
ever fills, new blocks are dropped, counted and shown; news and commands always fit.
Commands run in the thread, in the order of events around them, and their caller waits.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from recorder.audio.source import AudioBlock, AudioConnected, AudioLost
from recorder.clock import NS_PER_S
from recorder.eeg.source import EegBlock
from recorder.errors import StoreWriteError
from recorder.store.recording import TICK_NS

if TYPE_CHECKING:
    from collections.abc import Callable

    from recorder.audio.source import AudioEvent
    from recorder.audio.watch import Sound
    from recorder.eeg.quality import Contact
    from recorder.eeg.source import EegEvent
    from recorder.format.marks import MarkRecord
    from recorder.store.recording import Recording

_T = TypeVar("_T")
# 10 ms polls and 10 ms periods make 200 blocks a second: a minute of them.
CAPACITY_BLOCKS = 12_000
_BATCH = 1_000  # between two looks at whether a tick is due
_SLOW_SYNC_NS = 300_000_000  # beyond it "at most a second lost" no longer holds


@dataclass(frozen=True, slots=True)
class WriterStatus:
    """What the writer knew at its last tick; times are host nanoseconds."""

    at_ns: int
    saved_ns: int
    rows: int
    lost_samples: int
    xruns: int
    overflowed: int
    eeg_rate_hz: float
    eeg_drift_ppm: float
    eeg_jitter_ms: float
    eeg_silent_s: float | None  # since the last packet; None before any
    sound: tuple[Sound, ...]
    contacts: tuple[Contact, ...]
    contacts_ns: int  # when they were judged; 0 before any
    headset_lost: bool
    microphone_lost: bool
    battery_percent: float | None
    parts: int
    written_ns: int
    lost_ns: int  # of that, the headset has no samples for
    paused: bool
    slow_disk: bool
    trouble: str

    @property
    def levels_db(self) -> tuple[float, ...]:
        """Each audio channel's peak over the last half to one second."""
        return tuple(one.peak_dbfs for one in self.sound)


@dataclass(frozen=True, slots=True)
class Written:
    """A mark as it was written: into which part, and whether that is on the medium."""

    record: MarkRecord
    part: int
    saved: bool


@dataclass(frozen=True, slots=True)
class Erasure:
    """The parts that are gone, and how much of the recording that was."""

    parts: tuple[int, ...]
    length_ns: int


@dataclass(frozen=True, slots=True)
class _Item:
    event: EegEvent | AudioEvent | Callable[[], None]
    queued_ns: int


class Writer:
    """Feeds a `Recording` from its own thread."""

    def __init__(self, recording: Recording, *, clock: Callable[[], int]) -> None:
        self._recording = recording
        self._clock = clock
        self._queue: deque[_Item] = deque()
        self._blocks = 0
        self._dropped = 0
        self._condition = threading.Condition()
        self._stopping = False
        self._urgent = False  # something waits that should not wait for the next tick
        self._begun = False
        self._slow = False
        self._upto_ns = clock()  # everything delivered before has been taken
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._thread: Future[None] | None = None
        self._status = self._look(clock())

    @property
    def status(self) -> WriterStatus:
        """The newest status; replaced at every tick."""
        return self._status

    def start(self) -> None:
        """Start the thread; events before `begin` only teach it the headset's clock."""
        self._thread = self._pool.submit(self._run)

    def begin(self) -> None:
        """Begin to write. Raises StoreWriteError where the disk refuses."""
        self._command(self._begin)

    def deliver(self, event: EegEvent | AudioEvent) -> None:
        """Take an event from a device's thread; returns at once."""
        with self._condition:
            if isinstance(event, EegBlock | AudioBlock):
                if self._blocks >= CAPACITY_BLOCKS:
                    self._dropped += 1
                    return
                self._blocks += 1
                self._queue.append(_Item(event, self._clock()))
                return  # the next tick is soon enough: no wake-up for each block
            self._wake(event)

    def mark(self, record: MarkRecord) -> Written:
        """Write a marker and save it."""

        def act() -> Written:
            written = self._recording.mark(record)
            # The tick may already open the next part.
            return Written(written, self._recording.n_parts, self._tick())

        return self._command(act)

    def pause(self) -> None:
        """Write no samples until `resume`; everything before is saved."""
        self._command(lambda: self._recording.pause(self._clock()))

    def resume(self) -> None:
        """Write again, from this moment on."""
        self._command(lambda: self._recording.resume(self._clock()))

    def erase(self, back_ns: int) -> Erasure:
        """Erase the parts that hold anything of the last ``back_ns``."""

        def act() -> Erasure:
            now_ns = self._clock()
            before_ns = self._recording.written_ns(now_ns)
            parts = self._recording.erase(back_ns, now_ns)
            return Erasure(parts, before_ns - self._recording.written_ns(now_ns))

        return self._command(act)

    def stop(self) -> None:
        """Close everything and end the thread. Raises StoreWriteError on any loss."""
        try:
            self._command(lambda: self._recording.stop(self._clock()))
        finally:
            self.abandon()

    def abandon(self) -> None:
        """End the thread and write nothing more; everything stays as it lies."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        self._pool.shutdown(wait=True)
        self._recording.let_go()
        self._status = self._look(self._clock())

    def check(self) -> None:
        """Raise what ended the thread, if something did."""
        if self._thread is not None and self._thread.done():
            self._thread.result()

    def _begin(self) -> None:
        self._recording.begin(self._clock())
        self._begun = True

    def _command(self, act: Callable[[], _T]) -> _T:
        future: Future[_T] = Future()

        def run() -> None:
            try:
                result = act()
            except (StoreWriteError, OSError) as error:
                future.set_exception(error)
            else:
                # Whoever paused must see it at once: the next key may be a mark.
                self._status = self._look(self._clock())
                future.set_result(result)

        with self._condition:
            self._wake(run)
        while True:
            try:
                return future.result(timeout=1)
            except TimeoutError:
                if self._thread is None or self._thread.done():
                    self.check()
                    raise StoreWriteError("the writer has stopped") from None

    def _wake(self, event: EegEvent | AudioEvent | Callable[[], None]) -> None:
        self._queue.append(_Item(event, self._clock()))
        self._urgent = True
        self._condition.notify()

    def _run(self) -> None:
        next_tick_ns = self._clock() + TICK_NS
        more = False
        while not self._stopping:
            wait_ns = 0 if more else max(0, next_tick_ns - self._clock())
            self._take_waiting(wait_ns / NS_PER_S)
            now_ns = self._clock()
            if now_ns >= next_tick_ns:
                next_tick_ns = max(next_tick_ns + TICK_NS, now_ns)
                self._tick()
            # Before `begin` the journals are being made ready by who begins.
            more = self._begun and self._recording.work()

    def _take_waiting(self, wait_s: float) -> None:
        """Take what is queued, after waiting for news or a command to wake us."""
        with self._condition:
            if wait_s > 0 and not self._urgent and not self._stopping:
                self._condition.wait(wait_s)
            self._urgent = False
            items = [self._pop() for _ in range(min(len(self._queue), _BATCH))]
            upto_ns = items[-1].queued_ns if self._queue else self._clock()
        for item in items:
            self._upto_ns = item.queued_ns
            self._take(item)
        self._upto_ns = upto_ns

    def _pop(self) -> _Item:
        item = self._queue.popleft()
        if isinstance(item.event, EegBlock | AudioBlock):
            self._blocks -= 1
        return item

    def _take(self, item: _Item) -> None:
        event = item.event
        if isinstance(event, AudioBlock | AudioConnected | AudioLost):
            self._recording.intake.audio(event)
        elif callable(event):
            event()
        else:
            self._recording.intake.eeg(event)

    def _tick(self) -> bool:
        with self._condition:
            dropped, self._dropped = self._dropped, 0
        if dropped:
            self._recording.intake.overflow(dropped)
        began_ns = self._clock()
        saved = self._recording.tick(self._upto_ns) if self._begun else True
        now_ns = self._clock()
        self._slow = now_ns - began_ns > _SLOW_SYNC_NS
        self._status = self._look(now_ns)
        return saved

    def _look(self, now_ns: int) -> WriterStatus:
        intake = self._recording.intake
        counts = intake.counts
        numbers = intake.numbers(now_ns)
        return WriterStatus(
            at_ns=now_ns,
            saved_ns=self._recording.saved_ns,
            rows=counts.rows,
            lost_samples=counts.lost_samples,
            xruns=counts.xruns,
            overflowed=counts.overflowed,
            eeg_rate_hz=0.0 if intake.headset_lost else numbers.rate_hz,
            eeg_drift_ppm=numbers.drift_ppm,
            eeg_jitter_ms=numbers.jitter_ms,
            eeg_silent_s=numbers.silent_s,
            sound=intake.sound(now_ns),
            contacts=intake.contact.contacts,
            contacts_ns=intake.contact.judged_ns,
            headset_lost=intake.headset_lost,
            microphone_lost=intake.microphone_lost,
            battery_percent=intake.battery_percent,
            parts=self._recording.n_parts,
            written_ns=self._recording.written_ns(now_ns),
            lost_ns=self._recording.lost_ns(now_ns),
            paused=self._recording.paused,
            slow_disk=self._slow,
            trouble=self._recording.trouble,
        )
