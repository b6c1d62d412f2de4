"""Real EEG and real speech go in; the very samples come out at the lab."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from scipy.signal import correlate, resample_poly

from tests.pulse import PCM, PulseServer, running_pulse
from tests.recorder_process import RecorderProcess
from tests.story import OpenedStory, Place, open_session, sessions_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

N_ROWS = 2000
CYTON_EEG = slice(1, 9)  # columns of BrainFlow's Cyton rows
SPEECH_S = 5


def likeness(heard: NDArray[np.float64], played: NDArray[np.float64]) -> float:
    """Return the highest normalised cross-correlation of ``played`` within ``heard``."""
    products = correlate(heard, played, mode="valid", method="fft")
    energies = np.concatenate([[0.0], np.cumsum(heard**2)])
    windows = energies[played.size :] - energies[: -played.size]
    best = int(np.argmax(products))
    return float(products[best] / np.sqrt(windows[best] * np.sum(played**2)))


@pytest.fixture(scope="module")
def rows(shared_data: Path) -> NDArray[np.float64]:
    """Return the beginning of a real Cyton recording, shape ``(n_rows, n_columns)``."""
    whole = shared_data / "eeg" / "cyton-blinks-jaw-alpha.csv"
    return np.loadtxt(whole, max_rows=N_ROWS)


@pytest.fixture(scope="module")
def played_back(
    place: Place,
    rows: NDArray[np.float64],
    tmp_path_factory: pytest.TempPathFactory,
) -> OpenedStory:
    """Record the file as BrainFlow plays it back, and open the session."""
    folder = tmp_path_factory.mktemp("playback")
    file = folder / "beginning.csv"
    np.savetxt(file, rows, fmt="%.6f", delimiter="\t")
    devices = ("--headset", f"playback:{file}:CYTON_BOARD", "--microphone", "none")
    before = sessions_of(place.box)
    with RecorderProcess(place.box, next(place.codes), devices, 3.0) as recorder:
        recorder.wait_for_lines(1)
        recorder.wait_for(lambda line: line["headset_lost"] is True)  # end of file
        assert recorder.interrupt() == 0
    (session,) = sessions_of(place.box) - before
    return open_session(place, session, folder / "out")


def test_the_samples_of_a_real_recording_come_out_as_they_went_in(
    played_back: OpenedStory, rows: NDArray[np.float64]
) -> None:
    assert played_back.code == 0
    assert played_back.integrity["parts"] >= 2
    samples = played_back.values("EEG")
    assert samples.dtype == np.float32
    # What the board sends while the first part is being opened is not recorded: on a slow
    # disk its journals take seconds.
    late = len(rows) - len(samples)
    assert 0 <= late < len(rows) / 2
    assert np.array_equal(samples, rows[late:, CYTON_EEG].astype(np.float32))


def test_the_counters_of_a_real_recording_have_no_gap(
    played_back: OpenedStory, rows: NDArray[np.float64]
) -> None:
    counters = played_back.values("PacketClock")[:, 0]
    assert np.array_equal(counters, rows[-len(counters) :, 0])
    assert set(np.diff(counters) % 256) == {1}
    assert len(counters) == len(played_back.values("EEG"))
    assert played_back.integrity["lost_samples"] == 0


def test_the_stamps_of_a_real_recording_increase_at_its_rate(
    played_back: OpenedStory,
) -> None:
    stamps_s = played_back.stamps_s("EEG")
    steps_ms = np.diff(stamps_s) * 1000
    assert np.all(steps_ms > 0)
    # BrainFlow plays by its own sleeps: on a busy machine some are too long, none short.
    assert 3.92 < np.mean(steps_ms) < 6
    assert 3 < np.median(steps_ms) < 5


@pytest.fixture(scope="module")
def sound_server() -> Iterator[PulseServer]:
    """Run a sound server of this module's own."""
    with running_pulse() as server:
        yield server


def test_speech_through_a_real_sound_server_is_in_the_sound_file(
    place: Place, sound_server: PulseServer, shared_data: Path, tmp_path: Path
) -> None:
    speech, rate_hz = soundfile.read(
        shared_data / "speech" / "conversation.wav", frames=SPEECH_S * 16_000
    )
    soundfile.write(tmp_path / "said.wav", speech, rate_hz)
    before = sessions_of(place.box)
    assert sound_server.environment
    devices = ("--headset", "simulated", "--microphone", f"alsa:{PCM}")
    with RecorderProcess(place.box, next(place.codes), devices, 3.0) as recorder:
        recorder.wait_for_lines(1)
        sound_server.play(tmp_path / "said.wav")
        recorder.wait_for_lines(len(recorder.lines) + 2)  # what is still on its way
        assert recorder.interrupt() == 0
    (session,) = sessions_of(place.box) - before
    opened = open_session(place, session, tmp_path / "out")
    assert opened.code == 0
    assert opened.integrity["xruns"] == 0
    subprocess.run(["flac", "-t", "-s", opened.folder / "audio.flac"], check=True)
    sound = opened.sound()
    assert len(sound) > SPEECH_S * 48_000
    assert likeness(sound[:, 0], resample_poly(speech, 3, 1)) > 0.99
    assert np.all(np.diff(opened.heard_s()) > 0)
