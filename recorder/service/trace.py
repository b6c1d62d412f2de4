"""A picture of the newest samples: few enough for a screen, without offset and drift.

Samples are averaged in groups of about 20 ms, the period of European mains: a group that
spans it holds no hum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recorder.eeg.montage import Board
    from recorder.eeg.source import EegBlock

_WANTED_HZ = 50.0
_HIGH_PASS_HZ = 0.5
_MOST_S = 2.0  # what nobody fetched meanwhile is dropped
_DECIMALS = 1


class TraceFeed:
    """Collects blocks and gives them away decimated; owned by one thread at a time."""

    def __init__(self, board: Board) -> None:
        self._group = max(1, round(board.rate_hz / _WANTED_HZ))
        self._n = board.n_channels
        self._most_rows = round(board.rate_hz * _MOST_S)
        self.rate_hz = board.rate_hz / self._group
        self._keep = 1 - 2 * np.pi * _HIGH_PASS_HZ / self.rate_hz
        self._connection = 0
        self.clear()

    def clear(self) -> None:
        """Forget everything: what comes next begins a new picture."""
        self._blocks: list[NDArray[np.float32]] = []
        self._rows = 0
        self._before: NDArray[np.float64] | None = None
        self._level = np.zeros(self._n)

    def observe(self, block: EegBlock) -> None:
        """Take in a block."""
        if block.connection != self._connection or self._rows > self._most_rows:
            self._connection = block.connection
            self.clear()
        self._blocks.append(block.samples_uv)
        self._rows += block.n_rows

    def take(self) -> tuple[tuple[float, ...], ...]:
        """Return what is new since the last call, a list for each channel."""
        whole = self._rows // self._group * self._group
        if not whole:
            return ((),) * self._n
        rows = np.concatenate(self._blocks, axis=1)
        self._blocks, self._rows = [rows[:, whole:]], self._rows - whole
        means = rows[:, :whole].reshape(self._n, -1, self._group).mean(axis=2)
        shown = self._without_drift(means.astype(np.float64))
        return tuple(tuple(row) for row in shown.round(_DECIMALS).tolist())

    def _without_drift(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pass on what changes faster than once in two seconds."""
        before = rows[:, 0] if self._before is None else self._before
        level = self._level
        shown = np.empty_like(rows)
        for n in range(rows.shape[1]):
            level = self._keep * (level + rows[:, n] - before)
            before = rows[:, n]
            shown[:, n] = level
        self._before, self._level = before, level
        return shown
