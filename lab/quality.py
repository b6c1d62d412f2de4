"""Whether a session is fit for analysis, in three levels, with the reasons.

The limits are starting values. A reason is a code and its figures; pages have the words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lab.session_facts import SessionFacts

_FINE, _USABLE = 0.8, 0.5  # shares of electrodes' scores
_LOST_RED, _LOST_YELLOW = 0.05, 0.01  # shares of samples
_SHORT_S: Final = 600.0
_LOW_BATTERY: Final = 20.0
_NOMINAL_HZ: Final = 250.0


class Level(IntEnum):
    """How far a session can be used."""

    GREEN = 0
    YELLOW = 1
    RED = 2

    @property
    def word(self) -> str:
        """The level as pages and style sheets call it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that speaks against a session; ``figures`` fill its sentence."""

    code: str
    level: Level
    figures: dict[str, str] = field(default_factory=dict)


def worst(reasons: Iterable[Reason]) -> Level:
    """Return the level of the gravest reason."""
    return max((reason.level for reason in reasons), default=Level.GREEN)


def judge_facts(facts: SessionFacts, *, status: str, clean: bool) -> tuple[Reason, ...]:
    """Return what the catalogue alone tells against a session."""
    return tuple(_reasons(facts, status=status, clean=clean))


def _reasons(facts: SessionFacts, *, status: str, clean: bool) -> Iterator[Reason]:
    if status != "verified":
        yield Reason("not_verified", Level.RED, {"status": status})
    if not facts.has_eeg:
        if facts.outcome != "skipped":
            yield Reason("no_eeg", Level.RED)
        return
    yield from _contact(facts)
    yield from _losses(facts)
    if not clean:
        yield Reason("crashed", Level.YELLOW)
    if facts.eeg_s < _SHORT_S:
        yield Reason("short", Level.YELLOW, {"minutes": f"{facts.eeg_s / 60:.1f}"})
    if facts.battery_percent is not None and facts.battery_percent < _LOW_BATTERY:
        yield Reason("battery", Level.YELLOW, {"percent": f"{facts.battery_percent:.0f}"})


def _contact(facts: SessionFacts) -> Iterator[Reason]:
    if facts.fine_share is None:
        yield Reason("contact_unknown", Level.YELLOW)
    elif facts.fine_share < _FINE:
        level = Level.RED if facts.fine_share < _USABLE else Level.YELLOW
        yield Reason("contact", level, {"percent": f"{100 * facts.fine_share:.0f}"})
    if facts.fit_overridden:
        yield Reason("fit_overridden", Level.YELLOW)


def _losses(facts: SessionFacts) -> Iterator[Reason]:
    share = facts.lost_samples / max(1.0, facts.eeg_s * _NOMINAL_HZ)
    if share > _LOST_YELLOW:
        level = Level.RED if share > _LOST_RED else Level.YELLOW
        yield Reason("lost", level, {"percent": f"{100 * share:.1f}"})
    if facts.xruns:
        yield Reason("xruns", Level.YELLOW, {"n": str(facts.xruns)})
    if "audio" in facts.scopes and facts.microphone != "none" and facts.audio_s == 0:
        yield Reason("no_sound", Level.RED)
