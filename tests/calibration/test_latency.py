"""Latency is measured to hundredths of a millisecond, or refused with what is wrong.

Pulses here are made by another formula than the one that is fitted: rectangles averaged
over a sample's time, many times finer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from recorder.calibration import Latency, find_clicks, measure_latency, summarise
from recorder.calibration.latency import FEWEST_PULSES, TARGETS_MS, is_periodic
from recorder.errors import ProvisionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FRAMES_HZ = 48_000
START_S = 5_000.0


def moments(n: int, seed: int = 1) -> NDArray[np.float64]:
    """Return ``n`` pulses at random distances."""
    steps = np.random.default_rng(seed).uniform(0.7, 1.3, n)
    return np.asarray(START_S + 1 + np.cumsum(steps))


def eeg(
    begin_s: NDArray[np.float64],
    rate_hz: float,
    *,
    height_uv: float = 200.0,
    noise_uv: float = 10.0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return stamps and three channels, the second with pulses; all drift and hum."""
    rng = np.random.default_rng(2)
    at_s = np.arange(START_S + 0.0013, begin_s[-1] + 2, 1 / rate_hz)
    uv = rng.normal(0, noise_uv, (at_s.size, 3))
    uv += 300 * np.sin(2 * np.pi * 0.03 * at_s)[:, np.newaxis]
    for within in (np.arange(64) + 0.5) / 64 - 0.5:
        since = at_s + within / rate_hz - begin_s[:, np.newaxis]
        uv[:, 1] += height_uv / 64 * ((since >= 0) & (since < 0.020)).sum(axis=0)
    return at_s, uv


def sound(
    begin_s: NDArray[np.float64], *, length_s: float = 0.020, height: float = 0.3
) -> NDArray[np.float32]:
    """Return frames from START_S on: noise in one channel, pulses too in the other."""
    rng = np.random.default_rng(3)
    frames = rng.normal(0, 0.003, (int((begin_s[-1] + 2 - START_S) * FRAMES_HZ), 2))
    for begin in (begin_s - START_S) * FRAMES_HZ:
        near = np.arange(int(begin) - 50, int(begin) + 1500)
        rise = np.clip(near - begin + 0.5, 0, 1)
        fall = np.clip(near - begin - length_s * FRAMES_HZ + 0.5, 0, 1)
        frames[near, 1] += height * (rise - fall)
    return frames.astype(np.float32)


def measured(
    begin_s: NDArray[np.float64],
    clicks_s: NDArray[np.float64],
    rate_hz: float = 250,
    **options: float,
) -> tuple[Latency, ...]:
    at_s, uv = eeg(begin_s, rate_hz, **options)
    whole = [(float(at_s[0]), float(at_s[-1]))]
    return measure_latency(at_s=at_s, uv=uv, clicks_s=clicks_s, connections=whole)


@pytest.mark.parametrize("rate_hz", [125.0, 200.0, 250.33, 256.0, 1000.0])
@pytest.mark.parametrize("latency_ms", [-3.0, 5.0, 20.437])
def test_latency_is_right_at_every_rate(rate_hz: float, latency_ms: float) -> None:
    true_s = moments(100)
    (found,) = measured(true_s + latency_ms / 1e3, true_s, rate_hz)
    assert found.latency_s * 1e3 == pytest.approx(latency_ms, abs=0.06)
    assert found.pulses_s.size >= 90
    assert np.std(found.pulses_s) < 0.5e-3


def test_pulses_may_point_down() -> None:
    true_s = moments(60)
    (found,) = measured(true_s + 0.008, true_s, height_uv=-200.0)
    assert found.latency_s == pytest.approx(0.008, abs=0.06e-3)


def test_a_pulse_with_a_lost_row_is_left_out_and_the_others_stand() -> None:
    true_s = moments(60)
    at_s, uv = eeg(true_s + 0.008, 250)
    for hit in true_s[::3]:
        uv[np.searchsorted(at_s, hit + 0.012)] = np.nan
    whole = [(float(at_s[0]), float(at_s[-1]))]
    (found,) = measure_latency(at_s=at_s, uv=uv, clicks_s=true_s, connections=whole)
    assert found.latency_s == pytest.approx(0.008, abs=0.06e-3)
    assert found.pulses_s.size == 40


def test_each_connection_has_its_own_latency() -> None:
    true_s = moments(90)
    middle_s = float(true_s[45]) - 0.3
    late_s = np.where(true_s < middle_s, 0.008, 0.0095)
    at_s, uv = eeg(true_s + late_s, 250)
    halves = [(float(at_s[0]), middle_s), (middle_s, float(at_s[-1]))]
    found = measure_latency(at_s=at_s, uv=uv, clicks_s=true_s, connections=halves)
    assert [one.latency_s for one in found] == pytest.approx([0.008, 0.0095], abs=0.1e-3)


