"""The contact of a headset's electrodes over time: judged every 2 s, the median of three.

So a verdict near a limit does not flicker, and what lasts is shown within some seconds.
All channels bad together point at what they share, the reference.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from statistics import median_low
from typing import TYPE_CHECKING

from recorder.clock import NS_PER_S
from recorder.eeg.quality import Contact, ContactWatch, Reason, Verdict

if TYPE_CHECKING:
    from recorder.eeg.montage import Board
    from recorder.eeg.source import EegBlock

HOP_NS = 2 * NS_PER_S
_KEPT = 3


class ContactTrend:
    """Follows the contact of one headset; owned by one thread.

    Time is that of the blocks, so the same blocks give the same verdicts.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._watch = ContactWatch(board)
        self._readings: deque[tuple[Contact, ...]] = deque(maxlen=_KEPT)
        self._connection = 0
        self._next_ns = 0
        self.contacts = self._without_data()
        self.judged_ns = 0  # host time of the newest verdict; 0 before any

    def observe(self, block: EegBlock) -> None:
        """Take in a block, and judge where 2 s are over."""
        if block.connection != self._connection:
            self._connection = block.connection
            self._next_ns = block.polled_ns + HOP_NS
            self._readings.clear()
        self._watch.observe(block)
        if block.polled_ns < self._next_ns:
            return
        self._next_ns = block.polled_ns + HOP_NS
        self._readings.append(self._watch.read(block.polled_ns))
        self.contacts = name_reference(
            tuple(map(_typical, zip(*self._readings, strict=True)))
        )
        self.judged_ns = block.polled_ns

    def lost(self, host_ns: int) -> None:
        """Note that the headset is lost: nothing is known of any electrode."""
        self._readings.clear()
        self.contacts = self._without_data()
        self.judged_ns = host_ns

    def _without_data(self) -> tuple[Contact, ...]:
        no_data = Contact(Verdict.DEAD, Reason.NO_DATA, 0.0)
        return (no_data,) * self._board.n_channels


def good_share(contacts: tuple[Contact, ...]) -> float:
    """Return the share of channels that are good or warn only."""
    fine = sum(contact.verdict >= Verdict.WARN for contact in contacts)
    return fine / len(contacts) if contacts else 0.0


def name_reference(contacts: tuple[Contact, ...]) -> tuple[Contact, ...]:
    """Blame the reference where every channel is bad: not nine electrodes at once."""
    shared = len(contacts) > 1 and all(
        contact.verdict <= Verdict.BAD and contact.reason is not Reason.NO_DATA
        for contact in contacts
    )
    if not shared:
        return contacts
    return tuple(replace(contact, reason=Reason.REFERENCE) for contact in contacts)


def _typical(readings: tuple[Contact, ...]) -> Contact:
    """Return the newest reading that has the median verdict."""
    verdict = median_low(contact.verdict for contact in readings)
    return next(one for one in reversed(readings) if one.verdict == verdict)
