"""A device that is let go of is released, whatever it was doing at that moment."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from recorder.audio.choose import open_microphone
from recorder.audio.source import AudioFormat
from recorder.clock import NS_PER_S, read_host_ns
from recorder.service.keeper import Keeper
from recorder.simulation import SimulationOptions, Truth
from tests.service_process import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from recorder.errors import FieldrecError


@dataclass
class SlowDevice:
    """Takes as long to start as the test lets it, and forgets what it was told before."""

    begun: threading.Event = field(default_factory=threading.Event)
    may_start: threading.Event = field(default_factory=threading.Event)
    runs: bool = False
    stops: int = 0

    def start(self, deliver: Callable[[object], None]) -> None:
        self.begun.set()
        assert self.may_start.wait(60)
        self.runs = True
        deliver("an event")

    def stop(self) -> None:
        self.stops += 1
        self.runs = False


@dataclass
class Kept:
    """A keeper, and what it told."""

    device: SlowDevice
    told: list[object] = field(default_factory=list)
    keeper: Keeper[SlowDevice] = field(init=False)

    def __post_init__(self) -> None:
        self.keeper = Keeper(
            "device",
            threading.RLock(),
            open_device=lambda _: self.device,
            opened=lambda _: None,
            deliver=self.told.append,
            failed=self._failed,
        )

    def _failed(self, error: FieldrecError) -> None:
        raise AssertionError(error.message)


@pytest.fixture
def kept() -> Iterator[Kept]:
    kept = Kept(SlowDevice())
    yield kept
    kept.device.may_start.set()
    kept.keeper.close()


def test_a_device_let_go_of_while_it_starts_does_not_run_on(kept: Kept) -> None:
    kept.keeper.use("one")
    assert kept.device.begun.wait(60)
    kept.keeper.use("")
    until(lambda: kept.device.stops or None, "nobody stopped it")
    kept.device.may_start.set()
    until(lambda: kept.device.stops == 2 or None, "nobody stopped what began too late")
    assert not kept.device.runs
    assert kept.told == []


def test_closing_waits_until_a_device_that_starts_is_released(kept: Kept) -> None:
    kept.keeper.use("one")
    assert kept.device.begun.wait(60)
    closing = threading.Thread(target=kept.keeper.close)
    closing.start()
    until(lambda: kept.device.stops or None, "nobody stopped it")
    assert closing.is_alive()
    kept.device.may_start.set()
    closing.join(60)
    assert not closing.is_alive()
    assert not kept.device.runs


def test_a_microphone_bears_starts_and_stops_at_any_moment_of_each_other() -> None:
    """Races are rare: as many goes as half a minute has, none raises or leaves a thread."""
    fmt, options = AudioFormat(n_channels=1), SimulationOptions()
    before = set(threading.enumerate())
    end_ns = read_host_ns() + 30 * NS_PER_S
    for _ in range(300):
        if read_host_ns() > end_ns:
            break
        source = open_microphone(
            "simulated", fmt, options=options, truth=Truth(origin_ns=read_host_ns())
        )
        assert source is not None
        stopping = threading.Thread(target=source.stop)
        stopping.start()
        source.start(lambda _: None)
        stopping.join()
        source.stop()
    left = set(threading.enumerate()) - before
    assert not [thread for thread in left if thread.name == "microphone"]
