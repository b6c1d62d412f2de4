"""Promises of the counter: what it shows to be lost is exact, whatever its make."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.alignment import CounterFacts, EegClockFacts
from recorder.alignment.counter import CounterState, unwrap_rows
from recorder.errors import ClockError


def _rows(packets: list[int], facts: CounterFacts) -> list[int]:
    numbers = np.array(packets, np.int64) * facts.step
    if facts.modulus:
        numbers %= facts.modulus
    counter = np.repeat(numbers, facts.rows_per_packet)
    return [int(row) for row in unwrap_rows(counter, facts, None).row]


MAKES = [
    CounterFacts(modulus=256),
    CounterFacts(modulus=256, step=2),
    CounterFacts(modulus=100, rows_per_packet=2),
    CounterFacts(modulus=65536, rows_per_packet=12),
    CounterFacts(modulus=0),
]


@pytest.mark.parametrize("facts", MAKES)
@given(
    first=st.integers(0, 10**6),
    losses=st.lists(st.integers(0, 90), min_size=1, max_size=60),
)
def test_every_loss_below_one_wrap_is_exact(
    facts: CounterFacts, first: int, losses: list[int]
) -> None:
    packets = [first, *(first + np.cumsum(np.array(losses) + 1)).tolist()]
    expected = [
        (packet - first) * facts.rows_per_packet + place
        for packet in packets
        for place in range(facts.rows_per_packet)
    ]
    assert _rows(packets, facts) == expected


@pytest.mark.parametrize("cut", range(1, 24))
def test_a_packet_split_between_two_polls_stays_one_packet(cut: int) -> None:
    facts = CounterFacts(modulus=65536, rows_per_packet=12)
    counter = np.repeat(np.array([65535, 0], np.int64), 12)
    timeline_rows = unwrap_rows(counter, facts, None)
    first = timeline_rows.first(cut)
    state = CounterState(
        counter=int(counter[cut - 1]),
        packet=int(first.packet[-1]),
        run=int(first.run[-1]),
    )
    second = unwrap_rows(counter[cut:], facts, state)
    assert [*first.row.tolist(), *second.row.tolist()] == list(range(24))


def test_a_stuck_counter_counts_one_packet_after_the_other() -> None:
    facts = CounterFacts(modulus=100, rows_per_packet=2)
    assert unwrap_rows(np.full(6, 7, np.int64), facts, None).row.tolist() == list(range(6))


def test_a_software_counter_shows_no_loss() -> None:
    facts = CounterFacts(modulus=256, software=True)
    counter = np.array([1, 2, 9, 9, 3], np.int64)
    assert unwrap_rows(counter, facts, None).row.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("counter", "rate_hz", "silence_s"),
    [
        (CounterFacts(modulus=256), 250.0, 0.4 * 1.024),
        (CounterFacts(modulus=100, rows_per_packet=2), 200.0, 0.4),
        (CounterFacts(modulus=65536, rows_per_packet=12), 256.0, 10.0),
        (CounterFacts(modulus=0), 250.0, 10.0),
        (CounterFacts(modulus=0, software=True), 250.0, 0.4),
    ],
)
def test_a_silence_ends_a_segment_well_before_a_wrap(
    counter: CounterFacts, rate_hz: float, silence_s: float
) -> None:
    facts = EegClockFacts(counter, rate_hz, "rc", "each_row")
    assert facts.longest_silence_s == pytest.approx(silence_s)


def test_facts_that_can_not_be_are_refused() -> None:
    with pytest.raises(ClockError):
        CounterFacts(modulus=256, step=0)
    with pytest.raises(ClockError):
        EegClockFacts(CounterFacts(modulus=256), 0.0, "rc", "each_row")
