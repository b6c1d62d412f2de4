"""The sound of a run as WAV on EEG time, for the restricted tree.

The sound is resampled in pieces, each at its own rate, so that frame n of the WAV was
heard at EEG time n / rate, to within a frame. Where none was recorded there is silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
import soundfile

from lab.dataset.loudness import frames_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from lab.dataset.time_base import TimeBase
    from lab.opened_session import AudioClock

# Over so long a drift of 1 ppm a second bends a straight line by 12 microseconds.
_PIECE_S: Final = 10.0
_LEAD_FRAMES: Final = 2400  # around a piece, so that the filter's edges are cut off


@dataclass(frozen=True, slots=True)
class WavFacts:
    """The file that was written; its first frame is the EEG's first sample."""

    rate_hz: int
    n_channels: int
    bits: int
    duration_s: float


@dataclass(frozen=True, slots=True)
class _Piece:
    """Frames ``first`` up to ``end`` of the source, for ``n`` frames from ``at`` on."""

    first: int
    end: int
    at: int
    n: int


def write_wav(source: Path, clock: AudioClock, base: TimeBase, target: Path) -> WavFacts:
    """Write the sound of a run, from its EEG's first sample to its last."""
    with soundfile.SoundFile(source) as file:
        rate_hz, n_channels = file.samplerate, file.channels
        n_frames = round(base.duration_s * rate_hz)
        with soundfile.SoundFile(
            target, "w", rate_hz, n_channels, subtype=file.subtype, format="WAV"
        ) as wav:
            written = 0
            for piece in _pieces(clock, base, rate_hz, n_frames):
                _write_silence(wav, piece.at - written)
                wav.write(_resampled(file, piece))
                written = piece.at + piece.n
            _write_silence(wav, n_frames - written)
        bits = int(file.subtype.removeprefix("PCM_"))
    return WavFacts(rate_hz, n_channels, bits, n_frames / rate_hz)


def _pieces(
    clock: AudioClock, base: TimeBase, rate_hz: int, n_frames: int
) -> Iterator[_Piece]:
    """Yield what fills the WAV, in order: stretches over which both clocks run straight."""
    filled = 0
    for first, last in _runs(clock):
        low, high = base.eeg_s(clock.host_s[[first, last]]) * rate_hz
        begin = min(max(round(low), filled), n_frames)
        stop = min(max(round(high), begin), n_frames)
        run_frames = clock.frames[[first, last]]
        for at, end in pairwise(_cuts(begin, stop, base, rate_hz)):
            host_s = base.to_host_s(np.array([at, end]) / rate_hz)
            edges = np.clip(np.rint(frames_at(clock, host_s)), *run_frames).astype(int)
            if edges[1] > edges[0]:
                yield _Piece(int(edges[0]), int(edges[1]), at, end - at)
                filled = end


def _runs(clock: AudioClock) -> Iterator[tuple[int, int]]:
    """Yield the first and last row of each run of frames without a loss."""
    breaks = np.flatnonzero(np.diff(clock.frames) <= 1)
    edges = [-1, *breaks.tolist(), len(clock.frames) - 1]
    for before, last in pairwise(edges):
        if last > before + 1:
            yield before + 1, last


def _cuts(begin: int, stop: int, base: TimeBase, rate_hz: int) -> list[int]:
    """Return where to cut from ``begin`` to ``stop``: at the EEG's gaps, and often."""
    rows = np.flatnonzero(np.diff(base.index) > 1)
    samples = np.concatenate([base.index[rows], base.index[rows + 1]])
    gaps = np.rint(samples / base.rate_hz * rate_hz).astype(int)
    usual = np.arange(begin, stop, round(_PIECE_S * rate_hz))
    inside = gaps[(gaps > begin) & (gaps < stop)]
    cuts = np.unique(np.concatenate([usual, inside, [begin, stop]]))
    return [int(cut) for cut in cuts]


def _resampled(file: soundfile.SoundFile, piece: _Piece) -> NDArray[np.float32]:
    """Return a piece's frames, shape ``(n, n_channels)``."""
    import soxr  # noqa: PLC0415 - the restricted tree alone needs it

    start = max(0, piece.first - _LEAD_FRAMES)
    end = min(file.frames, piece.end + _LEAD_FRAMES)
    file.seek(start)
    frames = file.read(end - start, np.float32, always_2d=True)
    ratio = piece.n / (piece.end - piece.first)
    heard = soxr.resample(frames, piece.end - piece.first, piece.n, quality="HQ")
    lead = round((piece.first - start) * ratio)
    whole = np.zeros((piece.n, frames.shape[1]), np.float32)
    part = heard[lead : lead + piece.n]
    whole[: len(part)] = part
    return np.clip(whole, -1, 1)


def _write_silence(wav: soundfile.SoundFile, n_frames: int) -> None:
    block = 1 << 20
    while n_frames > 0:
        n = min(block, n_frames)
        wav.write(np.zeros((n, wav.channels), np.float32))
        n_frames -= n
