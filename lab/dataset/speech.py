"""What is published of the sound: loudness and turns, in one step for whoever asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lab.dataset.loudness import measure_loudness
from lab.dataset.turns import turns_by_level, turns_by_speech
from lab.dataset.voice_activity import speech_probability

if TYPE_CHECKING:
    from lab.dataset.loudness import Loudness
    from lab.dataset.time_base import TimeBase
    from lab.dataset.turns import Turn
    from lab.opened_session import OpenedSession

_TWO: Final = 2


@dataclass(frozen=True, slots=True)
class Heard:
    """Loudness and turns of a session; no ``loudness`` where there was no microphone."""

    loudness: Loudness | None
    turns: tuple[Turn, ...]

    @property
    def speech_share(self) -> float | None:
        """Share of the session in which somebody spoke; None without a microphone."""
        if self.loudness is None:
            return None
        spoken_s = sum(turn.end_s - turn.start_s for turn in self.turns)
        return spoken_s * 100 / max(1, len(self.loudness.rms))


def listen(session: OpenedSession, base: TimeBase) -> Heard:
    """Measure the sound of ``session`` on EEG time."""
    clock = session.audio_clock
    if clock is None:
        return Heard(None, ())
    loudness = measure_loudness(session.audio_path, clock, base)
    if loudness.n_channels >= _TWO:
        return Heard(loudness, turns_by_level(loudness))
    probability = speech_probability(session.audio_path, clock, base, loudness)
    return Heard(loudness, turns_by_speech(probability, loudness))
