"""The gate before a recording: enough electrodes must have been fine for long enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recorder.clock import NS_PER_S
from recorder.eeg.contact import HOP_NS, good_share
from recorder.errors import FitError
from recorder.protocol.state import Gate

if TYPE_CHECKING:
    from recorder.eeg.quality import Contact
    from recorder.service.timing import Timing

NEEDED_SHARE = 0.8
_STALE_NS = 2 * HOP_NS


class FitGate:
    """Watches the share of good electrodes. Owned by the engine's thread."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._good_since_ns: int | None = None
        self._judged_ns = 0
        self._share = 0.0

    def observe(self, contacts: tuple[Contact, ...], judged_ns: int, now_ns: int) -> None:
        """Take in the newest verdicts; old ones count for nothing."""
        if now_ns - judged_ns > _STALE_NS:
            self._good_since_ns, self._share = None, 0.0
            return
        if judged_ns == self._judged_ns:
            return
        self._judged_ns = judged_ns
        self._share = good_share(contacts)
        if self._share < NEEDED_SHARE:
            self._good_since_ns = None
        elif self._good_since_ns is None:
            self._good_since_ns = judged_ns

    def look(self, now_ns: int, *, fit_since_ns: int | None) -> Gate:
        """Return how it stands; ``fit_since_ns`` is when the fit began."""
        since_ns = self._good_since_ns
        good_for_s = 0.0 if since_ns is None else (now_ns - since_ns) / NS_PER_S
        left_s = self._timing.override_after_s
        if fit_since_ns is not None:
            left_s -= (now_ns - fit_since_ns) / NS_PER_S
        return Gate(
            good_share=self._share,
            good_for_s=good_for_s,
            open=since_ns is not None and good_for_s >= self._timing.gate_hold_s,
            override_in_s=max(0.0, left_s),
        )


def check_override(gate: Gate, *, asked: bool) -> None:
    """Refuse to pass a closed gate, unless that was ``asked`` for and is time to."""
    share = f"{round(gate.good_share * 100)} % of the electrodes are fine"
    if not asked:
        raise FitError(
            f"{share}; {NEEDED_SHARE:.0%} must have been for some time",
            hint="improve the worst electrode, or record all the same later on",
        )
    if gate.override_in_s > 0:
        raise FitError(
            f"{share}; it may be recorded all the same in {gate.override_in_s:.0f} s",
            hint="improve the worst electrode meanwhile",
        )
