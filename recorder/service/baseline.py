"""The two minutes of rest: eyes open, eyes closed, and whether alpha waves answer.

Alpha (8 to 12 Hz) grows when the eyes close. That it does is proof that a brain is
recorded; that it does not is no proof of the contrary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from recorder.clock import NS_PER_S
from recorder.eeg.quality import Verdict
from recorder.protocol.state import Baseline

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recorder.eeg.montage import Board
    from recorder.eeg.quality import Contact
    from recorder.eeg.source import EegBlock

Stage = Literal["eyes_open", "eyes_closed"]
STAGES: tuple[Stage, ...] = ("eyes_open", "eyes_closed")
_ALPHA_HZ = (8.0, 12.0)
_WINDOW_S = 2.0
_FEWEST_WINDOWS = 3
_POSTERIOR = ("O1", "O2", "OZ", "PZ", "P3", "P4", "P7", "P8", "PO", "TP", "T5", "T6")


@dataclass
class Rest:
    """A baseline under way. `observe` is called by the headset's thread."""

    board: Board
    stage_s: float
    began_ns: int  # of the stage
    stage: Stage | Literal["done"] = "eyes_open"
    alpha_ratio: float | None = None
    _samples: dict[str, list[NDArray[np.float32]]] = field(default_factory=dict)

    def observe(self, block: EegBlock) -> None:
        """Keep the samples of the stage."""
        if self.stage != "done":
            self._samples.setdefault(self.stage, []).append(block.samples_uv)

    def is_over(self, now_ns: int) -> bool:
        """Tell whether the stage has lasted long enough."""
        return self.stage != "done" and now_ns - self.began_ns >= self.stage_s * NS_PER_S

    def advance(self, now_ns: int, contacts: tuple[Contact, ...]) -> None:
        """Begin the next stage; after the last one, compare."""
        self.began_ns = now_ns
        if self.stage == "eyes_open":
            self.stage = "eyes_closed"
            return
        self.stage = "done"
        self.alpha_ratio = self._compare(contacts)
        self._samples.clear()

    def abandon(self) -> None:
        """End it early, without a result."""
        self.stage = "done"
        self._samples.clear()

    def look(self, now_ns: int) -> Baseline:
        """Return it as a screen shows it."""
        left_s = 0.0
        if self.stage != "done":
            left_s = max(0.0, self.stage_s - (now_ns - self.began_ns) / NS_PER_S)
        return Baseline(self.stage, left_s, self.alpha_ratio)

    def _compare(self, contacts: tuple[Contact, ...]) -> float | None:
        rows = _chosen(self.board, contacts)
        power = [
            alpha_power(
                np.concatenate(self._samples.get(stage, [_no_rows(self.board)]), axis=1)[
                    rows
                ],
                self.board.rate_hz,
            )
            for stage in STAGES
        ]
        if not rows or any(one is None for one in power):
            return None
        opened, closed = (np.asarray(one) for one in power)
        return float(np.median(closed / np.maximum(opened, np.finfo(float).tiny)))


def alpha_power(
    samples_uv: NDArray[np.float32], rate_hz: float
) -> NDArray[np.float64] | None:
    """Return each channel's typical power from 8 to 12 Hz; None of too little.

    ``samples_uv`` has shape ``(n_channels, n_rows)``. The median over windows of 2 s: a
    blink fills few of them.
    """
    n_window = round(_WINDOW_S * rate_hz)
    n_windows = samples_uv.shape[1] // n_window
    if n_windows < _FEWEST_WINDOWS:
        return None
    windows = samples_uv[:, : n_windows * n_window].reshape(-1, n_windows, n_window)
    level = windows.astype(np.float64) - windows.mean(axis=2, keepdims=True)
    spectrum = np.abs(np.fft.rfft(level * np.hanning(n_window))) ** 2
    frequency_hz = np.fft.rfftfreq(n_window, 1 / rate_hz)
    inside = (frequency_hz >= _ALPHA_HZ[0]) & (frequency_hz <= _ALPHA_HZ[1])
    return np.asarray(np.median(spectrum[:, :, inside].sum(axis=2), axis=1))


def _chosen(board: Board, contacts: tuple[Contact, ...]) -> list[int]:
    """Return the channels at the back of the head, or all, of those with contact."""
    fine = [
        n
        for n in range(board.n_channels)
        if n >= len(contacts) or contacts[n].verdict >= Verdict.WARN
    ]
    back = [n for n in fine if board.channels[n].label.upper().startswith(_POSTERIOR)]
    return back or fine


def _no_rows(board: Board) -> NDArray[np.float32]:
    return np.empty((board.n_channels, 0), np.float32)
