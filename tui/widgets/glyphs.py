"""Signs a terminal can show: the kiosk's font has them all, the bare console few."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tui.claim import Claim


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One set of signs; ``electrode`` by verdict: dead, bad, warn, good."""

    electrode: tuple[str, str, str, str]
    recording: str
    paused: str
    stopped: str
    idle: str
    alarm: str
    tick: str
    arrow: str
    full: str
    empty: str
    step: str
    step_left: str
    braille: bool

    def of(self, claim: Claim) -> str:
        """Return the sign of a recording's state."""
        signs = {
            Claim.RECORDING: self.recording,
            Claim.PAUSED: self.paused,
            Claim.NOT_SAVING: self.stopped,
            Claim.UNKNOWN: self.stopped,
        }
        return signs.get(claim, self.idle)


RICH = Glyphs(
    electrode=("✕", "○", "◐", "●"),
    recording="●",
    paused="‖",
    stopped="✕",
    idle="○",
    alarm="▲",
    tick="✓",
    arrow="▸",
    full="█",
    empty="░",
    step="■",
    step_left="□",
    braille=True,
)
# Debian's console fonts have Russian and half blocks, and little of the rest.
BARE = Glyphs(
    electrode=("X", "o", "+", "#"),
    recording="#",
    paused="=",
    stopped="X",
    idle="o",
    alarm="!",
    tick="+",
    arrow=">",
    full="█",
    empty="-",
    step="#",
    step_left="-",
    braille=False,
)
LOOKS = ("$dead", "$bad", "$warn", "$good")


def glyphs() -> Glyphs:
    """Return the set for the terminal this runs in."""
    return BARE if os.environ.get("TERM") == "linux" else RICH
