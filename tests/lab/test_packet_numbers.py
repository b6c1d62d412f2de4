"""Numbering packets: what a software counter hid is inferred within a segment only."""

from __future__ import annotations

import numpy as np
import pytest

from lab.headset_facts import headset_facts
from lab.packet_arrivals import PacketRows
from lab.packet_numbers import number_packets

PERIOD_S = 0.004
N_ROWS = 500
AWAY_S = 1.7


@pytest.mark.parametrize("late", [1, 2, 30, 60])
def test_a_late_packet_after_a_reconnect_is_no_loss(late: int) -> None:
    sampled_s = np.arange(2 * N_ROWS, dtype=np.float64) * PERIOD_S
    sampled_s[N_ROWS:] += AWAY_S
    arrival_s = np.asarray(sampled_s + 0.001, np.float64)
    arrival_s[N_ROWS + late] += 0.003  # 1.75 periods after the one before
    packets = PacketRows(
        stamp_s=sampled_s,
        counter=np.arange(2 * N_ROWS) % 256,
        wall_s=arrival_s,
        polled_s=arrival_s,
        connection=np.repeat([1, 2], N_ROWS),
    )
    numbered = number_packets(packets, arrival_s, headset_facts("SYNTHETIC_BOARD").clock)
    assert numbered.why == ("start", "reconnect")
    assert numbered.lost_inferred == 0
    assert np.array_equal(numbered.row, np.tile(np.arange(N_ROWS), 2))
