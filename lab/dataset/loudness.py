"""How loud each microphone was, a hundred times a second of EEG time; no word survives it.

One pass over the sound. A stretch without frames (pause, overrun, lost piece) is NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import soundfile

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from lab.dataset.time_base import TimeBase
    from lab.opened_session import AudioClock

RATE_HZ: Final = 100
_BINS_AT_A_TIME: Final = 1000
_ENOUGH: Final = 0.5  # of a bin's frames
_SPEECH_HZ: Final = 8_000  # a rate that holds speech and little else


@dataclass(frozen=True, slots=True)
class Loudness:
    """Root mean squares, full scale 1, of shape ``(n_bins, n_channels)``.

    Bin k lasts from ``start_s + k / RATE_HZ`` in EEG time. ``voiced`` is the same of what
    is neither hum nor hiss: speech stands out in it.
    """

    start_s: float
    rms: NDArray[np.float32]
    voiced: NDArray[np.float32]

    @property
    def n_channels(self) -> int:
        """How many microphones there were."""
        return int(self.rms.shape[1])

    def at_s(self, index: int) -> float:
        """Return where a bin begins, in EEG time."""
        return self.start_s + index / RATE_HZ


def measure_loudness(path: Path, clock: AudioClock, base: TimeBase) -> Loudness:
    """Measure the sound in ``path``; memory does not grow with its length."""
    first_s, last_s = base.eeg_s(clock.host_s[[0, -1]]).tolist()
    start_s = math.floor(first_s * RATE_HZ) / RATE_HZ
    n_bins = max(1, math.ceil((last_s - start_s) * RATE_HZ))
    edges_s = start_s + np.arange(n_bins + 1) / RATE_HZ
    edges = np.rint(frames_at(clock, base.to_host_s(edges_s))).astype(np.int64)
    with soundfile.SoundFile(path) as file:
        edges = np.clip(edges, 0, file.frames)
        shape = (n_bins, file.channels)
        rms, voiced = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
        enough = _ENOUGH * file.samplerate / RATE_HZ
        thinned = max(1, file.samplerate // _SPEECH_HZ)
        file.seek(int(edges[0]))
        for start in range(0, n_bins, _BINS_AT_A_TIME):
            here = slice(start, min(start + _BINS_AT_A_TIME, n_bins))
            inner = edges[here.start : here.stop + 1]
            frames = file.read(int(inner[-1] - inner[0]), np.float32, always_2d=True)
            rms[here], voiced[here] = _measure(frames, inner - inner[0], enough, thinned)
    return Loudness(start_s, rms, voiced)


def frames_at(clock: AudioClock, host_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return which frame was heard at each moment; between pieces, the nearest."""
    # Pieces are fitted each for itself; where two overlap by a hair, time stands still.
    return np.interp(host_s, np.maximum.accumulate(clock.host_s), clock.frames)


def _measure(
    frames: NDArray[np.float32], edges: NDArray[np.int64], enough: float, thinned: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    counts = np.diff(edges)
    n_whole = len(frames) // thinned * thinned
    # Means of some frames drop what is above speech, their differences what is below.
    means = frames[:n_whole].reshape(-1, thinned, frames.shape[1]).mean(axis=1)
    thin_edges = np.minimum(np.rint(edges / thinned).astype(np.int64), len(means))
    rms = _rms(frames, edges)
    voiced = _rms(np.diff(means, axis=0, prepend=means[:1]), thin_edges)
    rms[counts < enough] = voiced[counts < enough] = np.nan
    return rms, voiced


def _rms(values: NDArray[np.float32], edges: NDArray[np.int64]) -> NDArray[np.float32]:
    sums = np.zeros((len(values) + 1, values.shape[1]))
    np.cumsum(np.square(values, dtype=np.float64), axis=0, out=sums[1:])
    energy = np.maximum(np.diff(sums[edges], axis=0), 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt(energy / np.diff(edges)[:, np.newaxis]).astype(np.float32)
