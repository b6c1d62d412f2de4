"""Contact over time: what lasts is shown, and all bad at once is the reference."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from recorder.clock import NS_PER_S, WallPair
from recorder.eeg.contact import ContactTrend, good_share, name_reference
from recorder.eeg.electrodes import FAILING_CHANNELS, LOOSE_CHANNEL
from recorder.eeg.head import places
from recorder.eeg.montage import boards
from recorder.eeg.quality import Contact, Reason, Verdict
from recorder.eeg.simulated import BOARD, SimulatedHeadset
from recorder.eeg.source import EegBlock, EegLost
from recorder.simulation import SimulationOptions, Truth

if TYPE_CHECKING:
    from recorder.eeg.montage import Board

GOOD = Contact(Verdict.GOOD, Reason.NONE, 10.0)
BAD = Contact(Verdict.BAD, Reason.LOOSE, 200.0)
DEAD = Contact(Verdict.DEAD, Reason.FLAT, 0.0)
NO_DATA = Contact(Verdict.DEAD, Reason.NO_DATA, 0.0)


class Worn:
    """The simulated headset followed second by second, on a clock of its own."""

    def __init__(self) -> None:
        self.headset = SimulatedHeadset(
            SimulationOptions(), Truth(0), wall=WallPair(0, NS_PER_S)
        )
        self.trend = ContactTrend(BOARD)
        self.now_ns = 0

    def wait(self, seconds: float) -> list[int]:
        """Let time pass; return the channels that are bad then."""
        self.now_ns += round(seconds * NS_PER_S)
        for event in self.headset.advance(self.now_ns):
            if isinstance(event, EegBlock):
                self.trend.observe(event)
            elif isinstance(event, EegLost):
                self.trend.lost(event.host_ns)
        contacts = enumerate(self.trend.contacts)
        return [n for n, one in contacts if one.verdict <= Verdict.BAD]


def test_the_first_verdict_comes_after_two_seconds() -> None:
    worn = Worn()
    assert worn.wait(1.9) == list(range(8))
    assert worn.trend.judged_ns == 0
    assert worn.wait(0.3) == [LOOSE_CHANNEL]
    assert worn.trend.judged_ns > 0
    assert good_share(worn.trend.contacts) == 7 / 8


def test_what_lasts_is_shown_within_some_seconds_and_heals_again() -> None:
    worn = Worn()
    worn.wait(10)
    worn.headset.provoke("electrodes")
    assert worn.wait(1) == [LOOSE_CHANNEL]
    assert worn.wait(9) == sorted([*FAILING_CHANNELS, LOOSE_CHANNEL])
    worn.headset.provoke("electrodes")
    assert worn.wait(14) == [LOOSE_CHANNEL]


def test_a_lost_headset_has_no_contact_at_once_and_begins_anew() -> None:
    worn = Worn()
    worn.wait(10)
    worn.headset.provoke("headset")
    worn.wait(3)
    assert worn.trend.contacts == (NO_DATA,) * 8
    assert worn.wait(9) == [LOOSE_CHANNEL]


@pytest.mark.parametrize(
    ("contacts", "blamed"),
    [
        ((BAD, BAD), True),
        ((BAD, DEAD), True),
        ((BAD, GOOD), False),
        ((BAD, NO_DATA), False),
        ((BAD,), False),
        ((), False),
    ],
)
def test_the_reference_is_blamed_where_every_channel_is_bad(
    contacts: tuple[Contact, ...], *, blamed: bool
) -> None:
    named = name_reference(contacts)
    assert [one.verdict for one in named] == [one.verdict for one in contacts]
    assert ({one.reason for one in named} == {Reason.REFERENCE}) == blamed


def test_a_reference_that_hums_is_named_and_not_eight_electrodes() -> None:
    worn, n_seen = Worn(), 0
    for event in worn.headset.advance(8 * NS_PER_S):
        if isinstance(event, EegBlock):
            at_s = (n_seen + np.arange(event.n_rows)) / 250
            hum = (400 * np.sin(2 * np.pi * 50 * at_s)).astype(np.float32)
            n_seen += event.n_rows
            worn.trend.observe(replace(event, samples_uv=event.samples_uv + hum))
    assert {one.reason for one in worn.trend.contacts} == {Reason.REFERENCE}


@pytest.mark.parametrize("board", boards(), ids=lambda board: board.name)
def test_every_electrode_of_every_headset_has_a_place_of_its_own(board: Board) -> None:
    labels = tuple(channel.label for channel in board.channels)
    found = places(labels)
    assert len(set(found)) == len(labels)
    assert all(abs(x) <= 1 and abs(y) <= 1 for x, y in found)


def test_left_is_left_and_the_nose_is_up() -> None:
    left, right, nose, back, ear = places(("T7", "T8", "Fpz", "Oz", "TP9"))
    assert left[0] < 0 < right[0]
    assert back[1] < 0 < nose[1]
    assert ear[0] < left[0] + 0.2
    assert places(("T3",)) == places(("T7",))


def test_free_electrodes_stand_in_a_circle() -> None:
    around = places(("Ch1", "Ch2", "Ch3", "Ch4"))
    assert {round(x * x + y * y, 2) for x, y in around} == {0.36}
