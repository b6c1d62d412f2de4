"""What the simulated headset's electrodes show.

Channel 1 carries a pulse at every true moment over a quiet ground, so that the moment can
be read off to microseconds; the others pink noise, alpha waves and mains hum, one of them
a loose electrode's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recorder.simulation import PULSE_LENGTH_S, PULSE_UV

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recorder.eeg.montage import Board
    from recorder.simulation import Truth

LOOSE_CHANNEL = 5
FAILING_CHANNELS = (1, 2, 3)  # on demand: with the loose one, half of them
_LOOP_ROWS = 16_384  # of the pink noise, 65 s, seamless
_HORIZON_S = 600.0
_EEG_UV = 8.0
_ALPHA_UV = 6.0
_MAINS_UV = 1.0
_LOOSE_MAINS_UV = 60.0
_QUIET = 0.02  # share of the ground that channel 1 keeps below its pulses


def _pink_noise(rng: np.random.Generator, n_channels: int) -> NDArray[np.float64]:
    """Return one period of 1/f noise of 1 uV, shape ``(n_channels, _LOOP_ROWS)``."""
    spectrum = np.fft.rfft(rng.standard_normal((n_channels, _LOOP_ROWS)))
    bins = np.arange(spectrum.shape[1])
    spectrum /= np.sqrt(np.maximum(bins, 1))
    spectrum[:, bins < _LOOP_ROWS // 500] = 0  # an amplifier's high pass at 0.5 Hz
    noise = np.fft.irfft(spectrum, _LOOP_ROWS)
    return np.asarray(noise / noise.std(axis=1, keepdims=True), dtype=np.float64)


def _share_before(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Integrate a triangle over (-1, 1) of area 1 up to ``x``."""
    x = np.clip(x, -1, 1)
    return np.where(x < 0, (1 + x) ** 2 / 2, 1 - (1 - x) ** 2 / 2)


class Electrodes:
    """What the ADC makes of each electrode: microvolts in whole counts."""

    def __init__(self, board: Board, truth: Truth, rng: np.random.Generator) -> None:
        self._board = board
        self._truth = truth
        self._noise = _pink_noise(rng, board.n_channels) * _EEG_UV
        self._noise[0] *= _QUIET
        self._waves_uv = np.linspace(0.3, 1.0, board.n_channels)[:, np.newaxis] * _ALPHA_UV
        self._mains_uv = np.full((board.n_channels, 1), _MAINS_UV)
        self._mains_uv[LOOSE_CHANNEL] = _LOOSE_MAINS_UV
        self._waves_uv[0] = self._mains_uv[0] = 0
        self.failing = False  # on demand some more electrodes are loose
        self._events_s = np.empty(0)
        self._horizon_s = 0.0

    def sample_uv(
        self, index: NDArray[np.int64], at_s: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """Return the samples ``index``, taken at ``at_s``, shape ``(n_channels, n)``."""
        signal = self._noise[:, index % _LOOP_ROWS]
        waxing = np.sin(2 * np.pi * at_s / 7) ** 2
        signal += self._waves_uv * waxing * np.sin(2 * np.pi * 10 * at_s)
        hum = np.sin(2 * np.pi * 50 * at_s)
        signal += self._mains_uv * hum
        if self.failing:
            signal[FAILING_CHANNELS, :] += _LOOSE_MAINS_UV * hum
        signal[0] += self._pulses_uv(at_s)
        counts = np.rint(signal / self._board.channels[0].uv_per_count)
        return (counts * self._board.channels[0].uv_per_count).astype(np.float32)

    def _pulses_uv(self, at_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weigh the pulses with a triangle two samples wide: no alias and no delay.

        So the centre of gravity of the samples is the true one, wherever the pulse falls
        between them.
        """
        if at_s[-1] + 1 > self._horizon_s:
            self._horizon_s = at_s[-1] + _HORIZON_S
            self._events_s = self._truth.event_times_s(self._horizon_s)
        first, last = np.searchsorted(self._events_s, [at_s[0] - 1, at_s[-1] + 1])
        begin = (self._events_s[first:last, np.newaxis] - at_s) * self._board.rate_hz
        end = begin + PULSE_LENGTH_S * self._board.rate_hz
        shares = _share_before(end) - _share_before(begin)
        return np.asarray(PULSE_UV * shares.sum(axis=0), dtype=np.float64)
