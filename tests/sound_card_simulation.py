"""A sound card with known truth: frames, stamps, overruns that lose frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tests.transport_simulation import HOST_START_S, DeviceClock

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

AUDIO_RATE_HZ = 48_000


@dataclass(frozen=True, slots=True)
class SeenAudio:
    """AudioClock rows and the truth: frame -> host time in pieces."""

    frame: Floats
    host_s: Floats
    xrun: Ints
    segment: Ints
    true_start_s: Floats  # host time of each segment's first frame
    starts: Ints
    lost: Ints  # frames lost before each segment
    clock: DeviceClock

    def true_host_s(self, frame: Floats) -> Floats:
        segment = np.searchsorted(self.starts, frame, side="right") - 1
        begun = self.clock.device_s(self.true_start_s[segment] - HOST_START_S)
        since = (frame - self.starts[segment]) / AUDIO_RATE_HZ
        return HOST_START_S + self.clock.true_s(begun + since)

    def frame_at(self, host_s: Floats) -> Floats:
        """Return the frame captured at a time; NaN where none was."""
        segment = np.searchsorted(self.true_start_s, host_s, side="right") - 1
        begun = self.clock.device_s(self.true_start_s[segment] - HOST_START_S)
        now = self.clock.device_s(host_s - HOST_START_S)
        frame = self.starts[segment] + (now - begun) * AUDIO_RATE_HZ
        end = np.append(self.starts[1:], np.iinfo(np.int64).max)
        return np.where((segment >= 0) & (frame <= end[segment]), frame, np.nan)


def simulate_audio(duration_s: float, seed: int, xruns: int) -> SeenAudio:
    """Run a sound card whose pointer moves by milliseconds, read every 0.1 s."""
    rng = np.random.default_rng([seed, 2])
    clock = DeviceClock(rng, "crystal", duration_s)
    at = np.sort(rng.uniform(20.0, duration_s - 20.0, xruns))
    lost = np.concatenate([[0], rng.integers(2000, 30000, xruns)])
    frames, stamps, numbers, starts, true_starts = [], [], [], [], []
    start_frame, true_start = 0, 0.05
    for number, end in enumerate([*at.tolist(), duration_s]):
        begun = clock.device_s(np.array([true_start]))[0]
        moments = np.arange(true_start + 0.1, end, 0.1)
        moments = moments + rng.uniform(0, 0.02, moments.shape[0])
        moved = np.floor((clock.device_s(moments) - begun) * 1000) / 1000
        n_frames = int(moved[-1] * AUDIO_RATE_HZ)
        frames.append(start_frame + np.round(moved * AUDIO_RATE_HZ))
        irq = rng.exponential(8e-6, moved.shape[0])
        stamps.append(HOST_START_S + clock.true_s(begun + moved) + irq)
        numbers.append(np.full(moved.shape[0], number))
        starts.append(start_frame)
        true_starts.append(HOST_START_S + true_start)
        start_frame += n_frames
        ended = begun + n_frames / AUDIO_RATE_HZ
        if number < xruns:
            ended += lost[number + 1] / AUDIO_RATE_HZ
            true_start = float(clock.true_s(np.array([ended]))[0])
    return SeenAudio(
        frame=np.concatenate(frames),
        host_s=np.concatenate(stamps),
        xrun=np.concatenate(numbers),
        segment=np.concatenate(numbers),
        true_start_s=np.array(true_starts),
        starts=np.array(starts),
        lost=lost,
        clock=clock,
    )
