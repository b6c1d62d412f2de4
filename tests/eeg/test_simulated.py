"""The simulated headset is a function of its options, its truth and its seed."""

from __future__ import annotations

import numpy as np
import pytest

from recorder.clock import NS_PER_S, WallPair
from recorder.eeg.simulated import AWAY_S, BOARD, NOTICED_S, TRANSPORT_S, SimulatedHeadset
from recorder.eeg.source import EegBlock, EegConnected, EegEvent, EegLost
from recorder.simulation import PULSE_LENGTH_S, PULSE_UV, SimulationOptions, Truth

ORIGIN_NS = 7_000 * NS_PER_S
WALL = WallPair(ORIGIN_NS, 1_790_000_000 * NS_PER_S)
TRUTH = Truth(ORIGIN_NS, seed=5)


def run(options: SimulationOptions, until_s: float, step_s: float = 0.02) -> list[EegEvent]:
    headset = SimulatedHeadset(options, TRUTH, wall=WALL)
    events: list[EegEvent] = []
    for step in range(round(until_s / step_s) + 1):
        events += headset.advance(ORIGIN_NS + round(step * step_s * NS_PER_S))
    return events


def blocks(events: list[EegEvent], connection: int = 1) -> list[EegBlock]:
    return [e for e in events if isinstance(e, EegBlock) and e.connection == connection]


