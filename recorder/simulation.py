"""One physical truth for the simulated headset and microphone.

Both show the same events at the same true moments: the headset a pulse on its first
channel, the microphone a click. How far apart they end up in a recording is then the
alignment error of everything in between. Same options and seed, same data.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from recorder.clock import NS_PER_S
from recorder.errors import FormatError

PULSE_LENGTH_S = 0.020
PULSE_UV = 200.0
CLICK_LENGTH_S = 0.001
_FIRST_PULSE_S = 1.0
_SPACING_S = (0.7, 1.3)  # random: a fixed spacing would lock to the sample phase
_WEEK_S = 604_800.0
_ALLOWED = {
    "drift_ppm": (-10_000.0, 10_000.0),  # as much as an RC oscillator
    "warmup_ppm": (-10_000.0, 10_000.0),
    "mic_drift_ppm": (-10_000.0, 10_000.0),
    "jitter_ms": (0.0, 10_000.0),
    "loss": (0.0, 0.99),
    "reconnect_at_s": (0.0, _WEEK_S),
    "xrun_at_s": (0.0, _WEEK_S),
    "seed": (0, 2**63 - 1),
}


@dataclass(frozen=True, slots=True)
class SimulationOptions:
    """What goes wrong in the simulated devices; nothing, by default."""

    drift_ppm: float = 0.0  # headset's oscillator against the host clock
    warmup_ppm: float = 0.0  # added at the start, fading with a time constant of 600 s
    mic_drift_ppm: float = 0.0
    jitter_ms: float = 0.0  # mean extra delay of a packet, exponential
    loss: float = 0.0  # share of packets that never arrive
    reconnect_at_s: float = 0.0  # 0 = never; the link is away for 3 s
    xrun_at_s: float = 0.0  # 0 = never; 0.2 s of audio is lost
    seed: int = 0

    @classmethod
    def parse(cls, pairs: list[str]) -> SimulationOptions:
        """Read ``KEY=VALUE`` pairs as the command line gives them."""
        kinds = {
            field.name: int if field.name == "seed" else float for field in fields(cls)
        }
        values: dict[str, float] = {}
        for pair in pairs:
            key, equals, text = pair.partition("=")
            if not equals or key not in kinds:
                raise FormatError(
                    f"simulation option {pair!r} is unknown",
                    hint=f"use KEY=VALUE with {', '.join(kinds)}",
                )
            try:
                values[key] = kinds[key](text)
            except ValueError:
                raise FormatError(
                    f"simulation option {key}: {text!r} is no number"
                ) from None
        return cls(**values)  # type: ignore[arg-type]  # seed is made an int above

    def __post_init__(self) -> None:
        """Refuse what no device could do."""
        for name, (least, most) in _ALLOWED.items():
            value = getattr(self, name)
            if not least <= value <= most:  # nor is NaN
                raise FormatError(
                    f"simulation option {name}: {value}, allowed are {least:g} to {most:g}"
                )


@dataclass(frozen=True, slots=True)
class Truth:
    """When the true events happen: the same for every device that shares it."""

    origin_ns: int  # host time at which the simulated world begins
    seed: int = 0

    def event_times_s(self, until_s: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Return the true event times below ``until_s``, in seconds after the origin."""
        n = max(1, int(until_s / _SPACING_S[0]) + 2)
        # One generator from the start each time: no event depends on who asks.
        steps = np.random.default_rng([self.seed, 0xE7E]).uniform(*_SPACING_S, n)
        times = _FIRST_PULSE_S + np.concatenate([[0.0], np.cumsum(steps)])
        return times[times < until_s]

    def seconds(self, host_ns: int) -> float:
        """Return ``host_ns`` as seconds after the origin."""
        return (host_ns - self.origin_ns) / NS_PER_S
