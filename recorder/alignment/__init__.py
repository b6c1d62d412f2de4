"""Tie what devices deliver to the host clock.

On the box: `EegTimeline` stamps rows while they are recorded. At the lab: ``lab`` fits
whole sessions with the same counter and the same facts.
"""

from recorder.alignment.eeg_timeline import EegTimeline, LiveNumbers, Placed
from recorder.alignment.facts import CounterFacts, EegClockFacts

__all__ = ["CounterFacts", "EegClockFacts", "EegTimeline", "LiveNumbers", "Placed"]
