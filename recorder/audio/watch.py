"""How a microphone has sounded lately: its meter, whether it is dead, whether it clips.

A quiet room is no fault, and therapy is often silent. Silent means that a channel gives
nothing at all, not even its own noise: it is muted, unplugged or broken.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recorder.clock import NS_PER_S

if TYPE_CHECKING:
    from recorder.audio.source import AudioBlock, AudioFormat

# A range of 3 steps in 16 bit: even a quiet room moves a microphone by more.
SILENT_DBFS = -80.0
SILENT_NS = 10 * NS_PER_S
_BUCKET_NS = NS_PER_S // 2
_CLIPPED_NS = 3 * NS_PER_S
_CLIPPED_SAMPLES = 3  # one or two at the limit in a block may be a knock


@dataclass(frozen=True, slots=True)
class Sound:
    """One channel: its peak over the last half to one second, in dB of full scale.

    ``heard`` says that it gave anything at all since it was connected.
    """

    peak_dbfs: float
    silent: bool
    clipping: bool
    heard: bool


class SoundWatch:
    """Watches one microphone, block by block; owned by one thread."""

    def __init__(self, fmt: AudioFormat) -> None:
        limits = np.iinfo(np.int16 if fmt.bits == 16 else np.int32)  # noqa: PLR2004 - or 24
        self._full = -float(limits.min)
        self._smallest = int(limits.min)
        # In 24 bit the eight unused bits keep the largest value that much under the type's.
        unused = 0 if fmt.bits == 16 else 8  # noqa: PLR2004 - or 24
        self._largest = int(limits.max) >> unused << unused
        self._floor = self._full * 10 ** (SILENT_DBFS / 20)
        self._n = fmt.n_channels
        self._begun = False
        self._restart(0)

    def restart(self) -> None:
        """Begin anew with the next block: the microphone was connected again."""
        self._begun = False

    def _restart(self, now_ns: int) -> None:
        self._peaks = [0] * self._n  # of the bucket that fills
        self._shown = [0] * self._n  # of the full one before it
        self._bucket_ns = now_ns
        self._heard_ns = [now_ns] * self._n
        self._heard = [False] * self._n
        self._clipped_ns = [-_CLIPPED_NS] * self._n

    def observe(self, block: AudioBlock) -> None:
        """Take in a block."""
        if not block.frames.shape[0]:
            return
        if not self._begun:
            self._begun = True
            self._restart(block.read_ns)
        highs, lows = block.frames.max(axis=0).tolist(), block.frames.min(axis=0).tolist()
        at_ns = block.read_ns
        if at_ns - self._bucket_ns >= _BUCKET_NS:
            self._shown, self._peaks = self._peaks, [0] * self._n
            self._bucket_ns = at_ns
        for channel, (high, low) in enumerate(zip(highs, lows, strict=True)):
            self._peaks[channel] = max(self._peaks[channel], high, -low)
            if high - low > self._floor:
                self._heard_ns[channel] = at_ns
                self._heard[channel] = True
            if high >= self._largest or low == self._smallest:
                self._count_clipped(block, channel)

    def read(self, now_ns: int) -> tuple[Sound, ...]:
        """Return how each channel sounds at host time ``now_ns``."""
        return tuple(
            Sound(
                peak_dbfs=self._dbfs(max(self._peaks[channel], self._shown[channel])),
                silent=self._begun and now_ns - self._heard_ns[channel] > SILENT_NS,
                clipping=now_ns - self._clipped_ns[channel] < _CLIPPED_NS,
                heard=self._heard[channel],
            )
            for channel in range(self._n)
        )

    def _count_clipped(self, block: AudioBlock, channel: int) -> None:
        frames = block.frames[:, channel]
        limit = (frames >= self._largest) | (frames == self._smallest)
        if np.count_nonzero(limit) >= _CLIPPED_SAMPLES:
            self._clipped_ns[channel] = block.read_ns

    def _dbfs(self, peak: int) -> float:
        return 20 * math.log10(peak / self._full) if peak else -math.inf
