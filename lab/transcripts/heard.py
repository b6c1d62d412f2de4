"""When each person was heard to speak, in seconds of the session's sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.transcripts.model import Speaker


@dataclass(frozen=True, slots=True)
class HeardTurn:
    """From when to when somebody was heard to speak, in seconds of the sound."""

    start_s: float
    end_s: float
    speaker: Speaker


@dataclass(frozen=True, slots=True)
class Sound:
    """How long the session's sound is, and who was heard in it."""

    length_s: float
    turns: tuple[HeardTurn, ...]

    def spoken_s(self, start_s: float, end_s: float, speaker: str = "") -> float:
        """Return for how long somebody, or ``speaker``, spoke between two moments."""
        return sum(
            max(0.0, min(end_s, turn.end_s) - max(start_s, turn.start_s))
            for turn in self.turns
            if not speaker or turn.speaker == speaker
        )
