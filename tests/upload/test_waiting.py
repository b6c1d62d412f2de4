"""Sync keeps out of a session's way, paces itself and tells how far it is."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from recorder.cli import main
from recorder.clock import NS_PER_S
from recorder.commands.sessions import list_sessions
from recorder.errors import StoreBusyError
from recorder.store.disk import RealDisk
from recorder.store.receipts import Lab
from recorder.store.sessions import Lock, is_recording
from recorder.upload.pace import Limit, Meter, Patience
from recorder.upload.route import is_cable
from recorder.upload.sync import Sync
from recorder.upload.visit import Surroundings, Wishes
from tests.flaky_proxy import FlakyProxy
from tests.house import exit_code
from tests.upload_rig import (
    World,
    add_session,
    assert_arrived,
    connect_box,
    give_receipt,
    sign_folder,
)

if TYPE_CHECKING:
    from pathlib import Path

    from recorder.box import Box
    from tests.sftp_server import IntakeServer

MIB = 1 << 20
UNSIGNED = "7e57ab1e-0000-4000-8000-000000000003"


class Clock:
    """Host time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now_ns = 10**12
        self.slept_s: list[float] = []

    def read(self) -> int:
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_ns += round(seconds * NS_PER_S)


def test_a_limit_lets_no_more_through_than_allowed() -> None:
    clock = Clock()
    read = Limit(1000.0, clock.read, clock.sleep).paced(bytes)
    start_ns = clock.now_ns
    for _ in range(10):
        assert len(read(500)) == 500
    assert clock.now_ns - start_ns == pytest.approx(4.5 * NS_PER_S)


def test_a_limit_does_not_save_up_while_nothing_is_sent() -> None:
    clock = Clock()
    read = Limit(1000.0, clock.read, clock.sleep).paced(bytes)
    read(500)
    clock.now_ns += 60 * NS_PER_S
    start_ns = clock.now_ns
    for _ in range(3):
        read(500)
    assert clock.now_ns - start_ns == pytest.approx(1.0 * NS_PER_S)


def test_no_limit_never_sleeps() -> None:
    clock = Clock()
    read = Limit(0.0, clock.read, clock.sleep).paced(bytes)
    read(1 << 20)
    assert clock.slept_s == []


def test_the_rate_is_that_of_the_last_seconds() -> None:
    clock = Clock()
    meter = Meter(clock.read)
    assert meter.rate_bytes_s == 0.0
    for second in range(30):
        meter.add(100 if second < 15 else 1000)
        clock.now_ns += NS_PER_S
    assert meter.rate_bytes_s == pytest.approx(1000)


def test_waits_grow_to_five_minutes_and_begin_anew_with_progress() -> None:
    patience = Patience(lambda _low, high: high)
    waits = [patience.cut(0, advanced=False) for _ in range(12)]
    assert waits[:4] == [2, 4, 8, 16]
    assert max(waits) == 300
    assert patience.cut(0, advanced=True) == 1
    assert patience.failures == 0


def test_waits_are_spread() -> None:
    drawn: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        drawn.append((low, high))
        return low

    Patience(uniform).cut(0, advanced=False)
    assert drawn == [(1.0, 2.0)]


def test_links_that_die_young_get_less_to_carry() -> None:
    patience = Patience(lambda low, _high: low)
    assert patience.requests == 64
    patience.cut(100, advanced=True)
    assert patience.requests == 64
    patience.cut(100, advanced=True)
    assert patience.requests == 16
    patience.cut(0, advanced=False)  # nobody answered: says nothing about links
    assert patience.requests == 16
    patience.cut(9 << 20, advanced=True)
    assert patience.requests == 64


ROUTES = """\
Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
eth0\t0002A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
tun0\t00000A0A\t00000000\t0001\t0\t0\t100\t0000FFFF\t0\t0\t0
"""


