"""The meter shows what was heard; dead is only what gives nothing, clipped what is cut."""

from __future__ import annotations

import numpy as np
import pytest

from recorder.audio.source import AudioBlock, AudioFormat
from recorder.audio.watch import SoundWatch
from recorder.clock import NS_PER_S

S = NS_PER_S
PERIOD_NS = NS_PER_S // 50


def blocks(
    watch: SoundWatch, make: object, seconds: float, *, start_ns: int = NS_PER_S
) -> int:
    """Feed blocks of 20 ms made by ``make(n_frames)``; return the time of the last."""
    now_ns = start_ns
    for _ in range(round(seconds * 50)):
        frames = make(960)  # type: ignore[operator]  # a maker of frames
        watch.observe(AudioBlock(frames, 0, now_ns, now_ns, 0))
        now_ns += PERIOD_NS
    return now_ns - PERIOD_NS


def noise(level: float, n_channels: int = 1, kind: type = np.int16) -> object:
    rng = np.random.default_rng(3)
    full = -float(np.iinfo(kind).min)

    def make(n: int) -> np.ndarray:
        rows = rng.uniform(-level, level, (n, n_channels)) * full
        return np.rint(rows).astype(kind)

    return make


def silence(n: int) -> np.ndarray:
    return np.zeros((n, 1), np.int16)


@pytest.mark.parametrize(("bits", "kind"), [(16, np.int16), (24, np.int32)])
@pytest.mark.parametrize("level", [0.5, 0.1, 0.001])
def test_the_level_is_the_peak_of_the_last_second(
    level: float, bits: int, kind: type
) -> None:
    watch = SoundWatch(AudioFormat(bits=bits))
    now_ns = blocks(watch, noise(level, kind=kind), 1.0)
    (sound,) = watch.read(now_ns)
    assert sound.peak_dbfs == pytest.approx(20 * np.log10(level), abs=0.5)
    assert sound.heard
    now_ns = blocks(watch, silence, 1.2, start_ns=now_ns)
    assert watch.read(now_ns)[0].peak_dbfs < -100


def test_a_quiet_room_is_never_dead() -> None:
    watch = SoundWatch(AudioFormat())
    now_ns = blocks(watch, noise(10 ** (-70 / 20)), 15)
    assert not watch.read(now_ns)[0].silent


@pytest.mark.parametrize("offset", [0, 1, -300])
def test_a_channel_that_gives_nothing_for_ten_seconds_is_dead(offset: int) -> None:
    watch = SoundWatch(AudioFormat())
    now_ns = blocks(watch, lambda n: silence(n) + offset, 9.9)
    assert not watch.read(now_ns)[0].silent
    now_ns = blocks(watch, lambda n: silence(n) + offset, 0.3, start_ns=now_ns)
    sound = watch.read(now_ns)[0]
    assert (sound.silent, sound.heard) == (True, False)
    now_ns = blocks(watch, noise(0.01), 0.1, start_ns=now_ns)
    sound = watch.read(now_ns)[0]
    assert (sound.silent, sound.heard) == (False, True)


def test_each_channel_is_watched_alone() -> None:
    watch = SoundWatch(AudioFormat(n_channels=2))
    voice = noise(0.1)

    def left_only(n: int) -> np.ndarray:
        return np.hstack([voice(n), silence(n)])  # type: ignore[operator]  # a maker

    left, right = watch.read(blocks(watch, left_only, 11))
    assert (left.silent, right.silent) == (False, True)
    assert left.peak_dbfs > -25 > right.peak_dbfs


@pytest.mark.parametrize(("n_clipped", "clipping"), [(2, False), (3, True), (200, True)])
def test_some_samples_at_the_limit_are_clipping_for_three_seconds(
    n_clipped: int, *, clipping: bool
) -> None:
    watch = SoundWatch(AudioFormat())

    def cut(n: int) -> np.ndarray:
        frames = np.ones((n, 1), np.int16)
        frames[:n_clipped] = 32_767
        return frames

    now_ns = blocks(watch, cut, 0.02)
    assert watch.read(now_ns)[0].clipping == clipping
    assert not watch.read(now_ns + 3 * NS_PER_S)[0].clipping


@pytest.mark.parametrize(
    ("bits", "values", "clipping"),
    [
        (16, [32767, 32767, -32768], True),
        (16, [32766, 32766, -32767], False),
        (24, [8388607 << 8, 8388607 << 8, -8388608 << 8], True),
        (24, [8388606 << 8, 8388606 << 8, -8388607 << 8], False),
    ],
)
def test_the_limit_is_the_converters_own(
    bits: int, values: list[int], *, clipping: bool
) -> None:
    watch = SoundWatch(AudioFormat(bits=bits))
    kind = np.int16 if bits == 16 else np.int32
    frames: np.ndarray = np.array(values, kind)[:, np.newaxis]
    watch.observe(AudioBlock(frames, 0, S, S, 0))
    (sound,) = watch.read(S)
    assert sound.clipping == clipping
    assert sound.peak_dbfs == pytest.approx(0, abs=0.001)


def test_before_anything_was_heard_nothing_is_said() -> None:
    (sound,) = SoundWatch(AudioFormat()).read(100 * NS_PER_S)
    assert (sound.silent, sound.clipping, sound.heard) == (False, False, False)


def test_connected_again_it_begins_anew() -> None:
    watch = SoundWatch(AudioFormat())
    now_ns = blocks(watch, silence, 11)
    assert watch.read(now_ns)[0].silent
    watch.restart()
    now_ns = blocks(watch, silence, 1, start_ns=now_ns)
    assert not watch.read(now_ns)[0].silent
