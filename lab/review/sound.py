"""The sound of a transcript for the page: short pieces to hear, and peaks to draw."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import soundfile

if TYPE_CHECKING:
    from numpy.typing import NDArray

PEAKS_HZ: Final = 50
_LONGEST_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class SessionSound:
    """One session's sound in memory, packed; ``peaks`` has shape ``(n, n_channels)``."""

    packed: bytes
    length_s: float
    peaks: NDArray[np.uint8]

    @classmethod
    def of(cls, packed: bytes) -> SessionSound:
        """Return the sound in a FLAC file."""
        with soundfile.SoundFile(io.BytesIO(packed)) as file:
            size = file.samplerate // PEAKS_HZ
            found = []
            while len(frames := file.read(size * 1000, np.float32, always_2d=True)):
                whole = np.zeros((-(-len(frames) // size) * size, frames.shape[1]))
                whole[: len(frames)] = np.abs(frames)
                found.append(whole.reshape(-1, size, frames.shape[1]).max(axis=1))
            loudest = np.concatenate(found) if found else np.zeros((1, 1))
            scale = max(float(loudest.max()), 1e-4)
            # A square root shows quiet speech too.
            peaks = np.rint(255 * np.sqrt(loudest / scale)).astype(np.uint8)
            return cls(packed, file.frames / file.samplerate, peaks)

    def piece(self, start_s: float, end_s: float) -> bytes:
        """Return a piece as WAV, all channels on both ears."""
        start_s = min(max(0.0, start_s), self.length_s)
        end_s = min(max(start_s, end_s), start_s + _LONGEST_S, self.length_s)
        with soundfile.SoundFile(io.BytesIO(self.packed)) as file:
            rate_hz = file.samplerate
            file.seek(round(start_s * rate_hz))
            n_frames = round((end_s - start_s) * rate_hz)
            frames = file.read(n_frames, np.float32, always_2d=True)
        mixed = np.clip(frames.sum(axis=1), -1, 1)
        wav = io.BytesIO()
        soundfile.write(wav, mixed, rate_hz, format="WAV", subtype="PCM_16")
        return wav.getvalue()