@pytest.mark.parametrize(
    ("host", "cable"),
    [
        ("192.168.2.7", True),
        ("192.168.3.7", False),
        ("8.8.8.8", False),
        ("10.10.0.9", False),
        ("no.such.host.invalid", False),
    ],
)
def test_a_cable_is_told_from_radio(
    host: str,
    cable: bool,  # noqa: FBT001 - a column of the table
    tmp_path: Path,
) -> None:
    routes = tmp_path / "route"
    routes.write_text(ROUTES)
    for name, kind, more in (
        ("wlan0", "1", "wireless"),
        ("eth0", "1", ""),
        ("tun0", "65534", ""),
    ):
        interface = tmp_path / "net" / name
        (interface / "device").mkdir(parents=True)
        (interface / "type").write_text(f"{kind}\n")
        if more:
            (interface / more).mkdir()
    assert is_cable(host, routes=routes, interfaces=tmp_path / "net") is cable


def begin_recording(box: Box) -> Path:
    folder = box.sessions / UNSIGNED
    (folder / "0001.open").mkdir(parents=True)
    return folder


def test_a_session_that_begins_stops_the_upload_in_the_middle(
    box: Box, server: IntakeServer, world: World
) -> None:
    big = add_session(box, {"session.json.age": 12 * MIB})
    lock = Lock(box.sessions)
    clock = Clock()
    recording: list[Path] = []

    def listen(sent_bytes: int) -> None:
        clock.now_ns += NS_PER_S // 10
        if sent_bytes > 3 * MIB and not recording:
            recording.append(begin_recording(box))

    sync = Sync(
        box.root,
        Wishes(once=True),
        lambda status: listen(status.sent_bytes),
        Surroundings(clock_ns=clock.read, sleep=clock.sleep),
    )
    with pytest.raises(StoreBusyError, match="being recorded"):
        sync.run()
    (part,) = server.folder.up(box.device.lower()).iterdir()
    assert 0 < part.stat().st_size < 12 * MIB
    sign_folder(box, recording[0])
    lock.close()
    world.sync(box.root)
    server.take()
    assert_arrived(server, big)


@pytest.mark.parametrize(
    ("allowed", "cable", "sends"),
    [(True, True, True), (True, False, False), (False, True, False)],
)
def test_while_recording_it_sends_only_over_a_cable_and_only_if_allowed(
    box: Box,
    server: IntakeServer,
    allowed: bool,  # noqa: FBT001 - a column of the table
    cable: bool,  # noqa: FBT001 - a column of the table
    sends: bool,  # noqa: FBT001 - a column of the table
) -> None:
    settings = box.root / "box.toml"
    text = settings.read_text()
    assert "while_recording = false" in text
    if allowed:
        settings.write_text(
            text.replace("while_recording = false", "while_recording = true")
        )
    waiting = add_session(box)
    lock = Lock(box.sessions)
    begin_recording(box)
    asked: list[str] = []

    def is_cable(host: str) -> bool:
        asked.append(host)
        return cable

    around = Surroundings(is_cable=is_cable, sleep=lambda _: None)
    sync = Sync(box.root, Wishes(once=True), lambda _: None, around)
    try:
        if sends:
            sync.run()
            assert sync.tally.sent == [waiting.name]
        else:
            with pytest.raises(StoreBusyError, match="being recorded"):
                sync.run()
    finally:
        lock.close()
    assert set(asked) == ({server.host} if allowed else set())
    assert bool(list(server.folder.up(box.device.lower()).iterdir())) is sends


def test_nobodys_lock_is_touched_while_all_is_signed(box: Box) -> None:
    add_session(box)
    lock = Lock(box.sessions)
    try:
        assert not is_recording(RealDisk(), box.sessions)
        begin_recording(box)
        assert is_recording(RealDisk(), box.sessions)
    finally:
        lock.close()
    assert not is_recording(RealDisk(), box.sessions)


class EnoughError(Exception):
    """The test has seen enough of a sync that never ends."""


