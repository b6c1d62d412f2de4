"""A calibration moves the EEG's host times, and nothing else, by its constant."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lab.calibrated import calibrated
from lab.headset_facts import headset_facts
from lab.link_comb import claimed_ms
from lab.offline_fit import EegFit, HostRows, PacketRows, fit_eeg
from recorder.calibration.latency import TARGETS_MS
from recorder.format.sheet import AppliedCalibration

LATE = AppliedCalibration("bench", constant_ms=10.0, spread_ms=1.5)


def fitted(n: int) -> EegFit:
    at_s = 1000 + np.arange(n) / 250
    packets = PacketRows(at_s, np.arange(n), at_s, at_s, np.ones(n, np.int64))
    host = HostRows(at_s[::250], at_s[::250])
    facts = headset_facts("simulated")
    return fit_eeg(packets, host, facts.clock, link=facts.link)


def test_stamps_and_segments_are_earlier_by_the_constant() -> None:
    plain, moved = fitted(2500), calibrated(fitted(2500), LATE)
    assert moved.packet_fit_s == pytest.approx(plain.packet_fit_s - 0.010, abs=1e-12)
    live_s = plain.packet_live_s
    assert moved.stamps_s(live_s) == pytest.approx(plain.stamps_s(live_s) - 0.010, abs=1e-9)
    (before,), (after,) = plain.segments, moved.segments
    assert before.start_s - after.start_s == pytest.approx(0.010)
    assert before.end_s - after.end_s == pytest.approx(0.010)
    assert (moved.rate_hz, moved.residual_ms) == (plain.rate_hz, plain.residual_ms)


def test_the_spread_adds_to_the_uncertainty_as_independent_errors_do() -> None:
    plain = fitted(2500)
    assert plain.uncertainty_ms is not None
    expected_ms = math.sqrt(plain.uncertainty_ms**2 + 1.5**2)
    assert calibrated(plain, LATE).uncertainty_ms == pytest.approx(expected_ms)
    assert calibrated(fitted(1), LATE).uncertainty_ms is None


@pytest.mark.parametrize("link", sorted(set(TARGETS_MS) - {"ble-fine"}))
def test_bench_and_lab_hold_a_class_to_the_same_figure(link: str) -> None:
    assert claimed_ms(link, None) == TARGETS_MS[link]