def joined(
    events: list[EegEvent], connection: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return unwrapped counters, arrivals in true seconds, and samples."""
    chosen = blocks(events, connection)
    counter = np.concatenate([block.counter for block in chosen])
    unwrapped = np.unwrap(counter, period=BOARD.counter.modulus)
    arrival_s = [
        (block.wall.to_host_ns(stamp) - ORIGIN_NS) / NS_PER_S
        for block in chosen
        for stamp in block.stamp_s
    ]
    samples_uv = np.concatenate([block.samples_uv for block in chosen], axis=1)
    return unwrapped, np.array(arrival_s), samples_uv


def same(one: EegEvent, other: EegEvent) -> bool:
    if isinstance(one, EegBlock) and isinstance(other, EegBlock):
        return (
            one.polled_ns == other.polled_ns
            and np.array_equal(one.counter, other.counter)
            and np.array_equal(one.stamp_s, other.stamp_s)
            and np.array_equal(one.samples_uv, other.samples_uv)
        )
    return one == other


def test_how_often_it_is_asked_changes_nothing() -> None:
    options = SimulationOptions(jitter_ms=3, loss=0.02, reconnect_at_s=2.5, seed=1)
    often, seldom = run(options, 9, step_s=0.007), run(options, 9, step_s=1.5)
    assert all(map(same, seldom, often))
    assert len(seldom) == len(often)


def test_another_seed_is_another_recording() -> None:
    first = joined(run(SimulationOptions(seed=1), 1))[2]
    second = joined(run(SimulationOptions(seed=2), 1))[2]
    assert not np.array_equal(first, second)


def test_nothing_goes_wrong_unless_asked_for() -> None:
    counter, arrival_s, _ = joined(run(SimulationOptions(), 10))
    assert set(np.diff(counter)) == {1}
    assert np.abs(np.diff(arrival_s) - 1 / BOARD.rate_hz).max() < 2e-6


@pytest.mark.parametrize("drift_ppm", [-9000.0, -40.0, 40.0, 9000.0])
def test_the_oscillator_drifts_as_told(drift_ppm: float) -> None:
    counter, arrival_s, _ = joined(run(SimulationOptions(drift_ppm=drift_ppm), 150))
    rate_hz = (counter[-1] - counter[0]) / (arrival_s[-1] - arrival_s[0])
    assert abs(rate_hz / BOARD.rate_hz - (1 + drift_ppm * 1e-6)) < 2e-8


def test_warm_up_fades_with_600_s() -> None:
    counter, arrival_s, _ = joined(run(SimulationOptions(warmup_ppm=100), 700, step_s=10))

    def rate_ppm(from_s: float) -> float:
        chosen = (arrival_s >= from_s) & (arrival_s < from_s + 20)
        span = np.ptp(counter[chosen]) / np.ptp(arrival_s[chosen])
        return float((span / BOARD.rate_hz - 1) * 1e6)

    assert abs(rate_ppm(0) - 100 * np.exp(-10 / 600)) < 0.2
    assert abs(rate_ppm(600) - 100 * np.exp(-610 / 600)) < 0.2


def test_jitter_delays_but_never_reorders_or_hurries() -> None:
    counter, arrival_s, _ = joined(run(SimulationOptions(jitter_ms=5, seed=3), 60))
    taken_s = (counter - counter[0]) / BOARD.rate_hz
    delay_s = arrival_s - taken_s
    assert delay_s.min() > TRANSPORT_S - 2e-6
    assert delay_s.mean() > TRANSPORT_S + 0.005
    assert np.diff(arrival_s).min() > -1e-6


def test_loss_takes_the_share_it_is_told_and_the_counter_shows_it() -> None:
    counter, _, samples_uv = joined(run(SimulationOptions(loss=0.1, seed=4), 100))
    whole = joined(run(SimulationOptions(seed=4), 100))[2]
    lost = 1 - counter.size / (counter[-1] - counter[0] + 1)
    assert abs(lost - 0.1) < 0.01
    assert np.array_equal(samples_uv, whole[:, counter - counter[0]])


def test_a_reconnect_is_three_seconds_away_and_counts_anew() -> None:
    events = run(SimulationOptions(reconnect_at_s=4, seed=6), 10)
    news = [event for event in events if not isinstance(event, EegBlock)]
    connected, lost, again = news
    assert isinstance(connected, EegConnected)
    assert isinstance(lost, EegLost)
    assert isinstance(again, EegConnected)
    assert (connected.connection, lost.connection, again.connection) == (1, 1, 2)
    assert 0 <= TRUTH.seconds(lost.host_ns) - (4 + NOTICED_S) < 0.021
    before, arrived_s, _ = joined(events, 1)
    after, back_s, _ = joined(events, 2)
    assert abs(arrived_s[-1] - TRANSPORT_S - 4) < 0.005
    assert abs(back_s[0] - TRANSPORT_S - 4 - AWAY_S) < 0.005
    assert after[0] != (before[-1] + 1) % BOARD.counter.modulus
    # Its oscillator was never switched off.
    steps = (back_s[0] - arrived_s[0]) * BOARD.rate_hz
    assert abs(steps - round(steps)) < 1e-3


def test_pulses_stand_at_the_true_moments() -> None:
    _, arrival_s, samples_uv = joined(run(SimulationOptions(drift_ppm=70, seed=8), 30))
    taken_s = arrival_s - TRANSPORT_S
    errors_s = []
    for event_s in TRUTH.event_times_s(29):
        middle_s = event_s + PULSE_LENGTH_S / 2
        near = np.abs(taken_s - middle_s) < 0.018
        pulse = samples_uv[0, near].astype(np.float64)
        errors_s.append((pulse @ taken_s[near]) / pulse.sum() - middle_s)
        assert abs(pulse.sum() / BOARD.rate_hz - PULSE_UV * PULSE_LENGTH_S) < 0.05
    assert np.std(errors_s) < 20e-6
    assert abs(np.mean(errors_s)) < 5e-6


def test_samples_are_whole_adc_counts() -> None:
    scale = BOARD.channels[0].uv_per_count
    counts = joined(run(SimulationOptions(), 2))[2].astype(np.float64) / scale
    assert np.abs(counts - np.rint(counts)).max() < 0.01


def test_every_row_arrived_before_its_poll_and_after_the_one_before() -> None:
    before_ns = ORIGIN_NS
    for block in blocks(run(SimulationOptions(jitter_ms=1), 5)):
        arrival_ns = [block.wall.to_host_ns(stamp) for stamp in block.stamp_s]
        # Wall seconds as float64 are 0.24 us apart.
        assert before_ns - 500 < min(arrival_ns)
        assert max(arrival_ns) <= block.polled_ns + 500
        before_ns = block.polled_ns