def test_for_ever_it_waits_sends_what_comes_and_sleeps(
    box: Box, server: IntakeServer
) -> None:
    first = add_session(box, seed=1)
    later: list[Path] = []
    clock = Clock()
    phases: list[str] = []

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if len(clock.slept_s) == 3:
            later.append(add_session(box, seed=2))
        if len(clock.slept_s) == 6:
            raise EnoughError

    sync = Sync(
        box.root,
        Wishes(),
        lambda status: phases.append(status.phase),
        Surroundings(clock_ns=clock.read, sleep=sleep),
    )
    with pytest.raises(EnoughError):
        sync.run()
    assert sync.tally.sent == [first.name, later[0].name]
    assert phases[-1] == "idle"
    assert len(server.take().taken) == 2


def states(box: Box) -> dict[str, tuple[str, int, str]]:
    rows = list_sessions(RealDisk(), box.sessions, Lab.read(box.device, box.signers_path))
    return {row.session: (row.state, row.sent_percent, row.kept_until) for row in rows}


def test_the_list_shows_each_step(box: Box, server: IntakeServer, world: World) -> None:
    folder = add_session(box, {f"{n:04d}/audio.flac.age": MIB for n in range(1, 5)})
    name = folder.name
    assert states(box)[name] == ("waiting", 0, "")
    with FlakyProxy(server.port, cut_after=lambda: 2_300_000) as proxy:
        connect_box(box.root, server, port=proxy.port)
        world.longest_sleep_s = 0
        seen: set[tuple[str, int, str]] = set()
        sync = Sync(
            box.root,
            Wishes(once=True),
            lambda status: (
                seen.add(states(box)[name]) if status.phase == "waiting" else None
            ),
            world.surroundings(),
        )
        sync.run()
    assert any(state == "uploading" and 25 <= percent < 100 for state, percent, _ in seen)
    assert states(box)[name] == ("sent", 100, "")
    connect_box(box.root, server)
    server.take()
    give_receipt(server, folder, "damaged", number=1)
    world.sync(box.root)
    assert states(box)[name] == ("damaged", 100, "the lab accepts it")
    give_receipt(server, folder, number=2)
    world.sync(box.root)
    assert states(box)[name] == ("verified", 100, "space is needed")
    world.sync(box.root, delete_verified=True)
    assert states(box)[name] == ("verified", 100, "")


def test_the_command_tells_its_progress_as_json(
    box: Box, server: IntakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = add_session(box)
    assert exit_code(main, "sync", "--once", "--json", "--box", box.root) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["phase"] for line in lines[:2]] == ["connecting", "asking"]
    assert lines[-2]["phase"] == "idle"
    assert lines[-1]["sent"] == [folder.name]
    assert any(line.get("session") == folder.name for line in lines)
    server.take()
    assert exit_code(main, "sync", "--once", "--box", box.root) == 0
    assert capsys.readouterr().out == "nothing to send\n"
    assert exit_code(main, "sessions", "--box", box.root) == 0
    assert "sent" in capsys.readouterr().out


def test_the_command_ends_with_the_errors_code(
    box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    box.known_hosts_path.write_text("")
    assert exit_code(main, "sync", "--once", "--json", "--box", box.root) == 77
    captured = capsys.readouterr()
    assert json.loads(captured.out.splitlines()[-1])["sent"] == []
    assert "known_hosts names no" in captured.err


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_can_be_stopped_at_any_moment(
    signal_number: signal.Signals, box: Box, server: IntakeServer, world: World
) -> None:
    # It has half a minute's work left when it is stopped: a busy machine may be late.
    folder = add_session(box, {"session.json.age": 12 * MIB})
    program = "from recorder.cli import main; main()"
    arguments = ("sync", "--json", "--bandwidth", "400", "--box", str(box.root))
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["sent_bytes"] > MIB // 2:
                break
        process.send_signal(signal_number)
        process.wait(timeout=60)
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    if signal_number == signal.SIGINT:
        assert process.returncode == 130
    (part,) = server.folder.up(box.device.lower()).iterdir()
    assert MIB // 2 <= part.stat().st_size < 12 * MIB
    world.sync(box.root)
    server.take()
    assert_arrived(server, folder)
