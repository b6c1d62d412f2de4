"""Who speaks when is found from levels, or from speech where one microphone heard it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from lab.dataset.loudness import RATE_HZ, Loudness, measure_loudness
from lab.dataset.time_base import make_time_base
from lab.dataset.turns import bins_of, turns_by_level, turns_by_speech
from lab.dataset.voice_activity import speech_probability
from lab.opened_session import AudioClock

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

AUDIO_HZ = 48_000


def loudness_of(frames: NDArray[np.float64], path: Path) -> tuple[Loudness, AudioClock]:
    soundfile.write(path, np.clip(frames, -1, 1), AUDIO_HZ, subtype="PCM_16")
    n = len(frames)
    clock = AudioClock(np.array([0.0, n - 1]), np.array([0.0, (n - 1) / AUDIO_HZ]))
    base = make_time_base(np.arange(n * 250 // AUDIO_HZ) / 250, 250)
    return measure_loudness(path, clock, base), clock


@pytest.fixture(scope="module")
def talk(shared_data: Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return a real conversation and who speaks (1, 2, 3 for both) at each sample."""
    folder = shared_data / "speech"
    sound, rate_hz = soundfile.read(folder / "conversation.wav")
    who = np.zeros(len(sound), np.int64)
    speakers: list[str] = []
    for line in (folder / "conversation.rttm").read_text().splitlines():
        cells = line.split()
        start, length, name = float(cells[3]), float(cells[4]), cells[7]
        speakers += [name] if name not in speakers else []
        inside = slice(round(start * rate_hz), round((start + length) * rate_hz))
        who[inside] |= speakers.index(name) + 1
    return resample_poly(sound, 3, 1), np.repeat(who, 3)


@pytest.mark.parametrize("apart_db", [6, 10])
def test_two_microphones_tell_two_people_apart(
    talk: tuple[NDArray[np.float64], NDArray[np.int64]], apart_db: float, tmp_path: Path
) -> None:
    sound, who = talk
    leak = 10 ** (-apart_db / 20)
    one, two = sound * (who == 1), sound * (who >= 2)
    noise = np.random.default_rng(0).normal(0, 1e-3, (len(sound), 2))
    frames = np.stack([one + leak * two, leak * one + two], axis=1) + noise
    loudness, _ = loudness_of(frames, tmp_path / "two.flac")
    codes = bins_of(turns_by_level(loudness), loudness)
    truth = who[np.arange(len(codes)) * (AUDIO_HZ // RATE_HZ)]
    alone = (truth == 1) | (truth == 2)
    heard = alone & (codes > 0)
    assert np.mean(codes[alone] == 0) < 0.15
    assert np.mean(codes[truth == 0] > 0) < 0.15
    assert np.mean(codes[heard] == truth[heard]) > 0.95


def test_one_microphone_hears_that_somebody_speaks(
    talk: tuple[NDArray[np.float64], NDArray[np.int64]], tmp_path: Path
) -> None:
    sound, who = talk
    sound, who = sound[: 12 * AUDIO_HZ], who[: 12 * AUDIO_HZ]
    path = tmp_path / "one.flac"
    loudness, clock = loudness_of(sound[:, np.newaxis], path)
    base = make_time_base(np.arange(12 * 250) / 250, 250)
    likely = speech_probability(path, clock, base, loudness)
    turns = turns_by_speech(likely, loudness)
    codes = bins_of(turns, loudness)[: 12 * RATE_HZ]
    truth = who[np.arange(len(codes)) * (AUDIO_HZ // RATE_HZ)] > 0
    assert {turn.speaker for turn in turns} == {"someone"}
    assert np.mean((codes > 0) == truth) > 0.85


def test_silence_and_steady_noise_are_nobodys_turn(tmp_path: Path) -> None:
    noise = np.random.default_rng(2).normal(0, 1e-3, (5 * AUDIO_HZ, 2))
    loudness, _ = loudness_of(noise, tmp_path / "noise.flac")
    assert turns_by_level(loudness) == ()


def test_a_stretch_without_frames_is_not_silence(tmp_path: Path) -> None:
    frames = np.random.default_rng(3).normal(0, 0.1, (2 * AUDIO_HZ, 1))
    soundfile.write(tmp_path / "gap.flac", frames, AUDIO_HZ, subtype="PCM_16")
    rows = np.array([0.0, AUDIO_HZ - 1, AUDIO_HZ, 2 * AUDIO_HZ - 1])
    clock = AudioClock(rows, np.array([0.0, 1.0, 3.0, 4.0]))
    base = make_time_base(np.arange(1000) / 250, 250)
    loudness = measure_loudness(tmp_path / "gap.flac", clock, base)
    missing = np.isnan(loudness.rms[:, 0])
    assert not missing[:98].any()
    assert missing[102:298].all()
    assert not missing[302:398].any()
    assert loudness.rms[50, 0] == pytest.approx(0.1, rel=0.1)
