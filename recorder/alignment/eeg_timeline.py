"""Live stamps for EEG: each row gets host time while it is recorded.

Good enough for the screen and for stock readers (a fraction of a millisecond after the
first minute). The lab computes better stamps later from the raw readings, which the
recorder keeps beside these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recorder.alignment.arrival import ArrivalClock
from recorder.alignment.hull import LiveFit
from recorder.alignment.segment import Segment
from recorder.clock import NS_PER_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recorder.alignment.counter import RowPositions
    from recorder.alignment.facts import EegClockFacts
    from recorder.clock import WallPair

# Stamps that would step back are squeezed instead, to this share of the period.
_CLOSEST_SHARE = 1 / 16
_JITTER_MEMORY_S = 10.0


@dataclass(frozen=True, slots=True)
class Placed:
    """The rows of one poll on the host clock.

    ``stamps_ns`` is int64 ``(m,)``, strictly increasing, also from call to call.
    ``samples_uv`` is float32 ``(n_channels, m)``, m >= n: NaN rows stand for the
    ``lost_exact`` rows that the counter shows to be missing. ``break_reason`` says why a
    segment began at row ``break_row`` ("reconnect", "silence", "counter"; the first where
    there are several), else None and -1. ``packet_row`` (among the m) and
    ``packet_source`` (among the n given) are the last rows of the packets that this poll
    completed, int64 ``(p,)``: PacketClock takes their stamps.
    """

    stamps_ns: NDArray[np.int64]
    samples_uv: NDArray[np.float32]
    lost_exact: int
    break_reason: str | None
    break_row: int
    packet_row: NDArray[np.int64]
    packet_source: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LiveNumbers:
    """What the screen shows of a headset's clock; ``silent_s`` is None before any row."""

    rate_hz: float
    drift_ppm: float  # of the rate against the nominal rate
    jitter_ms: float  # mean delay of packets above the fastest way, over about 10 s
    lost_exact: int
    segments: int
    silent_s: float | None


@dataclass(frozen=True, slots=True)
class _Piece:
    """Consecutive rows of one poll in one segment, already on the grid."""

    stamps_ns: NDArray[np.int64]  # (m,)
    into: NDArray[np.int64]  # where each row given goes, (n,)
    packet_end: NDArray[np.int64]  # rows given that complete a packet, (p,)