def test_pulses_that_only_one_of_both_recorded_do_no_harm() -> None:
    true_s = moments(80)
    (found,) = measured(np.delete(true_s, [3, 4, 50]) + 0.009, np.delete(true_s, [10, 60]))
    assert found.latency_s == pytest.approx(0.009, abs=0.06e-3)
    assert 70 <= found.pulses_s.size <= 75


def test_a_connection_with_few_pulses_is_left_out() -> None:
    true_s = moments(40)
    at_s, uv = eeg(true_s + 0.008, 250)
    edge_s = float(true_s[3]) + 0.3
    spans = [(float(at_s[0]), edge_s), (edge_s, float(at_s[-1]))]
    found = measure_latency(at_s=at_s, uv=uv, clicks_s=true_s, connections=spans)
    assert len(found) == 1
    assert found[0].pulses_s.size == 36


@pytest.mark.parametrize(
    ("length_s", "height"), [(0.020, 0.3), (0.020, -0.3), (0.001, 0.5)]
)
def test_the_edge_of_a_pulse_or_click_is_right_within_twenty_microseconds(
    length_s: float, height: float
) -> None:
    true_s = moments(50)
    frames = find_clicks(sound(true_s, length_s=length_s, height=height), FRAMES_HZ)
    assert frames.size == 50
    assert np.abs(START_S + frames / FRAMES_HZ - true_s).max() < 20e-6


def test_noise_is_no_click_and_no_pulse() -> None:
    rng = np.random.default_rng(4)
    assert not find_clicks(rng.normal(0, 0.1, (96_000, 1)).astype(np.float32), 48_000).size
    assert not find_clicks(np.zeros((0, 1), np.float32), 48_000).size
    assert not find_clicks(np.zeros((96_000, 2), np.float32), 48_000).size
    with pytest.raises(ProvisionError, match="no pulses in the EEG"):
        measured(moments(30), moments(30), height_uv=0.0)


def test_without_sound_there_is_nothing_to_measure_against() -> None:
    with pytest.raises(ProvisionError, match="no pulses in the sound"):
        measured(moments(30), np.empty(0))


def test_other_pulses_in_the_sound_than_in_the_eeg_are_refused() -> None:
    with pytest.raises(ProvisionError, match="pulse"):
        measured(moments(60, seed=1), moments(60, seed=9))


def connection(latency_ms: float, n: int = 20) -> Latency:
    return Latency(latency_ms / 1e3, np.full(n, latency_ms / 1e3))


def test_the_constant_is_the_median_and_the_spread_that_of_connections() -> None:
    found = summarise([connection(ms) for ms in (10.0, 10.2, 10.1, 10.9)], target_ms=1.0)
    assert found.constant_ms == pytest.approx(10.15)
    assert found.spread_ms == pytest.approx(np.std([10.0, 10.2, 10.1, 10.9], ddof=1))
    assert found.standard_error_ms == pytest.approx(found.spread_ms / 2)
    assert (found.n_connections, found.n_pulses) == (4, 80)
    assert found.warnings == ("4 connections; the protocol asks for 8",)


def test_eight_connections_raise_no_warning() -> None:
    assert summarise([connection(10.0)] * 8, target_ms=1.0).warnings == ()


def test_one_connection_shows_no_spread_so_the_target_stands_for_it() -> None:
    found = summarise([connection(10.0, FEWEST_PULSES)], target_ms=0.5)
    assert found.spread_ms == 0.5
    assert any("not measured" in warning for warning in found.warnings)


@pytest.mark.parametrize("few", [[], [connection(10.0, FEWEST_PULSES - 1)]])
def test_too_few_pulses_are_refused_with_the_limit(few: list[Latency]) -> None:
    with pytest.raises(ProvisionError, match=f"at least {FEWEST_PULSES}"):
        summarise(few, target_ms=2.0)


@pytest.mark.parametrize("target_ms", sorted(set(TARGETS_MS.values())))
def test_a_spread_above_the_target_is_refused(target_ms: float) -> None:
    apart_ms = target_ms * np.sqrt(2)  # of two connections, for that SD
    near = [connection(10.0), connection(10 + 0.99 * apart_ms)]
    assert summarise(near, target_ms=target_ms).spread_ms < target_ms
    far = [connection(10.0), connection(10 + 1.01 * apart_ms)]
    with pytest.raises(ProvisionError, match=f"allowed is {target_ms:g} ms"):
        summarise(far, target_ms=target_ms)


def test_even_pulses_are_told_from_random_ones() -> None:
    assert is_periodic(np.arange(40.0))
    assert not is_periodic(moments(40))
    assert not is_periodic(np.empty(0))
