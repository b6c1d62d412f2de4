"""Sessions with known truth: what a recorder sees of headsets on their links.

Independent of the fits: oscillators warm up and wander, packets wait for connection
events, queue, stall, get lost, arrive in bursts; links come back with new counters; wall
time steps. Everything follows from the seed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from recorder.alignment import CounterFacts, EegClockFacts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

HOST_START_S = 5_000.0
WALL_START_S = 1_760_000_000.0


@dataclass(frozen=True, slots=True)
class Profile:
    """A headset on a link. Times in ms; ``*_every_s`` 0 = never."""

    name: str
    facts: EegClockFacts
    link: str  # ble | serial | spi
    latency_ms: float
    intervals_ms: tuple[float, ...] = ()  # connection interval, drawn per connection
    ftdi_timer_ms: float = 0.0
    host_tail_ms: float = 0.3
    event_errors: tuple[float, float] = (0.01, 0.4)  # good and bad state
    bad_every_s: float = 60.0
    stall_every_s: float = 900.0
    loss: float = 0.0
    burst_every_s: float = 0.0
    disconnect_every_s: float = 2700.0
    queue: int = 40


def _facts(modulus: int, rows: int, rate_hz: float, kind: str) -> EegClockFacts:
    return EegClockFacts(
        counter=CounterFacts(
            modulus=modulus, rows_per_packet=rows, software=kind == "software"
        ),
        rate_hz=rate_hz,
        oscillator="crystal" if kind == "crystal" else "rc",
        stamps="last_row_of_packet" if rows == 12 else "each_row",
    )


_CYTON = _facts(256, 1, 250.0, "rc")
_GANGLION = _facts(100, 2, 200.0, "crystal")
_MUSE = _facts(65536, 12, 256.0, "crystal")
_SERIAL = Profile(
    "cyton_ftdi1", _CYTON, "serial", 6.0, ftdi_timer_ms=1.0, loss=0.0005, stall_every_s=0
)
_MUSE_BLE = Profile("muse_8.75", _MUSE, "ble", 10.0, (8.75,), loss=0.0005)
_GANGLION_BLE = Profile("ganglion_8.75", _GANGLION, "ble", 8.0, (8.75,), loss=0.0005)

PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "pieeg_drdy",
            _facts(0, 1, 250.0, "software"),
            "spi",
            0.0,
            host_tail_ms=0.012,
            disconnect_every_s=0,
            stall_every_s=0,
            burst_every_s=1800.0,
        ),
        _SERIAL,
        replace(_SERIAL, name="cyton_ftdi16", ftdi_timer_ms=16.0),
        _GANGLION_BLE,
        replace(_GANGLION_BLE, name="ganglion_10", intervals_ms=(10.0,)),
        _MUSE_BLE,
        replace(_MUSE_BLE, name="muse_15_30", intervals_ms=(15.0, 30.0)),
        replace(
            _MUSE_BLE,
            name="muse_badlink",
            intervals_ms=(30.0, 48.75),
            event_errors=(0.1, 0.8),
            bad_every_s=15.0,
            stall_every_s=90.0,
            loss=0.01,
            burst_every_s=120.0,
            disconnect_every_s=1200.0,
        ),
    )
}


class DeviceClock:
    """An oscillator: device time against true time; constant, warm-up and random walk."""

    def __init__(self, rng: np.random.Generator, kind: str, until_s: float) -> None:
        t = np.arange(0.0, until_s + 60.0)
        if kind == "crystal":
            constant, warm = rng.uniform(-40e-6, 40e-6), rng.normal(0, 2e-6)
            walk = 0.01e-6
        else:
            constant, warm, walk = rng.uniform(-5e-3, 5e-3), rng.normal(0, 300e-6), 0.5e-6
        steps = np.cumsum(rng.normal(0, walk, t.shape[0]))
        frequency = constant + warm * np.exp(-t / 600.0) + steps
        self._true_s = t
        change = (frequency[1:] + frequency[:-1]) / 2
        self._device_s = t + np.concatenate([[0.0], np.cumsum(change)])

    def device_s(self, true_s: Floats) -> Floats:
        return np.asarray(np.interp(true_s, self._true_s, self._device_s))

    def true_s(self, device_s: Floats) -> Floats:
        return np.asarray(np.interp(device_s, self._device_s, self._true_s))


@dataclass(frozen=True, slots=True)
class SeenEeg:
    """What a recorder keeps, one entry a packet (p,), and the truth behind it."""

    counter: Ints
    stamp_s: Floats  # wall, of the last row's arrival
    polled_s: Floats  # host
    connection: Ints
    true_end_s: Floats  # host time at which the last row was sampled
    arrival_s: Floats  # host
    n_lost: int  # packets lost inside connections

    def first(self, duration_s: float) -> SeenEeg:
        """Return the packets that arrived in the first ``duration_s``."""
        n = int(np.searchsorted(self.arrival_s, HOST_START_S + duration_s))
        return SeenEeg(
            counter=self.counter[:n],
            stamp_s=self.stamp_s[:n],
            polled_s=self.polled_s[:n],
            connection=self.connection[:n],
            true_end_s=self.true_end_s[:n],
            arrival_s=self.arrival_s[:n],
            n_lost=self.n_lost,
        )


class WallClock:
    """Wall time that slews, and steps at given host times."""

    def __init__(
        self, rng: np.random.Generator, steps: tuple[tuple[float, float], ...]
    ) -> None:
        self._slew = float(rng.uniform(-30e-6, 30e-6))
        self._steps = steps

    def at(self, host_s: Floats) -> Floats:
        wall = WALL_START_S + (host_s - HOST_START_S) * (1 + self._slew)
        for when_s, by_s in self._steps:
            wall = wall + np.where(host_s >= HOST_START_S + when_s, by_s, 0.0)
        return wall


def simulate_eeg(
    profile: Profile, duration_s: float, seed: int, wall: WallClock
) -> SeenEeg:
    """Run a headset over its link for a session."""
    rng = np.random.default_rng([seed, 1])
    clock = DeviceClock(rng, profile.facts.oscillator, duration_s)
    radio = DeviceClock(rng, "crystal", duration_s)
    size = profile.facts.counter.rows_per_packet
    period_s = size / profile.facts.rate_hz
    ends = clock.true_s(np.arange(1.0, duration_s / period_s) * period_s)
    ends = ends[ends < duration_s]
    edges = _times(rng, profile.disconnect_every_s, duration_s)
    columns: list[tuple[Ints, Floats, Floats, Ints]] = []
    begin_s, n_lost = 0.0, 0
    for number, end_s in enumerate([*edges, duration_s], start=1):
        sampled = ends[(ends >= begin_s) & (ends < end_s)]
        begin_s = end_s + rng.uniform(3.0, 15.0)
        if sampled.shape[0] < 2:
            continue
        arrival = _transport(profile, sampled, radio, rng)
        kept = np.isfinite(arrival)
        counter = np.arange(sampled.shape[0]) + int(rng.integers(0, 60000))
        if profile.facts.counter.software:
            counter = np.cumsum(kept) - 1
        counter = counter % (profile.facts.counter.modulus or 1 << 40)
        n_lost += int(np.sum(~kept))
        columns.append(
            (counter[kept], sampled[kept], arrival[kept], np.full(kept.sum(), number))
        )
    sampled = np.concatenate([column[1] for column in columns])
    arrival = np.concatenate([column[2] for column in columns])
    arrival = np.maximum.accumulate(arrival) + HOST_START_S
    grid = np.arange(HOST_START_S, arrival[-1] + 1.0, 0.02)
    polls = grid + np.minimum(rng.exponential(0.0005, grid.shape[0]), 0.019)
    polled = polls[np.searchsorted(polls, arrival, side="left")]
    return SeenEeg(
        counter=np.concatenate([column[0] for column in columns]),
        stamp_s=wall.at(arrival),
        polled_s=polled,
        connection=np.concatenate([column[3] for column in columns]),
        true_end_s=sampled + HOST_START_S,
        arrival_s=arrival,
        n_lost=n_lost,
    )


def _times(rng: np.random.Generator, every_s: float, until_s: float) -> Floats:
    if not every_s:
        return np.empty(0)
    return np.sort(rng.uniform(10.0, until_s, rng.poisson(until_s / every_s)))


def _transport(
    profile: Profile, sampled: Floats, radio: DeviceClock, rng: np.random.Generator
) -> Floats:
    """Return when each packet reached the host, in order; NaN where it was lost."""
    ready = sampled + profile.latency_ms / 1e3
    n = ready.shape[0]
    lost = rng.random(n) < profile.loss
    for when in _times(rng, profile.burst_every_s, ready[-1]):
        long_s = 0.03 if profile.link == "spi" else rng.uniform(0.1, 1.0)
        lost |= (ready > when) & (ready < when + long_s)
    if profile.link == "ble":
        arrival = _ble(profile, ready, radio, rng)
    elif profile.link == "serial":
        arrival = _ftdi(ready, profile.ftdi_timer_ms / 1e3, rng)
    else:
        arrival = ready
    arrival[lost] = np.nan
    tail = np.asarray(rng.exponential(profile.host_tail_ms / 1e3, n))
    hiccups = np.flatnonzero(rng.random(n) < 0.0005)
    tail[hiccups] += rng.uniform(0.001, 0.04, hiccups.shape[0])
    arrival = arrival + tail
    kept = np.isfinite(arrival)
    arrival[kept] = np.maximum.accumulate(arrival[kept])
    return np.asarray(arrival)


def _working_events(
    profile: Profile, ready: Floats, radio: DeviceClock, rng: np.random.Generator
) -> Floats:
    """Return the connection events that carry data: neither in error nor in a stall."""
    interval_s = float(rng.choice(profile.intervals_ms)) / 1e3
    first = radio.device_s(ready[:1])[0] + rng.uniform(0, interval_s)
    last = radio.device_s(ready[-1:])[0] + 30.0
    events = radio.true_s(np.arange(first, last, interval_s))
    error = np.full(events.shape[0], profile.event_errors[0])
    for when in _times(rng, profile.bad_every_s, events[-1]):
        bad = (events > when) & (events < when + rng.exponential(3.0))
        error[bad] = profile.event_errors[1]
    works = rng.random(events.shape[0]) >= error
    for when in _times(rng, profile.stall_every_s, events[-1]):
        works &= ~((events > when) & (events < when + rng.uniform(1.0, 5.0)))
    return np.asarray(events[works])


def _ble(
    profile: Profile, ready: Floats, radio: DeviceClock, rng: np.random.Generator
) -> Floats:
    """Wait for connection events; six packets an event, in order, through a queue."""
    events = _working_events(profile, ready, radio, rng)
    slots = np.searchsorted(events, ready).tolist()
    per_event, never = 6, -(1 << 40)
    sent = [never] * max(profile.queue, per_event)
    arrival = np.full(ready.shape[0], np.nan)
    for index, wanted in enumerate(slots):
        slot = max(wanted, sent[-1], sent[-per_event] + 1)
        if slot >= events.shape[0]:
            break
        if sent[-profile.queue] >= wanted:
            continue  # the queue is full: this packet is dropped
        sent.append(slot)
        arrival[index] = events[slot]
    return arrival


def _ftdi(ready: Floats, timer_s: float, rng: np.random.Generator) -> Floats:
    """33 bytes a packet at 115200 baud; handed over at 62 bytes or by the timer."""
    byte_s, size, block = 10 / 115200, 33, 62
    held, flushed = 0, float(rng.uniform(0, timer_s))
    arrival = ready.copy()
    waiting: list[int] = []
    wire_free = 0.0
    for index, start in enumerate(ready.tolist()):
        begin = max(start, wire_free)
        wire_free = begin + size * byte_s
        if waiting and flushed + timer_s < begin:
            when = flushed + timer_s
            arrival[waiting] = np.maximum(when, arrival[waiting])
            waiting, held, flushed = [], 0, when
        while flushed + timer_s < begin:
            flushed += timer_s
        if held + size >= block:
            when = begin + (block - held) * byte_s
            arrival[waiting] = when
            waiting, flushed = [], when
            held = held + size - block
            if held == 0:
                arrival[index] = when
                continue
        else:
            held += size
        waiting.append(index)
        arrival[index] = wire_free
    return arrival
