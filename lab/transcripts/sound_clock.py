"""Where a session's sound lies in time: seconds of ``audio.flac``, and EEG time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from lab.dataset.loudness import frames_at
from lab.dataset.time_base import make_time_base
from recorder.errors import OpenError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lab.dataset.time_base import TimeBase
    from lab.opened_session import AudioClock, OpenedSession


@dataclass(frozen=True, slots=True)
class SoundClock:
    """Turns seconds of the sound into EEG time and back."""

    clock: AudioClock
    base: TimeBase
    rate_hz: int
    length_s: float

    def eeg_s(self, sound_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return moments of the sound in EEG time."""
        host_s = np.interp(sound_s * self.rate_hz, self.clock.frames, self.clock.host_s)
        return self.base.eeg_s(host_s)

    def sound_s(self, eeg_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return moments of EEG time in seconds of the sound."""
        return frames_at(self.clock, self.base.to_host_s(eeg_s)) / self.rate_hz


def sound_clock(session: OpenedSession, base: TimeBase | None = None) -> SoundClock:
    """Return the clock of an opened session's sound; OpenError where it has none."""
    if session.audio_clock is None:
        raise OpenError(
            "the session holds no sound", hint="only what was heard has a transcript"
        )
    base = base or make_time_base(session.eeg_s, session.rate_hz)
    with soundfile.SoundFile(session.audio_path) as file:
        return SoundClock(
            session.audio_clock, base, file.samplerate, file.frames / file.samplerate
        )
