"""A headset made of arithmetic: what it sends is a function of options, truth and seed.

Sample k is taken when the headset's own oscillator says so (drift, warm-up); it arrives a
transport delay later, in order; some packets never do.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from recorder.clock import NS_PER_S, read_host_ns, read_wall_pair
from recorder.eeg.electrodes import Electrodes
from recorder.eeg.montage import board
from recorder.eeg.source import EegBlock, EegConnected, EegLost

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from recorder.clock import WallPair
    from recorder.eeg.montage import Board
    from recorder.eeg.source import EegEvent
    from recorder.simulation import SimulationOptions, Truth

POLL_S = 0.020
TRANSPORT_S = 0.005
AWAY_S = 3.0
NOTICED_S = 1.0  # after the last data, as the watchdog of a real headset
BOARD = board("simulated")
_WARMUP_S = 600.0
_CHUNK_ROWS = 250
_PROVOKED_AWAY_S = 8.0


class _Oscillator:
    """When the headset takes its samples, in true seconds after the origin."""

    def __init__(self, options: SimulationOptions) -> None:
        self._drift = options.drift_ppm * 1e-6
        self._warmup_s = options.warmup_ppm * 1e-6 * _WARMUP_S

    def ahead_s(self, at_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far the headset's clock is ahead at true times ``at_s``."""
        # The integral of drift + warmup * exp(-t / 600 s).
        return self._drift * at_s + self._warmup_s * -np.expm1(-at_s / _WARMUP_S)

    def sample_times_s(self, index: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the true time of each sample."""
        device_s = index / BOARD.rate_hz
        at_s = device_s / (1 + self._drift)
        for _ in range(4):  # drift below 1 % gains two digits each time, warm-up more
            at_s = device_s - self.ahead_s(at_s)
        return at_s

    def first_index(self, at_s: float) -> int:
        """Return the index of the first sample not before true time ``at_s``."""
        moment = np.array([at_s])
        return math.ceil(float((moment + self.ahead_s(moment))[0]) * BOARD.rate_hz - 1e-6)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of one connection on their way; samples of shape ``(n_channels, n_rows)``."""

    connection: int
    arrival_ns: NDArray[np.int64]
    stamp_s: NDArray[np.float64]
    counter: NDArray[np.int64]
    samples_uv: NDArray[np.float32]

    def part(self, which: slice | NDArray[np.bool_]) -> _Rows:
        """Return the chosen rows."""
        return _Rows(
            self.connection,
            self.arrival_ns[which],
            self.stamp_s[which],
            self.counter[which],
            self.samples_uv[:, which],
        )

    def followed_by(self, other: _Rows) -> _Rows:
        """Return these rows and those of ``other``."""
        return _Rows(
            self.connection,
            np.concatenate([self.arrival_ns, other.arrival_ns]),
            np.concatenate([self.stamp_s, other.stamp_s]),
            np.concatenate([self.counter, other.counter]),
            np.concatenate([self.samples_uv, other.samples_uv], axis=1),
        )


class SimulatedHeadset:
    """The headset on any clock: tell it the host time, it tells what arrived until then.

    It is polled on its own 20 ms grid from ``wall.host_ns`` on, so that how often
    `advance` is called changes nothing. ``wall`` ties host time to wall time.
    """

    def __init__(self, options: SimulationOptions, truth: Truth, *, wall: WallPair) -> None:
        self._options = options
        self._truth = truth
        self._wall = wall
        self._oscillator = _Oscillator(options)
        self._rng = np.random.default_rng([options.seed, 0xEE6])
        self._electrodes = Electrodes(BOARD, truth, self._rng)
        # A new connection counts from anywhere.
        starts = self._rng.integers(0, BOARD.counter.modulus, 2)
        self._counter_starts: list[int] = starts.tolist()
        self._poll_ns = wall.host_ns
        begin_s = truth.seconds(wall.host_ns)
        away_s = options.reconnect_at_s
        self._outages: list[tuple[float, float]] = []  # from when to when it is away
        if away_s and away_s > begin_s:
            self._outages.append((away_s, away_s + AWAY_S))
        self._next_index = self._oscillator.first_index(begin_s)
        self._last_arrival_s = -math.inf
        self._connection = 0
        self._noticed = 0  # outages told of
        self._taken_s = -math.inf
        self._waiting: deque[_Rows] = deque()

    def advance(self, now_ns: int) -> list[EegEvent]:
        """Return what every poll up to host time ``now_ns`` saw, in order."""
        events: list[EegEvent] = []
        while self._poll_ns <= now_ns:
            events += self._poll()
            self._poll_ns += round(POLL_S * NS_PER_S)
        return events

    def _poll(self) -> list[EegEvent]:
        poll_s = self._truth.seconds(self._poll_ns)
        while self._taken_s <= poll_s:
            self._waiting += self._take_samples()
        events: list[EegEvent] = []
        for rows in self._arrived():
            if rows.connection > self._connection:
                self._connection = rows.connection
                events.append(EegConnected(self._poll_ns, rows.connection))
            events.append(self._block(rows, poll_s))
        events += self._notice(poll_s)
        return events

    def _notice(self, poll_s: float) -> list[EegEvent]:
        """Tell of an outage once it has lasted a second."""
        if self._noticed == len(self._outages):
            return []
        if poll_s < self._outages[self._noticed][0] + NOTICED_S:
            return []
        self._noticed += 1
        return [EegLost(self._poll_ns, self._noticed, "simulated loss of the link")]

    def provoke(self, fault: str) -> None:
        """Let electrodes fail or mend; or lose the link, which returns after 8 s."""
        if fault == "electrodes":
            self._electrodes.failing = not self._electrodes.failing
        elif self._noticed == len(self._outages):
            # What was taken already is on its way and arrives.
            away_s = self._taken_s
            self._counter_starts.append(self._counter_starts[-1] // 2)
            # Last, and in one step: the headset's own thread is at work meanwhile.
            self._outages = [*self._outages, (away_s, away_s + _PROVOKED_AWAY_S)]

    def _arrived(self) -> list[_Rows]:
        """Take what arrived until this poll out of what is on its way."""
        arrived: list[_Rows] = []
        while self._waiting:
            head = self._waiting.popleft()
            n_arrived = int(head.arrival_ns.searchsorted(self._poll_ns, "right"))
            rows = head.part(slice(n_arrived))
            if arrived and arrived[-1].connection == rows.connection:
                rows = arrived.pop().followed_by(rows)
            if rows.counter.size:
                arrived.append(rows)
            if n_arrived < head.counter.size:
                self._waiting.appendleft(head.part(slice(n_arrived, None)))
                break
        return arrived

    def _block(self, rows: _Rows, poll_s: float) -> EegBlock:
        return EegBlock(
            connection=rows.connection,
            polled_ns=self._poll_ns,
            wall=self._wall,
            counter=rows.counter,
            stamp_s=rows.stamp_s,
            samples_uv=rows.samples_uv,
            battery_percent=max(5.0, 95 - poll_s / 200),
        )

    def _take_samples(self) -> list[_Rows]:
        """Take the next chunk of samples and send them on their way."""
        index = np.arange(self._next_index, self._next_index + _CHUNK_ROWS)
        self._next_index += _CHUNK_ROWS
        taken_s = self._oscillator.sample_times_s(index)
        self._taken_s = float(taken_s[-1])
        arrival_ns = self._arrival_ns(taken_s)
        samples_uv = self._electrodes.sample_uv(index, taken_s)
        survives = self._rng.random(_CHUNK_ROWS) >= self._options.loss
        # A link's connection holds until it goes away, and begins when it is back.
        outages = self._outages
        begins = [-math.inf, *(back_s for _, back_s in outages)]
        ends = [*(away_s for away_s, _ in outages), math.inf]
        return [
            _Rows(
                connection=number + 1,
                arrival_ns=arrival_ns,
                stamp_s=(self._wall.wall_ns + (arrival_ns - self._wall.host_ns)) / NS_PER_S,
                counter=(index + self._counter_starts[number]) % BOARD.counter.modulus,
                samples_uv=samples_uv,
            ).part(survives & up)
            for number, (begin_s, end_s) in enumerate(zip(begins, ends, strict=True))
            if (up := (taken_s >= begin_s) & (taken_s < end_s)).any()
        ]

    def _arrival_ns(self, taken_s: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return when the host gets the samples: late by chance, but never out of order."""
        jitter_s = self._rng.exponential(self._options.jitter_ms / 1000, taken_s.size)
        arrival_s = np.maximum.accumulate(taken_s + TRANSPORT_S + jitter_s)
        arrival_s = np.maximum(arrival_s, self._last_arrival_s)
        self._last_arrival_s = float(arrival_s[-1])
        since_ns = np.rint(arrival_s * NS_PER_S).astype(np.int64)
        return np.asarray(self._truth.origin_ns + since_ns)


class SimulatedSource:
    """The simulated headset on the real host clock."""

    def __init__(self, options: SimulationOptions, truth: Truth) -> None:
        self._options = options
        self._truth = truth
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._headset: SimulatedHeadset | None = None

    def provoke(self, fault: str) -> None:
        """Let it fail on demand; see `SimulatedHeadset.provoke`."""
        if self._headset is not None:
            self._headset.provoke(fault)

    @property
    def board(self) -> Board:
        """Facts about the simulated headset."""
        return BOARD

    @property
    def simulated(self) -> bool:
        """Say so: no living head."""
        return True

    @property
    def description(self) -> dict[str, str]:
        """The options that make this headset what it is."""
        return {name: str(value) for name, value in asdict(self._options).items()}

    def start(self, deliver: Callable[[EegEvent], None]) -> None:
        """Begin to deliver from a thread of its own."""
        headset = SimulatedHeadset(self._options, self._truth, wall=read_wall_pair())
        self._headset = headset
        self._stopping.clear()
        thread = threading.Thread(
            target=self._run, args=(headset, deliver), name="simulated-headset", daemon=True
        )
        thread.start()
        self._thread = thread

    def stop(self) -> None:
        """Stop delivering."""
        self._stopping.set()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self, headset: SimulatedHeadset, deliver: Callable[[EegEvent], None]) -> None:
        while not self._stopping.wait(POLL_S):
            for event in headset.advance(read_host_ns()):
                deliver(event)
