"""What a queue delivered late lies in its place, or is said to be unsure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lab.offline_fit import EegFit, HostRows, PacketRows, fit_eeg
from tests.stalled_start import begin_in_a_stall
from tests.transport_simulation import (
    HOST_START_S,
    PROFILES,
    Profile,
    SeenEeg,
    WallClock,
    simulate_eeg,
)

LENGTH_S = 300.0
STILL = WallClock(np.random.default_rng(0), ())


def calm(name: str) -> Profile:
    """Return a headset whose link does nothing of its own accord."""
    return replace(PROFILES[name], disconnect_every_s=0.0, stall_every_s=0.0, loss=0.0)


def only(seen: SeenEeg, kept: np.ndarray) -> SeenEeg:
    """Let all other packets be lost."""
    return replace(
        seen,
        counter=seen.counter[kept],
        stamp_s=seen.stamp_s[kept],
        polled_s=seen.polled_s[kept],
        connection=seen.connection[kept],
        true_end_s=seen.true_end_s[kept],
        arrival_s=seen.arrival_s[kept],
        n_lost=seen.n_lost + int(np.sum(~kept)),
    )


def fitted(seen: SeenEeg, profile: Profile) -> EegFit:
    host_s = HOST_START_S + np.arange(0.0, LENGTH_S + 2.0)
    packets = PacketRows(
        seen.arrival_s, seen.counter, seen.stamp_s, seen.polled_s, seen.connection
    )
    host = HostRows(host_s, STILL.at(host_s))
    return fit_eeg(packets, host, profile.facts, link=profile.link)


def errors_ms(fit: EegFit, seen: SeenEeg) -> tuple[np.ndarray, np.ndarray]:
    """Return how far each packet is off but for the constant, and which are unsure."""
    off_ms = (fit.packet_fit_s - seen.true_end_s) * 1e3
    unsure = np.zeros(off_ms.shape[0], np.bool_)
    for start_s, end_s in fit.unsure_s:
        unsure |= (fit.packet_fit_s >= start_s) & (fit.packet_fit_s <= end_s)
    return off_ms - np.median(off_ms), unsure


@pytest.mark.parametrize("stall_s", [2.5, 4.9])
def test_a_connection_that_begins_in_a_stall_leaves_every_row_in_its_place(
    stall_s: float,
) -> None:
    profile = calm("muse_8.75")  # its counter takes 51 minutes to wrap
    seen = simulate_eeg(profile, LENGTH_S, 12, STILL)
    seen = begin_in_a_stall(seen, STILL, at_s=150.0, stall_s=stall_s, queue=40)
    fit = fitted(seen, profile)
    off_ms, unsure = errors_ms(fit, seen)
    assert [part.why for part in fit.segments] == ["start", "reconnect"]
    assert not unsure.any()
    assert float(np.max(np.abs(off_ms))) < 1
    assert fit.lost_exact == 12 * seen.n_lost > 0


@pytest.mark.parametrize("stall_s", [0.9, 1.4, 2.4, 3.41, 4.9])
def test_a_wrap_that_may_be_lost_at_the_start_is_said_and_never_counted_as_exact(
    stall_s: float,
) -> None:
    profile = calm("ganglion_8.75")  # one wrap is a second
    seen = simulate_eeg(profile, LENGTH_S, 12, STILL)
    seen = begin_in_a_stall(seen, STILL, at_s=150.0, stall_s=stall_s, queue=40)
    fit = fitted(seen, profile)
    off_ms, unsure = errors_ms(fit, seen)
    assert float(np.max(np.abs(off_ms[~unsure]))) < 1
    assert 40 <= int(np.sum(unsure)) < 60
    assert fit.lost_exact == 0


def test_a_connection_that_never_left_its_stall_is_unsure() -> None:
    profile = calm("muse_8.75")
    seen = simulate_eeg(profile, LENGTH_S, 12, STILL)
    seen = begin_in_a_stall(seen, STILL, at_s=150.0, stall_s=3.0, queue=40)
    second = np.flatnonzero(seen.connection == 2)
    seen.connection[second[40:]] = 3
    _, unsure = errors_ms(fitted(seen, profile), seen)
    assert unsure[second[:40]].all()
    assert int(np.sum(unsure)) < 90  # by their times, which may lie over the next ones


def silent_from(seen: SeenEeg, *, queue: int, n_lost: int) -> tuple[SeenEeg, int]:
    """Let a stall in the middle lose ``n_lost`` packets behind a full queue."""
    begin = int(np.searchsorted(seen.arrival_s, HOST_START_S + 150.0))
    behind = begin + queue + n_lost
    arrival_s, polled_s = seen.arrival_s.copy(), seen.polled_s.copy()
    arrival_s[begin : begin + queue] = arrival_s[behind] - 0.001
    polled_s[begin : begin + queue] = polled_s[behind]
    kept = np.ones(arrival_s.shape[0], np.bool_)
    kept[begin + queue : behind] = False
    waited = replace(
        seen, arrival_s=arrival_s, polled_s=polled_s, stamp_s=STILL.at(arrival_s)
    )
    return only(waited, kept), begin


@pytest.mark.parametrize("alone", [None, 10, 39, 45, 60])
def test_exactly_a_wrap_lost_in_a_silence_is_unsure_also_beside_a_common_loss(
    alone: int | None,
) -> None:
    profile = calm("ganglion_8.75")
    seen, begin = silent_from(
        simulate_eeg(profile, LENGTH_S, 12, STILL), queue=40, n_lost=100
    )
    if alone is not None:  # one packet that the radio lost, as it does all the time
        kept = np.ones(seen.counter.shape[0], np.bool_)
        kept[begin + alone] = False
        seen = only(seen, kept)
    fit = fitted(seen, profile)
    off_ms, unsure = errors_ms(fit, seen)
    assert float(np.max(np.abs(off_ms[~unsure]))) < 1
    assert unsure.any()
    assert int(np.sum(unsure)) < 60
    assert fit.lost_exact <= 2


def test_a_loss_that_shows_in_a_silence_is_placed_for_sure() -> None:
    profile = calm("ganglion_8.75")
    seen, _ = silent_from(simulate_eeg(profile, LENGTH_S, 12, STILL), queue=40, n_lost=137)
    fit = fitted(seen, profile)
    off_ms, unsure = errors_ms(fit, seen)
    assert not unsure.any()
    assert float(np.max(np.abs(off_ms))) < 1
    assert (fit.lost_exact, fit.lost_inferred) == (0, 2 * 137)


def test_two_places_where_a_wrap_may_be_lost_leave_what_is_between_unsure() -> None:
    profile = calm("ganglion_8.75")
    seen, begin = silent_from(
        simulate_eeg(profile, LENGTH_S, 12, STILL), queue=40, n_lost=120
    )
    kept = np.ones(seen.counter.shape[0], np.bool_)
    kept[begin + 70 : begin + 95] = False  # a larger loss, but not the queue's
    seen = only(seen, kept)
    off_ms, unsure = errors_ms(fitted(seen, profile), seen)
    assert float(np.max(np.abs(off_ms[~unsure]))) < 1
    assert int(np.sum(unsure)) == 31
