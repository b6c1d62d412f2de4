"""A WAV file of people talking in a quiet room, as long as a recording.

The speech is the conversation in ``../shared/data`` where that folder is present, else
espeak-ng's. The room is pink noise at -60 dBFS, the microphones add white noise at -75:
without noise a lossless codec would look far better than it is.
"""

from __future__ import annotations

import subprocess
import wave
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
from scipy.signal import resample_poly

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE_HZ = 48_000
_SHARED = Path(__file__).parents[3] / "shared" / "data" / "speech" / "conversation.wav"
_SPEECH_PEAK = 0.35  # of full scale: a microphone on the table between two people
_PINK_DBFS, _WHITE_DBFS = -60.0, -75.0
_LATER_FRAMES = 14  # 0.3 ms: the second microphone stands 10 cm farther away
_FULL_SCALE = 32_767
_TEXT = (
    "Last week you told me about the journey. How have you been since then?"
    " Better, I think. I slept, and on Sunday I went out to see my sister. We talked for"
    " a long time, and in the evening I felt that something had become lighter."
)


def write_speech(file: Path, *, seconds: float) -> str:
    """Write 16-bit stereo at 48 kHz into ``file``; return where the speech came from."""
    speech, source = _speech(file.with_suffix(".part.wav"))
    rng = np.random.default_rng(5)
    second = 0.7 * np.roll(speech, _LATER_FRAMES)
    room = _pink(rng, len(speech)) * 10 ** (_PINK_DBFS / 20)
    both = np.stack([speech + room, second + np.roll(room, _LATER_FRAMES)], axis=1)
    both += rng.normal(0, 10 ** (_WHITE_DBFS / 20), both.shape)
    frames = np.rint(both.clip(-1, 1) * _FULL_SCALE).astype("<i2")
    left = round(seconds * RATE_HZ)
    with wave.open(str(file), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        while left > 0:
            out.writeframes(frames[:left].tobytes())
            left -= len(frames)
    return source


def _speech(scratch: Path) -> tuple[NDArray[np.float64], str]:
    source = "conversation.wav"
    file = _SHARED
    if not file.exists():
        source, file = "espeak-ng", scratch
        subprocess.run(["espeak-ng", "-w", file, _TEXT], check=True)
    samples, rate_hz = soundfile.read(file, dtype="float64")
    common = int(np.gcd(RATE_HZ, rate_hz))
    speech = resample_poly(samples, RATE_HZ // common, rate_hz // common)
    return speech * (_SPEECH_PEAK / np.abs(speech).max()), source


def _pink(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Return ``n`` samples of 1/f noise with an RMS of 1."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    hz = np.fft.rfftfreq(n, 1 / RATE_HZ)
    shaped = np.fft.irfft(spectrum / np.sqrt(np.maximum(hz, 20.0)), n)
    return np.asarray(shaped / shaped.std(), dtype=np.float64)
