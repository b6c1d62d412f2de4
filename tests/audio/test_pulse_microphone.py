"""With a real sound server: speech arrives whole, the server may die, clocks may step."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from scipy.signal import correlate, resample_poly

from recorder.audio.microphone import AlsaMicrophone
from recorder.audio.source import AudioBlock, AudioConnected, AudioFormat, AudioLost
from recorder.clock import NS_PER_S, read_host_ns
from tests.heard import Heard
from tests.pulse import PCM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tests.pulse import PulseServer

ROOT = Path(__file__).resolve().parents[2]
HOUR_S = 3600
_FAKETIME = (
    Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"),
    Path("/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1"),
)


def likeness(heard: NDArray[np.float64], played: NDArray[np.float64]) -> float:
    """Return the highest normalised cross-correlation of ``played`` within ``heard``."""
    products = correlate(heard, played, mode="valid", method="fft")
    windows = np.concatenate([[0.0], np.cumsum(heard**2)])
    energies = windows[played.size :] - windows[: -played.size]
    best = int(np.argmax(products))
    return float(products[best] / np.sqrt(energies[best] * np.sum(played**2)))


def record_while_playing(server: PulseServer, wav: Path, fmt: AudioFormat) -> Heard:
    """Record the server's microphone while ``wav`` is played into it."""
    heard = Heard()
    microphone = AlsaMicrophone(PCM, fmt)
    microphone.start(heard)
    server.play(wav)
    heard.wait_for_frames(14_400)  # what is still on its way
    microphone.stop()
    return heard


@pytest.mark.parametrize("bits", [16, 24])
def test_real_speech_arrives_as_it_was_played(
    pulse_server: PulseServer, shared_data: Path, tmp_path: Path, bits: int
) -> None:
    speech, rate_hz = soundfile.read(shared_data / "speech" / "conversation.wav")
    speech = speech[: 4 * rate_hz]
    wav = tmp_path / "speech.wav"
    soundfile.write(wav, speech, rate_hz, subtype="PCM_16")
    heard = record_while_playing(pulse_server, wav, AudioFormat(bits=bits, n_channels=2))
    played = resample_poly(speech, 48_000 // rate_hz, 1)
    for channel in heard.frames.astype(np.float64).T:
        assert likeness(channel, played) > 0.99
    assert heard.blocks[-1].xruns == 0


def test_a_voice_made_here_arrives_as_it_was_spoken(
    pulse_server: PulseServer, tmp_path: Path
) -> None:
    wav = tmp_path / "voice.wav"
    try:
        subprocess.run(["espeak-ng", "-w", str(wav), "How have you been?"], check=True)
    except FileNotFoundError:
        pytest.skip("needs espeak-ng")
    speech, rate_hz = soundfile.read(wav)
    heard = record_while_playing(pulse_server, wav, AudioFormat())
    played = resample_poly(speech, 48_000, rate_hz)
    assert likeness(heard.frames[:, 0].astype(np.float64), played) > 0.99


def test_a_sound_server_that_dies_is_a_loss_and_its_return_a_connection(
    pulse_server: PulseServer,
) -> None:
    heard = Heard()
    microphone = AlsaMicrophone(PCM, AudioFormat())
    microphone.start(heard)
    heard.wait_for_frames(9600)
    killed_ns = read_host_ns()
    pulse_server.kill()
    heard.wait_for_count(AudioLost, 1)
    assert heard.of(AudioLost)[0].host_ns - killed_ns < 3 * NS_PER_S
    pulse_server.start()
    heard.wait_for_count(AudioConnected, 2)
    heard.wait_for_frames(9600)
    microphone.stop()
    news = [type(event) for event in heard.events if not isinstance(event, AudioBlock)]
    assert news == [AudioConnected, AudioLost, AudioConnected]


def test_stop_is_quick_while_the_sound_server_is_away(pulse_server: PulseServer) -> None:
    heard = Heard()
    microphone = AlsaMicrophone(PCM, AudioFormat())
    microphone.start(heard)
    pulse_server.kill()
    heard.wait_for_count(AudioLost, 1)
    asked_ns = read_host_ns()
    microphone.stop()
    assert read_host_ns() - asked_ns < 3 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Reading:
    """A block's stamp and the moment it was read, on host time, and the wall then."""

    stamp_ns: int
    read_ns: int
    wall_ns: int

    def hours_after(self, other: Reading) -> int:
        """Return by how many hours the wall clock was stepped since ``other``."""
        ahead_ns = [reading.wall_ns - reading.read_ns for reading in (self, other)]
        return round((ahead_ns[0] - ahead_ns[1]) / NS_PER_S / HOUR_S)


_CHILD = f"""
import time
from recorder.audio.microphone import AlsaMicrophone
from recorder.audio.source import AudioBlock, AudioFormat
def tell(event):
    if isinstance(event, AudioBlock):
        wall_ns = time.clock_gettime_ns(time.CLOCK_REALTIME)
        print(event.stamp_ns or 0, event.read_ns, wall_ns, flush=True)
microphone = AlsaMicrophone({PCM!r}, AudioFormat())
microphone.start(tell)
input()
microphone.stop()
"""


@contextmanager
def recording_under_faketime(
    server: PulseServer, offset: Path
) -> Iterator[subprocess.Popen[str]]:
    """Run a process that records and prints its readings, its wall clock bent."""
    library = next((path for path in _FAKETIME if path.exists()), None)
    if library is None:
        pytest.skip("needs faketime")
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={
            **os.environ,
            **server.environment,
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        },
    )
    limit = threading.Timer(120, child.kill)
    limit.start()
    try:
        yield child
        assert child.wait() == 0
    finally:
        limit.cancel()
        child.kill()
        child.communicate()


