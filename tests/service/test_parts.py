"""The small parts of the service: gate, baseline, trace, space, health, systemd."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from recorder.audio.source import AudioFormat
from recorder.clock import NS_PER_S, WallPair
from recorder.eeg.montage import board
from recorder.eeg.quality import Contact, Reason, Verdict
from recorder.eeg.simulated import BOARD, SimulatedHeadset
from recorder.eeg.source import EegBlock
from recorder.errors import FitError, FormatError
from recorder.service.baseline import Rest
from recorder.service.gate import FitGate, check_override
from recorder.service.health import Health, read_health
from recorder.service.microphone import MicrophoneLook
from recorder.service.notify import Notifier
from recorder.service.pulse import Pulse
from recorder.service.timing import Timing
from recorder.service.trace import TraceFeed
from recorder.simulation import SimulationOptions, Truth

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from recorder.protocol.state import Link

GOOD = Contact(Verdict.GOOD, Reason.NONE, 10.0)
WARN = Contact(Verdict.WARN, Reason.MOVEMENT, 50.0)
BAD = Contact(Verdict.BAD, Reason.LOOSE, 200.0)
S = NS_PER_S


def gate_after(*rounds: tuple[Contact, ...], hop_s: int = 2) -> FitGate:
    """Return a gate that saw verdicts every 2 s."""
    gate = FitGate(Timing())
    for number, contacts in enumerate(rounds, start=1):
        at_ns = number * hop_s * S
        gate.observe(contacts, at_ns, at_ns)
    return gate


@pytest.mark.parametrize(
    ("contacts", "is_open"),
    [
        ((GOOD,) * 8, True),
        ((WARN,) * 8, True),
        ((GOOD,) * 8 + (BAD,) * 2, True),
        ((GOOD,) * 7 + (BAD,) * 2, False),
        ((GOOD,) * 3 + (BAD,), False),
        ((BAD,), False),
    ],
)
def test_four_fifths_of_the_electrodes_open_the_gate(
    contacts: tuple[Contact, ...], *, is_open: bool
) -> None:
    gate = gate_after(*[contacts] * 6)
    assert gate.look(12 * S, fit_since_ns=0).open == is_open


def test_the_gate_opens_after_ten_seconds_on_end() -> None:
    gate = gate_after(*[(GOOD,)] * 5)
    assert not gate.look(10 * S, fit_since_ns=0).open  # good since second 2
    assert gate.look(12 * S, fit_since_ns=0).open
    gate = gate_after(*[(GOOD,)] * 3, (BAD,), *[(GOOD,)] * 3)
    look = gate.look(14 * S, fit_since_ns=0)
    assert (look.open, look.good_for_s) == (False, 4.0)


def test_old_verdicts_open_no_gate() -> None:
    gate = gate_after(*[(GOOD,)] * 8)
    gate.observe((GOOD,), 16 * S, 21 * S)
    look = gate.look(21 * S, fit_since_ns=0)
    assert (look.open, look.good_share) == (False, 0)


def test_a_closed_gate_can_be_passed_on_purpose_after_three_minutes_of_fit() -> None:
    gate = gate_after((BAD,))
    for fit_s, left_s in ((0, 180), (179, 1), (180, 0), (500, 0)):
        look = gate.look((10 + fit_s) * S, fit_since_ns=10 * S)
        assert look.override_in_s == left_s
        with pytest.raises(FitError):
            check_override(look, asked=False)
        if left_s:
            with pytest.raises(FitError, match=f"in {left_s} s"):
                check_override(look, asked=True)
        else:
            check_override(look, asked=True)
    assert gate.look(900 * S, fit_since_ns=None).override_in_s == 180


@pytest.mark.parametrize(
    "pair", ["gate_hold_s", "gate_hold_s=", "gate_hold_s=x", "speed=1", "sign_after_s=-1"]
)
def test_a_timing_that_means_nothing_is_refused(pair: str) -> None:
    with pytest.raises(FormatError):
        Timing.parse([pair])
    assert Timing.parse([]) == Timing()
    assert Timing.parse(["sign_after_s=2"]) == replace(Timing(), sign_after_s=2)


def blocks_of(seconds: float) -> Iterator[EegBlock]:
    headset = SimulatedHeadset(SimulationOptions(), Truth(0), wall=WallPair(0, S))
    for event in headset.advance(round(seconds * S)):
        if isinstance(event, EegBlock):
            yield event


def rest_of(closed_uv: float, *, seconds: float = 20.0) -> Rest:
    """Return a baseline over whose second half alpha is ``closed_uv``, 5 uV before."""
    rest = Rest(BOARD, seconds, 0)
    rng = np.random.default_rng(2)
    rows = 50
    for number in range(round(2 * seconds * BOARD.rate_hz / rows)):
        now_ns = round((number + 1) * rows / BOARD.rate_hz * S)
        if rest.is_over(now_ns):
            rest.advance(now_ns, (GOOD,) * 8)
        at_s = (number * rows + np.arange(rows)) / BOARD.rate_hz
        size_uv = 5.0 if rest.stage == "eyes_open" else closed_uv
        alpha = size_uv * np.sin(2 * np.pi * 10 * at_s)
        samples = (rng.normal(0, 3, (8, rows)) + alpha).astype(np.float32)
        rest.observe(
            EegBlock(1, now_ns, WallPair(0, 0), np.zeros(rows, int), at_s, samples)
        )
    if rest.stage != "done":
        rest.advance(2 * round(seconds * S), (GOOD,) * 8)
    return rest


@pytest.mark.parametrize("closed_uv", [5.0, 10.0, 20.0])
def test_the_baseline_finds_how_much_alpha_grew(closed_uv: float) -> None:
    ratio = rest_of(closed_uv).alpha_ratio
    assert ratio is not None
    assert ratio == pytest.approx((closed_uv / 5) ** 2, rel=0.3)


def test_a_baseline_of_too_few_seconds_says_nothing() -> None:
    rest = rest_of(20.0, seconds=4.0)
    assert (rest.stage, rest.alpha_ratio) == ("done", None)


def test_the_trace_is_flat_where_there_is_only_hum_and_offset() -> None:
    feed = TraceFeed(BOARD)
    for number in range(100):
        at_s = (number * 25 + np.arange(25)) / 250
        hum = 40_000 + 100 * np.sin(2 * np.pi * 50 * at_s)
        samples = np.tile(hum, (8, 1)).astype(np.float32)
        feed.observe(EegBlock(1, 0, WallPair(0, 0), np.zeros(25, int), at_s, samples))
    rows = np.array(feed.take())
    assert 0 < rows.shape[1] <= 105  # two seconds at most: nobody fetched the others
    assert np.abs(rows).max() < 1


def test_the_trace_shows_waves_as_they_are_and_leaves_nothing_out() -> None:
    feed, shown = TraceFeed(BOARD), []
    for number, block in enumerate(blocks_of(20)):
        feed.observe(block)
        if number % 7 == 0:
            shown.append(np.array(feed.take()))
    rows = np.concatenate([one for one in shown if one.size], axis=1)
    assert rows.shape[1] == pytest.approx(20 * 50, abs=20)
    assert 4 < rows[6].std() < 15  # O1: noise of 8 uV and alpha of 6
    assert rows[0].max() > 100  # the pulses of channel 1


@pytest.mark.parametrize(
    ("name", "rate_hz"), [("MUSE_2_BOARD", 51.2), ("GANGLION_NATIVE_BOARD", 50.0)]
)
def test_every_headset_is_shown_at_about_fifty_hertz(name: str, rate_hz: float) -> None:
    assert TraceFeed(board(name)).rate_hz == pytest.approx(rate_hz)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_box_is_as_well_as_the_kernel_says(tmp_path: Path) -> None:
    assert read_health(tmp_path) == Health()
    write(tmp_path / "class/thermal/thermal_zone0/temp", "55500\n")
    write(tmp_path / "class/thermal/thermal_zone1/temp", "81000\n")
    write(tmp_path / "class/thermal/thermal_zone2/temp", "broken\n")
    write(tmp_path / "class/hwmon/hwmon0/name", "cpu_thermal\n")
    write(tmp_path / "class/hwmon/hwmon0/in0_lcrit_alarm", "1\n")
    write(tmp_path / "class/hwmon/hwmon1/name", "rpi_volt\n")
    write(tmp_path / "class/hwmon/hwmon1/in0_lcrit_alarm", "0\n")
    write(tmp_path / "class/power_supply/mouse/type", "Battery\n")
    write(tmp_path / "class/power_supply/mouse/scope", "Device\n")
    write(tmp_path / "class/power_supply/mouse/capacity", "3\n")
    assert read_health(tmp_path) == Health(temperature_c=81.0)
    write(tmp_path / "class/hwmon/hwmon1/in0_lcrit_alarm", "1\n")
    write(tmp_path / "class/power_supply/ups/type", "Battery\n")
    write(tmp_path / "class/power_supply/ups/capacity", "12\n")
    write(tmp_path / "class/power_supply/ups/status", "Discharging\n")
    assert read_health(tmp_path) == Health(81.0, True, 12.0, True)  # noqa: FBT003 - as named above


def told(listener: socket.socket) -> list[str]:
    listener.settimeout(0)
    words = []
    try:
        while True:
            words.append(listener.recv(100).decode())
    except BlockingIOError:
        return words


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_that_it_is_ready_alive_and_stopping(
    short_folder: Path, *, abstract: bool
) -> None:
    name = f"@fieldrec-{os.getpid()}" if abstract else str(short_folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name.replace("@", "\0"))
        known = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "9000000"}
        notifier = Notifier(known)
        notifier.ready()
        for _ in range(100):
            notifier.alive()  # the watchdog is fed every 3 s, however often it is asked
        notifier.stopping()
        assert told(listener) == ["READY=1", "WATCHDOG=1", "STOPPING=1"]
        Notifier({**known, "WATCHDOG_PID": "1"}).alive()  # another's watchdog
        Notifier({"NOTIFY_SOCKET": name}).alive()  # none at all
        assert told(listener) == []


@pytest.mark.parametrize(
    ("changes", "alive"),
    [
        ({}, True),
        ({"writer_ns": None}, True),
        ({"socket_ns": 95 * S}, False),
        ({"engine_ns": 41 * S}, True),  # a mark waits for a slow card
        ({"engine_ns": 40 * S}, False),
        ({"engine_ns": 40 * S, "busy": True}, True),  # it hashes and signs
        ({"writer_ns": 41 * S}, True),  # a card that is slow
        ({"writer_ns": 40 * S}, False),
    ],
)
def test_the_watchdog_is_fed_only_while_every_thread_goes_round(
    changes: dict[str, int], *, alive: bool
) -> None:
    well = Pulse(socket_ns=99 * S, engine_ns=99 * S, busy=False, writer_ns=99 * S)
    assert replace(well, **changes).beats(100 * S) == alive  # type: ignore[arg-type]  # as named


def test_without_systemd_nothing_is_told_and_nothing_fails(tmp_path: Path) -> None:
    Notifier({}).ready()
    gone = Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone"), "WATCHDOG_USEC": "30"})
    gone.ready()
    gone.alive()


@pytest.mark.parametrize(
    ("link", "known", "assumed"),
    [
        ("none", None, None),
        ("connecting", None, AudioFormat(48_000, 24, 2)),
        ("lost", AudioFormat(48_000, 16, 1), AudioFormat(48_000, 16, 1)),
        ("connected", AudioFormat(48_000, 16, 2), AudioFormat(48_000, 16, 2)),
    ],
)
def test_no_more_minutes_are_promised_than_the_microphone_may_leave(
    link: Link, known: AudioFormat | None, assumed: AudioFormat | None
) -> None:
    look = MicrophoneLook(
        name="alsa:hw",
        link=link,
        simulated=False,
        problem="",
        format=known,
        sound=(),
        xruns=0,
    )
    assert look.largest_format == assumed
