"""Every kind of headset keeps the promises of `recorder.eeg.source`."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from recorder.clock import NS_PER_S, read_host_ns
from recorder.eeg.choose import open_headset
from recorder.eeg.source import EegBlock, EegConnected, EegEvent
from recorder.simulation import SimulationOptions, Truth
from tests.cyton_pty import CytonPty
from tests.eeg_listener import Listener, arrivals_ns, counters
from tests.pace import between_timely

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from recorder.eeg.source import EegSource

LISTEN_S = 1.5
MS = NS_PER_S // 1000


@dataclass
class Heard:
    """A source that was started, listened to, stopped and listened to again."""

    source: EegSource
    events: list[EegEvent]
    began_ns: int
    stopped_s: float
    later: int  # events after stop() had returned

    @property
    def blocks(self) -> list[EegBlock]:
        return [event for event in self.events if isinstance(event, EegBlock)]


def open_kind(kind: str, folder: Path, data: Path, stack: ExitStack) -> EegSource:
    spec = kind
    if kind == "playback":
        recording = data / "eeg" / "cyton-blinks-jaw-alpha.csv"
        cut = folder / "cut.csv"
        with recording.open() as lines:
            cut.write_text("".join(islice(lines, 1000)))
        spec = f"playback:{cut}:CYTON_BOARD"
    if kind == "serial":
        spec = f"serial:{stack.enter_context(CytonPty(folder)).port}:CYTON_BOARD"
    return open_headset(spec, options=SimulationOptions(), truth=Truth(read_host_ns()))


@pytest.fixture(scope="module", params=["simulated", "synthetic", "playback", "serial"])
def heard(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    shared_data: Path,
) -> Iterator[Heard]:
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("headset")
        source = open_kind(request.param, folder, shared_data, stack)
        listener = Listener()
        began_ns = read_host_ns()
        source.start(listener)
        listener.wait_for_rows(round(LISTEN_S * source.board.rate_hz))
        stopping_ns = read_host_ns()
        source.stop()
        stopped_s = (read_host_ns() - stopping_ns) / NS_PER_S
        n_events = len(listener.events)
        source.stop()
        yield Heard(
            source,
            listener.events[:n_events],
            began_ns,
            stopped_s,
            len(listener.events) - n_events,
        )


def test_the_connection_is_announced_before_its_first_block(heard: Heard) -> None:
    first, *others = heard.events
    assert isinstance(first, EegConnected)
    assert first.connection == 1
    assert heard.began_ns < first.host_ns <= heard.blocks[0].polled_ns
    assert all(isinstance(event, EegBlock) for event in others)


def test_blocks_have_the_shapes_and_types_promised(heard: Heard) -> None:
    for block in heard.blocks:
        assert block.n_rows > 0
        assert block.counter.dtype == np.int64
        assert block.stamp_s.dtype == np.float64
        assert block.samples_uv.dtype == np.float32
        assert block.counter.shape == block.stamp_s.shape == (block.n_rows,)
        assert block.samples_uv.shape == (heard.source.board.n_channels, block.n_rows)
        assert np.isfinite(block.samples_uv).all()
        assert block.connection == 1
        assert (block.battery_percent is not None) == heard.source.board.battery


def test_polls_follow_each_other_and_arrivals_precede_them(heard: Heard) -> None:
    for before, block in pairwise(heard.blocks):
        assert before.polled_ns < block.polled_ns
    for block in heard.blocks:
        arrived_ns = arrivals_ns([block])
        assert sorted(arrived_ns) == arrived_ns
        assert max(arrived_ns) < block.polled_ns + MS


def test_nothing_is_lost_and_the_counter_says_so(heard: Heard) -> None:
    facts = heard.source.board.counter
    steps = np.diff(counters(heard.blocks)) % facts.modulus
    assert set(steps.tolist()) == {facts.step}


def test_rows_come_at_the_nominal_rate(heard: Heard) -> None:
    arrived_s = [at_ns / NS_PER_S for at_ns in arrivals_ns(heard.blocks)]
    n_rows, elapsed_s = between_timely(
        range(len(arrived_s)), arrived_s, heard.source.board.rate_hz
    )
    # BrainFlow paces what it makes or plays itself, and never makes up for a delay.
    assert 0.5 < n_rows / elapsed_s / heard.source.board.rate_hz < 1.1


def test_stop_is_final_quick_and_may_be_repeated(heard: Heard) -> None:
    assert heard.later == 0
    assert heard.stopped_s < 5


def test_only_a_device_is_called_a_living_head(heard: Heard) -> None:
    is_device = heard.source.description.get("address", "").endswith("ttyCYTON")
    assert heard.source.simulated != is_device
    assert all(isinstance(value, str) for value in heard.source.description.values())


@pytest.mark.parametrize("kind", ["simulated", "synthetic"])
def test_a_stopped_source_can_be_started_again(kind: str) -> None:
    source = open_headset(kind, options=SimulationOptions(), truth=Truth(read_host_ns()))
    for _ in range(2):
        listener = Listener()
        source.start(listener)
        listener.wait_for_rows(10)
        source.stop()
        assert isinstance(listener.events[0], EegConnected)
        assert listener.events[0].connection == 1
