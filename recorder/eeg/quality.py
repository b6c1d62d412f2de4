"""Whether each electrode touches skin, judged from its last 4 s without any impedance.

The limits are starting values from simulated windows; a headset that filters the mains
itself never shows hum, and talking may legitimately show muscle.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

import numpy as np

from recorder.clock import NS_PER_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recorder.eeg.montage import Board
    from recorder.eeg.source import EegBlock

WINDOW_S = 4.0
_SHORTEST_S = 1.0
_SILENCE_NS = NS_PER_S // 2
_EEG_HZ = (1.0, 40.0)
_MAINS_HZ = ((48.0, 52.0), (58.0, 62.0))
# Between the mains of either kind of country and the first harmonic of 50 Hz: on a real
# recording under 60 Hz mains, a band from 60 Hz on took hum for muscle.
_MUSCLE_HZ = (65.0, 95.0)


class Verdict(IntEnum):
    """How far a channel can be trusted; the number is its score in the recording."""

    DEAD = 0
    BAD = 1
    WARN = 2
    GOOD = 3


class Reason(StrEnum):
    """What speaks against a channel; the screen has a sentence of advice for each."""

    NONE = "none"
    NO_DATA = "no_data"
    FLAT = "flat"
    LOOSE = "loose"
    MAINS = "mains"
    MOVEMENT = "movement"
    BRIDGED = "bridged"
    REFERENCE = "reference"  # every channel is bad at once


@dataclass(frozen=True, slots=True)
class Contact:
    """One channel's verdict; ``spread_uv`` is its SD between 1 and 40 Hz."""

    verdict: Verdict
    reason: Reason
    spread_uv: float


@dataclass(frozen=True, slots=True)
class _Figures:
    """What the rules look at in one channel."""

    repeated: float  # share of samples equal to the one before
    spread_uv: float
    swing_uv: float  # peak to peak between 1 and 40 Hz: hum has its own rule
    mains: float  # power against that of the EEG band
    muscle: float
    kurtosis: float
    likeness: float  # strongest correlation with another channel


def _verdict(figures: _Figures) -> tuple[Verdict, Reason]:
    """Return the first rule that holds."""
    rules = (
        (figures.repeated > 0.2 or figures.spread_uv < 0.5, Verdict.DEAD, Reason.FLAT),  # noqa: PLR2004 - the rules are this table
        (figures.spread_uv > 100 or figures.swing_uv > 500, Verdict.BAD, Reason.LOOSE),  # noqa: PLR2004 - see above
        (figures.mains > 5, Verdict.BAD, Reason.MAINS),  # noqa: PLR2004 - see above
        (
            figures.spread_uv > 40 or figures.kurtosis > 10 or figures.muscle > 0.5,  # noqa: PLR2004 - see above
            Verdict.WARN,
            Reason.MOVEMENT,
        ),
        (figures.mains > 1, Verdict.WARN, Reason.MAINS),
        (figures.likeness > 0.98, Verdict.WARN, Reason.BRIDGED),  # noqa: PLR2004 - see above
    )
    for holds, verdict, reason in rules:
        if holds:
            return verdict, reason
    return Verdict.GOOD, Reason.NONE


def judge(samples_uv: NDArray[np.float32], rate_hz: float) -> tuple[Contact, ...]:
    """Judge each channel of a window of shape ``(n_channels, n_rows)``, without NaN."""
    contacts = []
    for figures in _measure(samples_uv.astype(np.float64), rate_hz):
        verdict, reason = _verdict(figures)
        contacts.append(Contact(verdict, reason, figures.spread_uv))
    return tuple(contacts)


def _measure(samples: NDArray[np.float64], rate_hz: float) -> list[_Figures]:
    n_rows = samples.shape[1]
    at = np.arange(n_rows) - (n_rows - 1) / 2
    level = samples - samples.mean(axis=1, keepdims=True)
    # Electrodes drift by millivolts; a straight line takes most of it.
    level -= np.outer(level @ at / (at @ at), at)
    spectrum = np.fft.rfft(level)
    frequency_hz = np.fft.rfftfreq(n_rows, 1 / rate_hz)

    def power(band_hz: tuple[float, float]) -> NDArray[np.float64]:
        inside = (frequency_hz >= band_hz[0]) & (frequency_hz <= band_hz[1])
        return np.asarray((np.abs(spectrum[:, inside]) ** 2).sum(axis=1))

    eeg_power = np.maximum(power(_EEG_HZ), np.finfo(float).tiny)
    eeg = np.fft.irfft(
        spectrum * ((frequency_hz >= _EEG_HZ[0]) & (frequency_hz <= _EEG_HZ[1])), n_rows
    )
    spread = np.maximum(eeg.std(axis=1), np.finfo(float).tiny)
    unit = eeg / spread[:, np.newaxis]
    likeness = np.abs(unit @ unit.T) / n_rows
    np.fill_diagonal(likeness, 0)
    columns = (
        (np.diff(samples) == 0).mean(axis=1),
        spread,
        np.ptp(eeg, axis=1),
        np.maximum(*map(power, _MAINS_HZ)) / eeg_power,
        power(_MUSCLE_HZ) / eeg_power,
        (unit**4).mean(axis=1),
        likeness.max(axis=1),
    )
    return [_Figures(*map(float, row)) for row in zip(*columns, strict=True)]


class ContactWatch:
    """The last 4 s of a headset, ready to be judged at any moment."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._recent = np.empty((board.n_channels, 0), np.float32)
        self._connection = 0
        self._heard_ns = 0

    def observe(self, block: EegBlock) -> None:
        """Take in a block; a new connection begins a new window."""
        if block.connection != self._connection:
            self._recent = self._recent[:, :0]
        self._connection = block.connection
        self._heard_ns = block.polled_ns
        n_window = round(WINDOW_S * self._board.rate_hz)
        joined = np.concatenate([self._recent, block.samples_uv], axis=1)
        self._recent = joined[:, -n_window:]

    def read(self, now_ns: int) -> tuple[Contact, ...]:
        """Judge each channel at host time ``now_ns``."""
        silent = now_ns - self._heard_ns > _SILENCE_NS
        if silent or self._recent.shape[1] < _SHORTEST_S * self._board.rate_hz:
            no_data = Contact(Verdict.DEAD, Reason.NO_DATA, 0.0)
            return (no_data,) * self._board.n_channels
        return judge(self._recent, self._board.rate_hz)
