"""Every microphone keeps the promises of `AudioSource`, whatever it is made of."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from recorder.audio.choose import open_microphone
from recorder.audio.source import AudioBlock, AudioConnected, AudioFormat
from recorder.clock import NS_PER_S, read_host_ns
from recorder.simulation import SimulationOptions, Truth
from tests.heard import Heard
from tests.pace import between_timely
from tests.pulse import PCM, running_pulse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from recorder.audio.source import AudioSource

KINDS = ("simulated", "file", "pulse")
FORMATS = (AudioFormat(bits=16, n_channels=1), AudioFormat(bits=24, n_channels=2))
LISTEN_S = 2.0
LATE_S = 1.0  # the longest anything may wait on a busy machine


@dataclass(frozen=True, slots=True)
class Recording:
    """Two seconds of a source, and what it said of itself before."""

    source: AudioSource
    fmt: AudioFormat
    described: dict[str, str]
    heard: Heard
    again: Heard
    began_ns: int
    stop_took_ns: int
    heard_after_stop: int


def _specify(kind: str, fmt: AudioFormat, folder: Path) -> str:
    if kind == "file":
        wav = folder / "noise.wav"
        noise = np.random.default_rng(0).uniform(-0.5, 0.5, (240_000, fmt.n_channels))
        soundfile.write(wav, noise, 48_000, subtype=f"PCM_{fmt.bits}")
        return f"file:{wav}"
    return f"alsa:{PCM}" if kind == "pulse" else "simulated"


def _record(spec: str, fmt: AudioFormat) -> Recording:
    began_ns = read_host_ns()
    source = open_microphone(
        spec, fmt, options=SimulationOptions(), truth=Truth(origin_ns=began_ns)
    )
    assert source is not None
    described = source.description
    heard, again = Heard(), Heard()
    source.start(heard)
    heard.wait_for_frames(round(LISTEN_S * 48_000))
    stopped_ns = read_host_ns()
    source.stop()
    stop_took_ns = read_host_ns() - stopped_ns
    n_events = len(heard.events)
    source.start(again)
    again.wait_for_frames(4800)
    source.stop()
    source.stop()
    late = len(heard.events) - n_events
    return Recording(source, fmt, described, heard, again, began_ns, stop_took_ns, late)


@pytest.fixture(
    scope="module",
    params=[(kind, fmt) for kind in KINDS for fmt in FORMATS],
    ids=[f"{kind}-{fmt.bits}bit-{fmt.n_channels}ch" for kind in KINDS for fmt in FORMATS],
)
def recording(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Recording]:
    """Record each kind in each format once."""
    kind, fmt = request.param
    with ExitStack() as stack:
        if kind == "pulse":
            stack.enter_context(running_pulse())
        yield _record(_specify(kind, fmt, tmp_path_factory.mktemp(kind)), fmt)


def test_it_has_the_format_that_was_asked_for(recording: Recording) -> None:
    assert recording.source.format == recording.fmt
    kind = np.int16 if recording.fmt.bits == 16 else np.int32
    for block in recording.heard.blocks:
        assert block.frames.dtype == kind
        assert block.frames.ndim == 2
        assert block.frames.shape[1] == recording.fmt.n_channels


def test_24_bit_samples_are_in_the_upper_24_bits(recording: Recording) -> None:
    if recording.fmt.bits == 24:
        assert not np.any(recording.heard.frames & 0xFF)


def test_it_says_that_it_is_connected_before_the_first_block(recording: Recording) -> None:
    first, *rest = recording.heard.events
    assert isinstance(first, AudioConnected)
    assert all(isinstance(event, AudioBlock) for event in rest)


def test_it_delivers_as_many_frames_as_the_host_clock_counts(recording: Recording) -> None:
    blocks = recording.heard.blocks
    ends = np.cumsum([block.frames.shape[0] for block in blocks])
    # What a busy machine had not read yet was captured all the same.
    captured = ends + [block.avail_frames for block in blocks]
    read_s = [block.read_ns / NS_PER_S for block in blocks]
    n_frames, elapsed_s = between_timely(captured.tolist(), read_s, 48_000)
    # 1 %, and the bunch of up to 40 ms in which a sound server hands frames over.
    assert n_frames == pytest.approx(elapsed_s * 48_000, rel=0.01, abs=1920)


def test_blocks_are_short_and_none_is_empty(recording: Recording) -> None:
    sizes = [block.frames.shape[0] for block in recording.heard.blocks]
    assert min(sizes) > 0
    assert max(sizes) <= 960


def test_time_never_runs_backwards(recording: Recording) -> None:
    blocks = recording.heard.blocks
    assert recording.began_ns <= blocks[0].read_ns
    assert all(a.read_ns <= b.read_ns for a, b in pairwise(blocks))
    stamps = [block.stamp_ns for block in blocks if block.stamp_ns is not None]
    assert all(a <= b for a, b in pairwise(stamps))


def test_stamps_are_on_the_host_clock(recording: Recording) -> None:
    blocks = recording.heard.blocks
    stamped = [block for block in blocks if block.stamp_ns is not None]
    assert len(stamped) >= len(blocks) - 10
    for block in stamped:
        assert block.stamp_ns is not None
        assert abs(block.stamp_ns - block.read_ns) < LATE_S * NS_PER_S


def test_frames_and_stamps_grow_at_the_same_pace(recording: Recording) -> None:
    blocks = recording.heard.blocks
    ends = np.cumsum([block.frames.shape[0] for block in blocks])
    pairs = [
        (block.stamp_ns / NS_PER_S, end + block.avail_frames)
        for block, end in zip(blocks, ends, strict=True)
        if block.stamp_ns is not None
    ]
    late_s = [stamp_s - frame / 48_000 for stamp_s, frame in pairs]
    assert max(late_s) - min(late_s) < LATE_S


def test_nothing_is_lost_and_overruns_stay_zero(recording: Recording) -> None:
    for block in recording.heard.blocks:
        assert block.xruns == 0
        assert block.avail_frames >= 0


def test_stopping_is_quick_and_silent(recording: Recording) -> None:
    assert recording.stop_took_ns < 3 * NS_PER_S
    assert recording.heard_after_stop == 0


def test_it_can_be_started_again(recording: Recording) -> None:
    assert isinstance(recording.again.events[0], AudioConnected)
    assert recording.again.n_frames >= 4800


def test_it_describes_itself_before_it_is_started(recording: Recording) -> None:
    assert recording.described["kind"] in {"simulated", "file", "alsa"}
    assert recording.described.items() <= recording.source.description.items()
    assert recording.source.simulated == (recording.described["kind"] != "alsa")
