"""Promises of the offline fit: errors as the bench claims, and never an exception.

Short sessions here; ``scripts/bench clock`` measures whole ones.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.offline_fit import EegFit, HostRows, PacketRows, fit_eeg
from lab.packet_arrivals import arrivals
from tests.transport_simulation import HOST_START_S, PROFILES, WallClock, simulate_eeg

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.transport_simulation import Profile, SeenEeg

STILL = WallClock(np.random.default_rng(0), ())


def _host(wall: WallClock, until_s: float) -> HostRows:
    host_s = HOST_START_S + np.arange(0.0, until_s + 2.0)
    return HostRows(host_s, wall.at(host_s))


def _packets(seen: SeenEeg) -> PacketRows:
    return PacketRows(
        seen.arrival_s, seen.counter, seen.stamp_s, seen.polled_s, seen.connection
    )


def _fit(profile: Profile, until_s: float, seed: int, wall: WallClock = STILL) -> EegFit:
    seen = simulate_eeg(profile, until_s, seed, wall)
    return fit_eeg(_packets(seen), _host(wall, until_s), profile.facts, link=profile.link)


def _errors_ms(fit: EegFit, seen: SeenEeg) -> NDArray[np.float64]:
    error_ms = (fit.packet_fit_s - seen.true_end_s) * 1e3
    return np.asarray(error_ms - np.median(error_ms))


@pytest.mark.parametrize(
    ("name", "rms_ms"),
    [
        ("pieeg_drdy", 0.01),
        ("cyton_ftdi1", 0.05),
        ("cyton_ftdi16", 0.05),
        ("muse_8.75", 0.1),
        ("muse_15_30", 0.3),
        ("ganglion_8.75", 0.2),
    ],
)
def test_ten_minutes_are_placed_within_the_target(name: str, rms_ms: float) -> None:
    profile = replace(PROFILES[name], disconnect_every_s=0.0)
    seen = simulate_eeg(profile, 600.0, 21, STILL)
    fit = fit_eeg(_packets(seen), _host(STILL, 600.0), profile.facts, link=profile.link)
    assert float(np.std(_errors_ms(fit, seen))) < rms_ms


@pytest.mark.parametrize("name", ["muse_8.75", "muse_15_30", "muse_badlink"])
def test_the_constant_of_a_headset_is_the_same_on_every_link(name: str) -> None:
    profile = replace(PROFILES[name], disconnect_every_s=0.0)
    seen = simulate_eeg(profile, 900.0, 22, STILL)
    fit = fit_eeg(_packets(seen), _host(STILL, 900.0), profile.facts, link=profile.link)
    constant_ms = float(np.mean(fit.packet_fit_s - seen.true_end_s)) * 1e3
    assert constant_ms == pytest.approx(profile.latency_ms + 0.2, abs=0.35)


@pytest.mark.parametrize("step_s", [3600.0, -3600.0, 37.2, -0.8, 0.35])
def test_arrivals_keep_their_moments_on_both_sides_of_a_step(step_s: float) -> None:
    wall = WallClock(np.random.default_rng(0), ((30.5, step_s),))
    seen = simulate_eeg(PROFILES["cyton_ftdi1"], 60.0, 6, wall)
    late_s = arrivals(_packets(seen), _host(wall, 60.0)) - seen.arrival_s
    assert float(np.max(np.abs(late_s))) < 2e-6


def test_a_clock_reading_that_was_interrupted_moves_nothing() -> None:
    seen = simulate_eeg(PROFILES["cyton_ftdi1"], 60.0, 6, STILL)
    host = _host(STILL, 60.0)
    host.wall_s[20] += 0.003
    host.wall_s[40] -= 0.003
    late_s = arrivals(_packets(seen), host) - seen.arrival_s
    assert float(np.max(np.abs(late_s))) < 2e-6


def test_the_same_readings_give_the_same_stamps() -> None:
    first = _fit(PROFILES["muse_8.75"], 120.0, 3)
    assert np.array_equal(
        first.packet_fit_s, _fit(PROFILES["muse_8.75"], 120.0, 3).packet_fit_s
    )


@pytest.mark.parametrize("step_s", [3600.0, -3600.0, -0.8, 0.35, 0.004])
def test_a_step_of_wall_time_moves_nothing(step_s: float) -> None:
    profile = PROFILES["muse_8.75"]
    wall = WallClock(np.random.default_rng(0), ((60.3, step_s),))
    still, stepped = _fit(profile, 120.0, 3), _fit(profile, 120.0, 3, wall)
    moved = np.abs(still.packet_fit_s - stepped.packet_fit_s)
    # A step of 4 ms in a poll of 20 may leave a packet on either side of it.
    assert float(np.max(moved)) < 5e-5


def test_a_hole_of_two_seconds_moves_nothing_and_is_counted() -> None:
    profile = replace(PROFILES["muse_8.75"], loss=0.0, stall_every_s=0.0)
    profile = replace(profile, disconnect_every_s=0.0)
    seen = simulate_eeg(profile, 300.0, 8, STILL)
    hole = (seen.arrival_s > HOST_START_S + 100) & (seen.arrival_s < HOST_START_S + 102)
    fit = fit_eeg(_packets(seen).only(~hole), _host(STILL, 300.0), profile.facts)
    whole = fit_eeg(_packets(seen), _host(STILL, 300.0), profile.facts)
    assert float(np.max(np.abs(fit.packet_fit_s - whole.packet_fit_s[~hole]))) < 1e-4
    assert (fit.lost_exact, fit.lost_inferred) == (int(np.sum(hole)) * 12, 0)


def test_a_loss_beyond_a_wrap_is_inferred_and_never_called_exact() -> None:
    profile = replace(PROFILES["cyton_ftdi1"], loss=0.0, disconnect_every_s=0.0)
    seen = simulate_eeg(profile, 120.0, 8, STILL)
    hole = (seen.arrival_s > HOST_START_S + 50) & (seen.arrival_s < HOST_START_S + 53)
    fit = fit_eeg(_packets(seen).only(~hole), _host(STILL, 120.0), profile.facts)
    assert fit.lost_exact == 0
    assert fit.lost_inferred == int(np.sum(hole))
    assert [part.why for part in fit.segments] == ["start", "silence"]


def test_queues_that_overflow_in_stalls_leave_every_row_in_its_place() -> None:
    # 40 packets wait in the headset; a stall of seconds drops hundreds behind them.
    profile = replace(PROFILES["ganglion_8.75"], stall_every_s=60.0)
    seen = simulate_eeg(replace(profile, disconnect_every_s=0.0), 600.0, 11, STILL)
    fit = fit_eeg(_packets(seen), _host(STILL, 600.0), profile.facts, link="ble")
    assert sum(part.why == "silence" for part in fit.segments) > 3
    assert float(np.max(np.abs(_errors_ms(fit, seen)))) < 0.5
    assert fit.lost_exact + fit.lost_inferred == pytest.approx(2 * seen.n_lost, abs=2)


def test_a_software_counters_hidden_loss_is_found_by_its_lasting_delay() -> None:
    profile = replace(PROFILES["pieeg_drdy"], burst_every_s=0.0)
    seen = simulate_eeg(profile, 60.0, 9, STILL)
    kept = np.ones(seen.counter.shape[0], np.bool_)
    kept[5000:5007] = False
    packets = _packets(seen).only(kept)
    packets = replace(packets, counter=np.arange(packets.counter.shape[0]))
    fit = fit_eeg(packets, _host(STILL, 60.0), profile.facts, link="spi")
    assert (fit.lost_exact, fit.lost_inferred) == (0, 7)
    error_ms = (fit.packet_fit_s - seen.true_end_s[kept]) * 1e3
    assert float(np.max(np.abs(error_ms))) < 0.05


def test_a_pause_is_a_gap_and_no_loss() -> None:
    profile = replace(PROFILES["muse_8.75"], loss=0.0, disconnect_every_s=0.0)
    seen = simulate_eeg(profile, 120.0, 4, STILL)
    paused = (seen.arrival_s > HOST_START_S + 50) & (seen.arrival_s < HOST_START_S + 55)
    fit = fit_eeg(
        _packets(seen).only(~paused),
        _host(STILL, 120.0),
        profile.facts,
        forced_breaks_s=[HOST_START_S + 50.0],
    )
    assert [part.why for part in fit.segments] == ["start", "gap"]
    assert (fit.lost_exact, fit.lost_inferred) == (0, 0)


def test_recorded_rows_follow_their_packets_and_nan_rows_lie_between() -> None:
    profile = replace(PROFILES["muse_8.75"], disconnect_every_s=0.0)
    seen = simulate_eeg(profile, 60.0, 4, STILL)
    fit = fit_eeg(_packets(seen), _host(STILL, 60.0), profile.facts)
    # As the recorder writes: every packet ends in a row with the packet's live stamp.
    back_s = np.arange(11, -1, -1) / 256
    live_s = (seen.arrival_s[:, None] - back_s[None, :]).ravel()
    least_s = np.arange(live_s.shape[0]) / 256 / 16
    live_s = np.maximum.accumulate(live_s - least_s) + least_s
    fit = replace(fit, packet_live_s=live_s[11::12])
    stamps_s = fit.stamps_s(live_s)
    assert np.max(np.abs(stamps_s[11::12] - fit.packet_fit_s)) < 1e-9
    assert np.all(np.diff(stamps_s) > 0)
    assert stamps_s[11] - stamps_s[0] == pytest.approx(11 / 256, rel=1e-3)


def test_ganglion_at_ten_milliseconds_claims_more_than_at_8_75() -> None:
    fine = _fit(PROFILES["ganglion_8.75"], 600.0, 2)
    coarse = _fit(replace(PROFILES["ganglion_10"], disconnect_every_s=30.0), 600.0, 2)
    assert fine.comb is not None
    assert coarse.comb is not None
    assert (fine.comb.interval.interval_ms, fine.comb.interval.spacing_ms) == (8.75, 1.25)
    assert (coarse.comb.interval.interval_ms, coarse.comb.interval.spacing_ms) == (
        10.0,
        10.0,
    )
    assert not coarse.comb.observed
    assert fine.uncertainty_ms is not None
    assert coarse.uncertainty_ms is not None
    assert coarse.uncertainty_ms > 2.5 > fine.uncertainty_ms


def test_a_link_that_flaps_claims_no_more_than_its_two_fits_agree_on() -> None:
    profile = replace(PROFILES["muse_badlink"], disconnect_every_s=0.0)
    seen = simulate_eeg(profile, 600.0, 5, STILL)
    every_second = np.arange(seen.counter.shape[0]) // 21
    packets = replace(_packets(seen), connection=every_second)
    fit = fit_eeg(packets, _host(STILL, 600.0), profile.facts, link="ble")
    assert fit.uncertainty_ms is not None
    assert fit.disagreement_ms is not None
    assert fit.uncertainty_ms >= fit.disagreement_ms > 10
    sure = np.ones(seen.counter.shape[0], np.bool_)
    for start_s, end_s in fit.unsure_s:
        sure &= (fit.packet_fit_s < start_s) | (fit.packet_fit_s > end_s)
    assert float(np.std(_errors_ms(fit, seen)[sure])) < fit.uncertainty_ms


def test_real_cyton_arrivals_have_the_rate_that_was_measured(shared_data: Path) -> None:
    columns = np.loadtxt(shared_data / "eeg" / "cyton-blinks-jaw-alpha.csv")
    counter, wall_s = columns[:, 0].astype(np.int64), columns[:, 22]
    n = counter.shape[0]
    host_s = wall_s - wall_s[0] + 10.0
    packets = PacketRows(host_s, counter, wall_s, host_s, np.ones(n, np.int64))
    host = HostRows(host_s[[0, -1]], wall_s[[0, -1]])
    fit = fit_eeg(packets, host, PROFILES["cyton_ftdi1"].facts, link="serial")
    assert fit.rate_hz == pytest.approx(250.33, abs=0.05)
    assert fit.residual_ms is not None
    assert fit.residual_ms < 2
    assert len(fit.segments) == 1


@pytest.mark.parametrize("until_s", [180.0, 1200.0])
def test_a_crystal_that_warms_up_like_no_crystal_is_fitted_as_rc(until_s: float) -> None:
    rng = np.random.default_rng(5)
    grid_s = np.arange(0.0, until_s + 10, 0.5)
    frequency = 2000e-6 + 300e-6 * np.exp(-grid_s / 600)
    device_s = grid_s + np.concatenate([[0.0], np.cumsum(frequency[1:] * 0.5)])
    true_s = 10 + np.interp(np.arange(until_s * 250) / 250, device_s, grid_s)
    arrival_s = np.maximum.accumulate(true_s + rng.exponential(0.005, true_s.shape[0]))
    packets = PacketRows(
        stamp_s=arrival_s,
        counter=np.arange(true_s.shape[0]) % 256,
        wall_s=arrival_s + 1e9,
        polled_s=np.ceil(arrival_s * 50) / 50,
        connection=np.ones(true_s.shape[0], np.int64),
    )
    host_s = np.arange(5.0, until_s + 20)
    facts = replace(PROFILES["cyton_ftdi1"].facts, oscillator="crystal")
    fit = fit_eeg(packets, HostRows(host_s, host_s + 1e9), facts)
    assert float(np.std(fit.packet_fit_s - true_s)) < 0.1e-3
    assert any("fitted as RC" in note for note in fit.notes)


def _rows(n: int) -> PacketRows:
    times = 10.0 + np.arange(n) / 250
    return PacketRows(
        stamp_s=times,
        counter=np.arange(n) % 256,
        wall_s=times + 1e9,
        polled_s=times,
        connection=np.ones(n, np.int64),
    )


def _degenerate(packets: PacketRows) -> EegFit:
    host = HostRows(np.arange(1.0, 400.0), np.arange(1.0, 400.0) + 1e9)
    fit = fit_eeg(packets, host, PROFILES["cyton_ftdi1"].facts)
    stamps_s = fit.stamps_s(packets.stamp_s)
    assert np.all(np.isfinite(stamps_s))
    assert np.all(np.diff(stamps_s) > 0)
    return fit


def test_no_packets_end_in_a_clear_statement() -> None:
    fit = _degenerate(_rows(0))
    assert fit.rate_hz is None
    assert fit.notes == ("no packets: the live stamps stay as they are",)


def test_one_packet_ends_in_a_clear_statement() -> None:
    fit = _degenerate(_rows(1))
    assert fit.rate_hz is None
    assert fit.uncertainty_ms is None
    assert "too little to measure a rate" in fit.notes[0]


def test_a_constant_arrival_ends_in_a_clear_statement() -> None:
    fit = _degenerate(
        replace(_rows(5000), wall_s=np.full(5000, 1e9 + 50.0), polled_s=np.full(5000, 50.0))
    )
    assert fit.rate_hz is None
    assert any("too little to measure a rate" in note for note in fit.notes)


def test_a_stuck_counter_ends_in_a_clear_statement() -> None:
    fit = _degenerate(replace(_rows(5000), counter=np.full(5000, 7)))
    assert fit.notes[0] == "counter stood still at 4999 packets; they count as following"
    assert fit.rate_hz == pytest.approx(250, rel=1e-6)


def test_time_going_backwards_begins_segments() -> None:
    times = 10.0 + (np.arange(5000) % 1000) / 250
    fit = _degenerate(replace(_rows(5000), wall_s=times + 1e9, polled_s=times))
    assert [part.why for part in fit.segments] == ["start", *["time"] * 4]


def test_a_counter_of_noise_ends_in_a_clear_statement() -> None:
    noise = np.random.default_rng(1).integers(0, 256, 50_000)
    fit = _degenerate(replace(_rows(50_000), counter=noise))
    assert any("counter" in note for note in fit.notes)


def test_ten_thousand_reconnects_are_ten_thousand_segments() -> None:
    fit = _degenerate(replace(_rows(50_000), connection=np.arange(50_000) // 5))
    assert len(fit.segments) == 10_000


def test_times_that_are_no_numbers_are_left_out_and_said() -> None:
    wall_s = 1e9 + 10.0 + np.arange(1000) / 250
    wall_s[::100] = np.nan
    fit = _degenerate(replace(_rows(1000), wall_s=wall_s))
    assert fit.notes[0] == "10 PacketClock rows without a sane time were left out"


@settings(deadline=None, max_examples=25)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(-(2**40), 2**40) | st.integers(0, 255),
            st.floats(0, 1e4) | st.floats(),
            st.floats(0, 1e4) | st.floats(),
            st.integers(-5, 5),
        ),
        max_size=40,
    ),
    name=st.sampled_from(sorted(PROFILES)),
)
def test_no_readings_whatever_raise(
    rows: list[tuple[int, float, float, int]], name: str
) -> None:
    table = np.array(rows, np.float64).reshape(-1, 4)
    packets = PacketRows(
        stamp_s=np.arange(float(table.shape[0])),
        counter=table[:, 0].astype(np.int64),
        wall_s=table[:, 1],
        polled_s=table[:, 2],
        connection=table[:, 3].astype(np.int64),
    )
    host = HostRows(np.array([1.0]), np.array([2.0]))
    profile = PROFILES[name]
    fit = fit_eeg(packets, host, profile.facts, link=profile.link)
    assert fit.notes or fit.rate_hz is not None
