"""Each electrode gets the verdict its last seconds deserve, and a reason to act on."""

from __future__ import annotations

import numpy as np
import pytest

from recorder.clock import NS_PER_S, WallPair
from recorder.eeg.electrodes import LOOSE_CHANNEL
from recorder.eeg.montage import board
from recorder.eeg.quality import ContactWatch, Reason, Verdict, judge
from recorder.eeg.simulated import BOARD, SimulatedHeadset
from recorder.eeg.source import EegBlock
from recorder.simulation import SimulationOptions, Truth

RATE_HZ = 250.0
N_ROWS = 1000
AT_S = np.arange(N_ROWS) / RATE_HZ


def noise(spread_uv: float, seed: int) -> np.ndarray:
    """Return pink noise between 1 and 40 Hz and a little above."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(N_ROWS))
    frequency_hz = np.fft.rfftfreq(N_ROWS, 1 / RATE_HZ)
    spectrum /= np.sqrt(np.maximum(frequency_hz, 1))
    pink = np.fft.irfft(spectrum, N_ROWS)
    return np.asarray(pink / pink.std() * spread_uv)


def verdict(signal: np.ndarray, others: int = 1) -> tuple[Verdict, Reason]:
    window = np.stack([signal, *(noise(10, 100 + n) for n in range(others))])
    contact = judge(window.astype(np.float32), RATE_HZ)[0]
    return contact.verdict, contact.reason


def pop() -> np.ndarray:
    signal = noise(8, 3)
    signal[500:510] += 250
    return signal


@pytest.mark.parametrize(
    ("signal", "expected"),
    [
        (noise(10, 1), (Verdict.GOOD, Reason.NONE)),
        (np.zeros(N_ROWS), (Verdict.DEAD, Reason.FLAT)),
        (np.full(N_ROWS, 187_500.0), (Verdict.DEAD, Reason.FLAT)),
        (noise(0.2, 1), (Verdict.DEAD, Reason.FLAT)),
        (np.repeat(noise(10, 1)[::2], 2), (Verdict.DEAD, Reason.FLAT)),
        (noise(150, 1), (Verdict.BAD, Reason.LOOSE)),
        (noise(10, 1) + 60 * np.sin(2 * np.pi * 50 * AT_S), (Verdict.BAD, Reason.MAINS)),
        (noise(10, 1) + 60 * np.sin(2 * np.pi * 60 * AT_S), (Verdict.BAD, Reason.MAINS)),
        (noise(10, 1) + 20 * np.sin(2 * np.pi * 50 * AT_S), (Verdict.WARN, Reason.MAINS)),
        (noise(60, 1), (Verdict.WARN, Reason.MOVEMENT)),
        (noise(5, 1) + 8 * np.sin(2 * np.pi * 80 * AT_S), (Verdict.WARN, Reason.MOVEMENT)),
        (pop(), (Verdict.WARN, Reason.MOVEMENT)),
        (noise(10, 100) + 0.1 * noise(1, 7), (Verdict.WARN, Reason.BRIDGED)),
    ],
    ids=[
        *("good", "zeros", "railed", "too quiet", "repeated", "not worn", "mains 50 Hz"),
        *("mains 60 Hz", "some mains", "movement", "muscle", "pop", "bridged"),
    ],
)
def test_each_fault_has_its_verdict_and_reason(
    signal: np.ndarray, expected: tuple[Verdict, Reason]
) -> None:
    assert verdict(signal) == expected


def test_offset_and_drift_of_the_electrode_are_no_fault() -> None:
    assert verdict(noise(10, 1) + 60_000 + 300 * AT_S) == (Verdict.GOOD, Reason.NONE)


def test_one_channel_alone_is_never_bridged() -> None:
    assert verdict(noise(10, 1), others=0) == (Verdict.GOOD, Reason.NONE)


@pytest.mark.parametrize("rate_hz", [125.0, 200.0, 256.0])
def test_slower_headsets_are_judged_too(rate_hz: float) -> None:
    rows = np.random.default_rng(2).standard_normal((4, round(4 * rate_hz)))
    contacts = judge((rows.cumsum(axis=1) * 2).astype(np.float32), rate_hz)
    assert len(contacts) == 4
    assert all(contact.verdict > Verdict.DEAD for contact in contacts)


def watched(until_s: float) -> ContactWatch:
    headset = SimulatedHeadset(
        SimulationOptions(reconnect_at_s=10), Truth(0), wall=WallPair(0, NS_PER_S)
    )
    watch = ContactWatch(BOARD)
    for event in headset.advance(round(until_s * NS_PER_S)):
        if isinstance(event, EegBlock):
            watch.observe(event)
    return watch


def test_the_simulated_loose_electrode_is_found_and_only_it() -> None:
    contacts = watched(6).read(6 * NS_PER_S)
    bad = [n for n, contact in enumerate(contacts) if contact.verdict <= Verdict.BAD]
    assert bad == [LOOSE_CHANNEL]
    assert contacts[LOOSE_CHANNEL].reason is Reason.MAINS


@pytest.mark.parametrize(("until_s", "silent_s"), [(0.5, 0.0), (6.0, 0.6), (13.5, 0.0)])
def test_without_fresh_data_every_channel_is_dead(until_s: float, silent_s: float) -> None:
    contacts = watched(until_s).read(round((until_s + silent_s) * NS_PER_S))
    assert {contact.reason for contact in contacts} == {Reason.NO_DATA}
    assert {contact.verdict for contact in contacts} == {Verdict.DEAD}


def test_nothing_heard_yet_is_no_data() -> None:
    contacts = ContactWatch(board("MUSE_2_BOARD")).read(NS_PER_S)
    assert [contact.reason for contact in contacts] == [Reason.NO_DATA] * 4
