"""What the time mathematics must know about a headset: counter, rate, oscillator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from recorder.errors import ClockError

# A counter shows a loss exactly while it is shorter than one wrap. How long a silence was
# says nothing exact about how much was lost in it, so well before a wrap a segment ends.
SILENCE_SHARE_OF_WRAP = 0.4
# Counters with long or no wraps: beyond this, rows of NaN would only fill the disk.
LONGEST_SILENCE_S = 10.0
# A software counter shows no loss at all.
SOFTWARE_SILENCE_S = 0.4
# ADS1299 RC oscillators are sold as +-2.5 %; anything beyond is no rate, but an error.
LARGEST_RATE_ERROR = 0.03


@dataclass(frozen=True, slots=True)
class CounterFacts:
    """How a board numbers its packets.

    ``rows_per_packet`` rows carry one number; it grows by ``step`` a packet and wraps at
    ``modulus`` (0: never). ``software`` counters are made on the host and show no loss.
    """

    modulus: int
    step: int = 1
    rows_per_packet: int = 1
    software: bool = False

    def __post_init__(self) -> None:
        """Refuse counters that can't count."""
        if self.modulus < 0 or self.step < 1 or self.rows_per_packet < 1:
            raise ClockError(
                f"counter with modulus {self.modulus}, step {self.step},"
                f" {self.rows_per_packet} rows a packet; needed are >= 0, >= 1, >= 1"
            )


@dataclass(frozen=True, slots=True)
class EegClockFacts:
    """A headset's clock: nominal rate, kind of oscillator, counter, meaning of stamps.

    Where a driver spreads its stamps over a packet, only the last row's is an arrival
    (``last_row_of_packet``).
    """

    counter: CounterFacts
    rate_hz: float
    oscillator: Literal["crystal", "rc"]
    stamps: Literal["each_row", "last_row_of_packet"]

    def __post_init__(self) -> None:
        """Refuse a rate that is none."""
        if not self.rate_hz > 0:
            raise ClockError(f"sampling rate {self.rate_hz} Hz; it must be above 0")

    @property
    def period_s(self) -> float:
        """Nominal time between rows."""
        return 1 / self.rate_hz

    @property
    def longest_silence_s(self) -> float:
        """The longest time between two packets that the counter bridges."""
        counter = self.counter
        if counter.software:
            return SOFTWARE_SILENCE_S
        if counter.modulus == 0:
            return LONGEST_SILENCE_S
        wrap_s = counter.modulus / counter.step * counter.rows_per_packet / self.rate_hz
        return min(SILENCE_SHARE_OF_WRAP * wrap_s, LONGEST_SILENCE_S)
