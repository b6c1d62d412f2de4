"""One stretch of a headset's counter without a break: which rows belong to it.

After a silence too long for the counter, a headset's queue delivers its old packets
first; what was lost is missing behind them. So the segment goes on while the numbers do,
and ends at the first jump before the backlog is drained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recorder.alignment.counter import CounterState, RowPositions, unwrap_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recorder.alignment.facts import EegClockFacts
    from recorder.alignment.hull import LiveFit

# How far a row may seem to lie after its own arrival before its number must be wrong.
# Where a segment begins inside a stall, which lasts seconds, its fastest way is still
# to be found.
_YOUNG_S = 5.0
_AHEAD_YOUNG_S = 5.0
_AHEAD_S = 0.1
# A backlog counts as drained at this share of the longest silence above the fastest way.
_DRAINED_SHARE = 0.25
_LONGEST_BACKLOG_S = 5.0


class Segment:
    """Unwraps the counter and tells where it can't be followed any further."""

    def __init__(self, facts: EegClockFacts, fit: LiveFit) -> None:
        self._facts = facts
        self._fit = fit
        self._last: CounterState | None = None
        self._last_arrival_s = 0.0
        self._silence_end_s: float | None = None  # while a backlog may hide a loss
        self.last_row = -1

    def accept(
        self, counter: NDArray[np.int64], arrival_s: NDArray[np.float64]
    ) -> tuple[RowPositions, str | None]:
        """Return the rows that belong here, and why the first of the others does not.

        Both arrays have shape ``(n,)``. A segment without rows accepts at least one.
        """
        positions = unwrap_rows(counter, self._facts.counter, self._last)
        n, why = self._first_break(positions, arrival_s)
        if why:
            positions = positions.first(n)
        if n:
            self.last_row = int(positions.row[-1])
            self._last = CounterState(
                counter=int(counter[n - 1]),
                packet=int(positions.packet[-1]),
                run=int(positions.run[-1]),
            )
            self._last_arrival_s = float(arrival_s[n - 1])
        return positions, why

    def _first_break(
        self, positions: RowPositions, arrival_s: NDArray[np.float64]
    ) -> tuple[int, str | None]:
        before_s = self._last_arrival_s if self._last else arrival_s[0]
        silent = np.diff(arrival_s, prepend=before_s) > self._facts.longest_silence_s
        ahead = np.diff(positions.row, prepend=self.last_row)
        wrong = ahead < 1
        if (ahead > 1).any():
            wrong |= (ahead > 1) & self._too_early(positions.row, arrival_s)
        n = arrival_s.shape[0]
        first_wrong = int(np.argmax(wrong)) if wrong.any() else n
        if self._silence_end_s is not None or silent.any():
            first_silent = self._silence_break(positions.row, arrival_s, silent, ahead)
            if first_silent < n and first_silent <= first_wrong:
                return first_silent, "silence"
        return first_wrong, "counter" if first_wrong < n else None

    def _silence_break(
        self,
        row: NDArray[np.int64],
        arrival_s: NDArray[np.float64],
        silent: NDArray[np.bool_],
        ahead: NDArray[np.int64],
    ) -> int:
        """Return the first row that a silence cut off; n where there is none."""
        drained_s = self._facts.longest_silence_s * _DRAINED_SHARE
        delay_s = arrival_s - self._fit.offset_s - self._fit.slope_s * row
        n = int(arrival_s.shape[0])
        for index in range(n):
            if silent[index]:
                self._silence_end_s = float(arrival_s[index])
            if self._silence_end_s is None:
                continue
            waited_s = float(arrival_s[index]) - self._silence_end_s
            jumped = ahead[index] > 1 or self._facts.counter.software
            if jumped or waited_s > _LONGEST_BACKLOG_S:
                return index
            if delay_s[index] < drained_s:
                self._silence_end_s = None
        return n

    def _too_early(
        self, row: NDArray[np.int64], arrival_s: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Tell which rows would have arrived well before they were sampled."""
        fit = self._fit
        offset_s = fit.offset_s if fit.begun else float(arrival_s[0])
        young = not fit.begun or fit.span_s < _YOUNG_S
        allowed_s = _AHEAD_YOUNG_S if young else _AHEAD_S
        return np.asarray(offset_s + fit.slope_s * row > arrival_s + allowed_s)
