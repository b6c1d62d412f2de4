"""The simulated microphone tells one truth, however fast or seldom it is read."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.audio.simulated import SimulatedCapture, SimulatedMicrophone
from recorder.audio.source import AudioBlock, AudioConnected, AudioFormat
from recorder.clock import NS_PER_S
from recorder.simulation import CLICK_LENGTH_S, SimulationOptions, Truth
from tests.heard import Heard
from tests.pace import between_timely

if TYPE_CHECKING:
    from numpy.typing import NDArray

START_NS = 7_000_000_000_123
TRUTH = Truth(origin_ns=START_NS - 2 * NS_PER_S, seed=3)
MONO = AudioFormat()
STEREO_24 = AudioFormat(bits=24, n_channels=2)


def listen(
    seconds: float,
    fmt: AudioFormat = MONO,
    options: SimulationOptions | None = None,
    step_s: float = 0.5,
) -> Heard:
    """Read a simulated microphone for ``seconds`` of a virtual clock."""
    capture = SimulatedCapture(fmt, options or SimulationOptions(), TRUTH)
    heard = Heard()
    for at_s in np.arange(0, seconds + step_s, step_s):
        for event in capture.advance(START_NS + round(at_s * NS_PER_S)):
            heard(event)
    return heard


def click_moments(heard: Heard, fmt: AudioFormat) -> list[float]:
    """Return where clicks begin in frames delivered, between two frames where need be."""
    full = 2.0 ** (15 if fmt.bits == 16 else 31)
    track = heard.frames[:, 0].astype(np.float64) / full
    rising = np.flatnonzero((track[1:] >= 0.25) & (track[:-1] < 0.25))
    lows, highs = track[rising], track[rising + 1]
    return list(rising + (0.25 - lows) / (highs - lows))


def test_it_begins_with_being_connected() -> None:
    heard = listen(0.1)
    assert heard.events[0] == AudioConnected(START_NS)
    assert all(isinstance(event, AudioBlock) for event in heard.events[1:])


@settings(max_examples=20, deadline=None)
@given(st.floats(0.001, 0.7), st.sampled_from([MONO, STEREO_24]))
def test_frames_do_not_depend_on_when_they_are_read(
    step_s: float, fmt: AudioFormat
) -> None:
    options = SimulationOptions(mic_drift_ppm=-80, xrun_at_s=2.5, seed=5)
    often, seldom = listen(1.5, fmt, options, step_s), listen(1.5, fmt, options, 0.3)
    n = min(often.n_frames, seldom.n_frames)
    assert n > 48_000
    assert np.array_equal(often.frames[:n], seldom.frames[:n])


def test_another_seed_sounds_different() -> None:
    one = listen(1, options=SimulationOptions(seed=1)).frames
    assert not np.array_equal(one, listen(1, options=SimulationOptions(seed=2)).frames)


@pytest.mark.parametrize("fmt", [MONO, STEREO_24])
@pytest.mark.parametrize("drift_ppm", [0, 100, -100])
def test_clicks_sound_at_the_true_moments(fmt: AudioFormat, drift_ppm: float) -> None:
    heard = listen(20, fmt, SimulationOptions(mic_drift_ppm=drift_ppm))
    rate_hz = 48_000 * (1 + drift_ppm * 1e-6)
    expected = (TRUTH.event_times_s(21.9) - 2) * rate_hz
    expected = expected[expected > 0]
    found = click_moments(heard, fmt)[: len(expected)]
    # Half a click's height is 0.25; speech beneath it moves the crossing a little.
    np.testing.assert_allclose(found, expected, atol=0.6)
    assert np.mean(np.abs(found - expected)) < 0.25


def test_a_click_lasts_a_millisecond_at_half_of_full_scale() -> None:
    track = listen(3).frames[:, 0].astype(np.float64) / 2**15
    first = round((TRUTH.event_times_s(9)[TRUTH.event_times_s(9) > 2][0] - 2) * 48_000)
    click = track[first - 10 : first + 60]
    assert np.count_nonzero(click > 0.25) == pytest.approx(CLICK_LENGTH_S * 48_000, abs=1)
    assert click.max() == pytest.approx(0.5, abs=0.2)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.0005, 0.4), st.floats(-200, 200))
def test_a_stamp_belongs_to_the_frame_after_those_read_and_waiting(
    step_s: float, drift_ppm: float
) -> None:
    heard = listen(1, options=SimulationOptions(mic_drift_ppm=drift_ppm), step_s=step_s)
    rate_hz = 48_000 * (1 + drift_ppm * 1e-6)
    frames_read = 0
    for block in heard.blocks:
        frames_read += block.frames.shape[0]
        true_ns = START_NS + (frames_read + block.avail_frames) / rate_hz * NS_PER_S
        assert block.stamp_ns is not None
        assert -1 <= block.stamp_ns - true_ns <= 500_000  # late, never early
        assert block.stamp_ns <= block.read_ns


def test_an_overrun_loses_a_fifth_of_a_second_and_is_counted() -> None:
    options = SimulationOptions(xrun_at_s=4.0)  # 2 s after it was started
    whole, broken = listen(6), listen(6, options=options)
    where = next(i for i, block in enumerate(broken.blocks) if block.xruns)
    assert [block.xruns for block in broken.blocks] == [
        int(i >= where) for i in range(len(broken.blocks))
    ]
    frame = where * 960
    assert frame == 2 * 48_000
    assert np.array_equal(broken.frames[:frame], whole.frames[:frame])
    rest = broken.frames[frame:]
    assert np.array_equal(rest, whole.frames[frame + 9600 :][: len(rest)])


def test_an_overrun_before_the_start_never_happens() -> None:
    assert listen(3, options=SimulationOptions(xrun_at_s=1.0)).blocks[-1].xruns == 0


def test_stamps_go_on_through_an_overrun() -> None:
    blocks = listen(6, options=SimulationOptions(xrun_at_s=4.0), step_s=0.01).blocks
    stamps = [block.stamp_ns for block in blocks if block.stamp_ns is not None]
    assert all(a <= b for a, b in pairwise(stamps))
    gap_s = max(b - a for a, b in pairwise(stamps)) / NS_PER_S
    assert gap_s == pytest.approx(0.22, abs=0.012)


def test_two_voices_speak_at_about_minus_30_dbfs_nearer_to_one_microphone_each() -> None:
    frames = listen(20, STEREO_24).frames[:960_000]
    assert rms_dbfs(frames) == pytest.approx([-31, -31], abs=4)
    left, right = rms_dbfs(frames[: 4 * 48_000])
    assert left > right + 1
    assert np.abs(frames.astype(np.int64)).max() < 2**31 - 256


def rms_dbfs(frames: NDArray[np.int16] | NDArray[np.int32]) -> list[float]:
    shares = frames.astype(np.float64) / -float(np.iinfo(frames.dtype).min)
    levels: list[float] = (10 * np.log10((shares**2).mean(axis=0))).tolist()
    return levels


def test_24_bit_samples_stay_in_the_upper_24_bits() -> None:
    frames = listen(2, STEREO_24).frames
    assert frames.dtype == np.int32
    assert not np.any(frames & 0xFF)
    assert np.any(frames & 0xFF00)


def test_ten_minutes_of_virtual_time_lose_no_frame() -> None:
    heard = listen(600, options=SimulationOptions(mic_drift_ppm=50), step_s=5)
    assert heard.n_frames == pytest.approx(600 * 48_000 * (1 + 50e-6), abs=5 * 48_000 + 960)
    assert heard.n_frames % 960 == 0


def test_on_the_host_clock_a_block_comes_every_20_ms() -> None:
    heard = Heard()
    microphone = SimulatedMicrophone(MONO, SimulationOptions(), TRUTH)
    microphone.start(heard)
    heard.wait_for_frames(48_000)
    microphone.stop()
    read_s = [block.read_ns / NS_PER_S for block in heard.blocks]
    n_blocks, elapsed_s = between_timely(range(len(read_s)), read_s, 50)
    assert elapsed_s / n_blocks == pytest.approx(0.020, abs=0.003)