class EegTimeline:
    """Places the rows of one headset, poll by poll; owned by one thread."""

    def __init__(self, facts: EegClockFacts) -> None:
        self._facts = facts
        self._fit = LiveFit(facts.period_s, facts.oscillator)
        self._arrivals = ArrivalClock()
        self._segment = Segment(facts, self._fit)
        self._connection: int | None = None
        self._origin_ns: int | None = None
        self._last_arrival_s = 0.0
        self._last_stamp_ns: int | None = None
        self._closest_ns = max(1, round(facts.period_s * _CLOSEST_SHARE * NS_PER_S))
        self._lost_exact = 0
        self._segments = 0
        self._jitter_s = 0.0

    def place(
        self,
        *,
        connection: int,
        polled_ns: int,
        wall: WallPair,
        counter: NDArray[np.int64],
        stamp_s: NDArray[np.float64],
        samples_uv: NDArray[np.float32],
    ) -> Placed:
        """Stamp the rows of one poll.

        ``counter`` and ``stamp_s`` have shape ``(n,)``, ``samples_uv`` has shape
        ``(n_channels, n)``. Never raises for what a device can send: numbers that make no
        sense begin a new segment, as do a new connection and a silence that the counter
        can't bridge.
        """
        if self._origin_ns is None:
            self._origin_ns = polled_ns
        arrival_ns = self._arrivals.map(stamp_s, polled_ns=polled_ns, wall=wall)
        arrival_s = np.asarray((arrival_ns - self._origin_ns) / NS_PER_S)
        reason = self._note_connection(connection)
        breaks = [(reason, 0)] if reason else []
        pieces: list[_Piece] = []
        done, n = 0, counter.shape[0]
        while done < n:
            before_row = self._segment.last_row
            positions, why = self._segment.accept(counter[done:], arrival_s[done:])
            length = positions.row.shape[0]
            if length:
                self._learn(positions, arrival_s[done : done + length])
                pieces.append(self._piece(positions, before_row))
                done += length
            if why:
                breaks.append((why, sum(piece.stamps_ns.shape[0] for piece in pieces)))
                self._begin_segment()
        return self._join(samples_uv, pieces, breaks)

    def numbers(self, now_ns: int) -> LiveNumbers:
        """Return what the screen shows at host time ``now_ns``."""
        rate_hz = 1 / self._fit.slope_s
        silent_s = None
        if self._last_stamp_ns is not None and self._origin_ns is not None:
            silent_s = max(
                0.0, (now_ns - self._origin_ns) / NS_PER_S - self._last_arrival_s
            )
        return LiveNumbers(
            rate_hz=rate_hz,
            drift_ppm=(rate_hz / self._facts.rate_hz - 1) * 1e6,
            jitter_ms=self._jitter_s * 1e3,
            lost_exact=self._lost_exact,
            segments=self._segments,
            silent_s=silent_s,
        )

    def _note_connection(self, connection: int) -> str | None:
        if connection == self._connection:
            return None
        reason = None if self._connection is None else "reconnect"
        self._connection = connection
        self._begin_segment()
        return reason

    def _begin_segment(self) -> None:
        self._segments += 1
        self._fit.begin_segment()
        self._segment = Segment(self._facts, self._fit)

    def _learn(self, positions: RowPositions, arrival_s: NDArray[np.float64]) -> None:
        """Feed the arrivals of complete packets to the fit."""
        row = positions.row
        size = self._facts.counter.rows_per_packet
        if size > 1:
            ends = positions.place == size - 1
            if ends.any():
                row, arrival_s = row[ends], arrival_s[ends]
            elif self._fit.begun:
                return
            else:  # even the rows of a packet that is not complete need a stamp
                row, arrival_s = row[-1:], arrival_s[-1:]
        x = row.astype(np.float64)
        self._fit.add(x, arrival_s)
        latest_s = float(arrival_s[-1])
        delay_s = float(
            arrival_s.mean() - self._fit.offset_s - self._fit.slope_s * x.mean()
        )
        weight = min(1.0, max(0.0, latest_s - self._last_arrival_s) / _JITTER_MEMORY_S)
        self._jitter_s += weight * (delay_s - self._jitter_s)
        self._last_arrival_s = latest_s

    def _piece(self, positions: RowPositions, before_row: int) -> _Piece:
        first = before_row + 1
        grid = np.arange(first, int(positions.row[-1]) + 1)
        since_ns = np.rint((self._fit.offset_s + self._fit.slope_s * grid) * NS_PER_S)
        stamps_ns = (self._origin_ns or 0) + since_ns.astype(np.int64)
        stamps_ns = self._increasing(stamps_ns)
        size = self._facts.counter.rows_per_packet
        return _Piece(
            stamps_ns=stamps_ns,
            into=positions.row - first,
            packet_end=np.flatnonzero(positions.place == size - 1),
        )

    def _increasing(self, stamps_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        step = self._closest_ns * np.arange(1, stamps_ns.shape[0] + 1)
        level = stamps_ns - step
        if self._last_stamp_ns is not None:
            level[0] = max(int(level[0]), self._last_stamp_ns)
        stamps_ns = np.maximum.accumulate(level) + step
        self._last_stamp_ns = int(stamps_ns[-1])
        return stamps_ns

    def _join(
        self,
        samples_uv: NDArray[np.float32],
        pieces: list[_Piece],
        breaks: list[tuple[str, int]],
    ) -> Placed:
        empty = np.empty(0, np.int64)
        into, ends, m, n = [empty], [empty], 0, 0
        for piece in pieces:
            into.append(piece.into + m)
            ends.append(piece.packet_end + n)
            m += piece.stamps_ns.shape[0]
            n += piece.into.shape[0]
        goes_to, packet_source = np.concatenate(into), np.concatenate(ends)
        if m > n:
            grid = np.full((samples_uv.shape[0], m), np.nan, np.float32)
            grid[:, goes_to] = samples_uv
            samples_uv = grid
        self._lost_exact += m - n
        reason, row = breaks[0] if breaks else (None, -1)
        return Placed(
            stamps_ns=np.concatenate([empty, *(piece.stamps_ns for piece in pieces)]),
            samples_uv=samples_uv,
            lost_exact=m - n,
            break_reason=reason,
            break_row=row,
            packet_row=goes_to[packet_source],
            packet_source=packet_source,
        )
