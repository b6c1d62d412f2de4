"""The sound that is kept beside a transcript: what speech needs, and no more."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import numpy as np
import soundfile

if TYPE_CHECKING:
    from pathlib import Path

SPEECH_RATE_HZ: Final = 16_000
_BLOCK_FRAMES: Final = 1 << 20


def speech_sound(path: Path) -> bytes:
    """Return the sound at 16 kHz, all that speech needs, as FLAC."""
    import soxr  # noqa: PLC0415 - loads slowly

    packed = io.BytesIO()
    with soundfile.SoundFile(path) as source:
        n_channels = source.channels
        stream = soxr.ResampleStream(source.samplerate, SPEECH_RATE_HZ, n_channels)
        with soundfile.SoundFile(
            packed, "w", SPEECH_RATE_HZ, n_channels, subtype="PCM_16", format="FLAC"
        ) as target:
            while True:
                frames = source.read(_BLOCK_FRAMES, np.float32, always_2d=True)
                is_last = len(frames) < _BLOCK_FRAMES
                target.write(np.clip(stream.resample_chunk(frames, last=is_last), -1, 1))
                if is_last:
                    break
    return packed.getvalue()