def set_clock(offset: Path, words: str) -> None:
    """Set the wall clock of all who look at ``offset``, from one moment to the next."""
    new = offset.with_name("new-offset")
    new.write_text(words)
    new.replace(offset)


def step_while_recording(child: subprocess.Popen[str], offset: Path) -> list[list[Reading]]:
    """Step the child's wall clock after 50 blocks of each hour; return what it printed.

    The next step waits until the one before was seen, however late we read.
    """
    assert child.stdin is not None
    assert child.stdout is not None
    steps = ["+3600", "-3600", "+0"]
    phases: list[list[Reading]] = [[]]
    for line in child.stdout:
        stamp_ns, read_ns, wall_ns = map(int, line.split())
        reading = Reading(stamp_ns, read_ns, wall_ns)
        if phases[-1] and reading.hours_after(phases[-1][-1]):
            phases.append([])
        phases[-1].append(reading)
        if len(phases[-1]) != 50:
            continue
        if steps:
            set_clock(offset, steps.pop(0))
        else:
            child.stdin.write("\n")
            child.stdin.flush()
    return phases


def test_a_wall_clock_stepped_by_an_hour_moves_no_stamp(
    pulse_server: PulseServer, tmp_path: Path
) -> None:
    offset = tmp_path / "offset"
    set_clock(offset, "+0")
    before_ns = read_host_ns()
    with recording_under_faketime(pulse_server, offset) as child:
        phases = step_while_recording(child, offset)
    assert [phase[0].hours_after(phases[0][0]) for phase in phases] == [0, 1, -1, 0]
    # From the tenth block on every stamp is there, on this process's own host clock, and
    # beside the reading that the child took itself.
    readings = [reading for phase in phases for reading in phase][10:]
    stamp_ns = np.array([reading.stamp_ns for reading in readings])
    assert np.all((before_ns < stamp_ns) & (stamp_ns < read_host_ns()))
    assert np.all(np.diff(stamp_ns) > 0)
    for phase in phases:
        apart_ms = [(reading.stamp_ns - reading.read_ns) / 1e6 for reading in phase[10:]]
        assert 0 <= np.median(apart_ms) < 1
