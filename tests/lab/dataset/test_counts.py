"""Counts are published as counts only where every sample proves them."""

from __future__ import annotations

import numpy as np
import pytest

from lab.dataset.bdf import bdf_bytes, header_error_uv, read_counts
from lab.dataset.counts import HIGHEST, digitise
from lab.dataset.time_base import make_time_base
from lab.opened_session import EegChannel

CYTON = EegChannel("C3", 0.022351744455307063)
MUSE = EegChannel("TP9", 0.48828125, 2048.0)
EVERY = np.ones(4, np.bool_)


@pytest.mark.parametrize("channel", [CYTON, MUSE])
def test_float32_microvolts_give_back_the_very_counts(channel: EegChannel) -> None:
    counts = np.random.default_rng(1).integers(-HIGHEST, HIGHEST, 5000)
    if channel is MUSE:
        counts = np.abs(counts) % 4096
    uv = ((counts - channel.offset_counts) * channel.uv_per_count).astype(np.float32)
    found = digitise(uv.astype(np.float64), np.ones(5000, np.bool_), channel)
    assert found.proved
    # The highest counts share their float with a neighbour; all others are exact.
    small = np.abs(counts) < 1 << 22
    assert np.array_equal(found.counts[small], counts[small])


def test_one_sample_between_two_counts_disproves_them_all() -> None:
    uv = np.array([1.0, 2.0, 3.0, 4.0]) * CYTON.uv_per_count
    assert digitise(uv, EVERY, CYTON).proved
    uv[2] += 0.4 * CYTON.uv_per_count
    found = digitise(uv, EVERY, CYTON)
    assert not found.proved
    assert 0 < found.error_uv < 1e-6


def test_what_was_not_measured_need_not_prove_anything() -> None:
    uv = np.array([1.0, 2.0, 3.4, 4.0]) * CYTON.uv_per_count
    measured = np.array([True, True, False, True])
    assert digitise(uv, measured, CYTON).proved


def test_a_device_without_counts_is_on_a_fine_grid() -> None:
    uv = np.array([-180_000.0, 0.1, 12.34, 187_499.9])
    found = digitise(uv, EVERY, EegChannel("Fz"))
    assert not found.proved
    assert found.error_uv <= 187_500 / HIGHEST
    assert digitise(np.zeros(4), EVERY, EegChannel("Fz")).error_uv == 0


@pytest.mark.parametrize("largest", [1, 100, 40_000, 1 << 20, HIGHEST])
@pytest.mark.parametrize("channel", [CYTON, EegChannel("Fz")])
def test_the_header_tells_microvolts_almost_exactly(
    channel: EegChannel, largest: int
) -> None:
    scale = channel.uv_per_count or 0.01
    uv = (np.array([0, 1, -largest, largest]) - channel.offset_counts) * scale
    found = digitise(uv, EVERY, channel)
    assert header_error_uv(found) < 1e-4
    base = make_time_base(np.arange(4) / 250, 250)
    content = bdf_bytes(["X"], [found], base, transducer="")
    assert np.array_equal(read_counts(content)[0], found.counts)
