"""Turn wrapped packet counters into row positions on the headset's regular grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recorder.alignment.facts import CounterFacts


@dataclass(frozen=True, slots=True)
class CounterState:
    """Where the last row stood: its number, its packet and its place in a run of rows.

    ``run`` counts the rows so far that carry ``counter``, without a break.
    """

    counter: int
    packet: int
    run: int


@dataclass(frozen=True, slots=True)
class RowPositions:
    """Unwrapped positions of rows, each int64 of shape ``(n,)``.

    ``row`` counts sampling periods since the segment began, ``place`` is 0 for a packet's
    first row. ``row`` may fall where a counter without wrap went backwards.
    """

    row: NDArray[np.int64]
    place: NDArray[np.int64]
    packet: NDArray[np.int64]
    run: NDArray[np.int64]

    def first(self, n: int) -> RowPositions:
        """Return the first ``n`` rows."""
        return RowPositions(self.row[:n], self.place[:n], self.packet[:n], self.run[:n])


def packet_steps(counter: NDArray[np.int64], facts: CounterFacts) -> NDArray[np.int64]:
    """Return by how many packets each number is ahead of the one before, shape (n - 1,).

    0 means the same number again. With a modulus the result is exact for a loss of less
    than one wrap.
    """
    ahead = np.diff(counter)
    if facts.modulus:
        ahead %= facts.modulus
    if facts.step > 1:
        ahead = (ahead + facts.step // 2) // facts.step
    return ahead


def unwrap_rows(
    counter: NDArray[np.int64], facts: CounterFacts, last: CounterState | None
) -> RowPositions:
    """Place rows on the grid, going on from ``last`` (None: a segment begins here).

    A number that stays after its packet is full counts as the next packet: a stuck
    counter then still yields one row a period.
    """
    n = counter.shape[0]
    size = facts.rows_per_packet
    if last is None:
        last = CounterState(counter=int(counter[0]), packet=0, run=-1)
    if facts.software:
        run = last.run + 1 + np.arange(n)
        return RowPositions(row=run, place=run % size, packet=run // size, run=run)
    steps = packet_steps(np.concatenate(([last.counter], counter)), facts)
    index = np.arange(n)
    begins = np.maximum.accumulate(np.where(steps != 0, index, -1))
    run = np.where(begins < 0, index + last.run + 1, index - begins)
    place = run % size
    steps[(steps == 0) & (place == 0) & (run > 0)] = 1
    packet = last.packet + np.cumsum(steps)
    return RowPositions(row=packet * size + place, place=place, packet=packet, run=run)
