"""Screens come and go, some of them hostile; the recorder records and tells the truth."""

from __future__ import annotations

import json
import socket
import stat
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from recorder.clock import NS_PER_S, read_host_ns
from recorder.errors import ClientCodeError, MarkError, PhaseError, ServiceError
from recorder.protocol import calls, replies
from recorder.protocol.lines import MAX_LINE_BYTES
from recorder.protocol.place import reachable
from tests.box_files import holding
from tests.service_process import (
    CONFIRMED,
    ServiceProcess,
    begin,
    is_saving,
    mark,
    prepare,
    subscribed,
    until,
    until_state,
)
from tests.story import OpenedStory, load_streams, must

if TYPE_CHECKING:
    from recorder.protocol.client import RecorderClient
    from recorder.protocol.state import Session
    from tests.house import House


def test_the_service_says_who_it_is(client: RecorderClient, shared: ServiceProcess) -> None:
    welcome = client.ask(calls.Hello(), replies.Welcome)
    assert welcome.version == 1
    assert welcome.device.startswith("BOX-")
    assert welcome.simulated
    assert stat.S_IMODE(shared.socket.stat().st_mode) == 0o660


def test_the_devices_are_shown_before_anything_is_recorded(client: RecorderClient) -> None:
    state = until_state(client, lambda state: state.gate.good_share > 0)
    assert state.phase == "home"
    assert state.ready
    assert len(state.electrodes) == 8
    assert all(-1 <= one.x <= 1 and -1 <= one.y <= 1 for one in state.electrodes)
    assert [one.reason for one in state.electrodes].count("mains") == 1
    assert len(state.microphone.levels_db) == 2
    assert state.headset.battery_percent is not None


def test_the_trace_is_told_without_gaps_and_only_to_those_who_want_it(
    shared: ServiceProcess, client: RecorderClient
) -> None:
    with subscribed(shared) as curious:
        curious.do(calls.Subscribe(trace=True))
        began_ns = until_state(
            curious, lambda s: s.trace is not None and bool(s.trace.rows_uv[0])
        ).at_ns
        now_ns, rows = began_ns, 0
        while rows < 250:
            state = curious.next_news()
            now_ns = state.at_ns
            if state.trace is not None:
                rows += len(state.trace.rows_uv[0])
                assert {len(row) for row in state.trace.rows_uv} == {
                    len(state.trace.rows_uv[0])
                }
        seconds = (now_ns - began_ns) / NS_PER_S
        # What a busy machine takes a second late at either end is no gap.
        assert rows == pytest.approx(50 * seconds, abs=50)
    assert client.next_news().trace is None


def test_another_client_goes_on_where_one_died(
    shared: ServiceProcess, client: RecorderClient
) -> None:
    with subscribed(shared) as dying:
        begin(dying)
        number = mark(dying).n
    session = newest(client)
    assert [one.n for one in session.marks] == [number]
    assert mark(client).n == number + 1
    later = until_state(
        client, lambda s: s.session is not None and s.session.written_s > 2
    ).session
    assert later is not None
    assert later.session == session.session
    assert later.lost_share == 0


def test_a_name_in_the_field_for_the_code_is_refused_and_kept_nowhere(
    client: RecorderClient, shared: ServiceProcess
) -> None:
    for name in ("Иванова", "Smith", "ANNA K"):
        with pytest.raises(ClientCodeError) as caught:
            client.do(
                calls.Prepare(
                    name,
                    "in-person",
                    only_consented=True,
                    scopes=("eeg",),
                    form="1",
                    confirmed=CONFIRMED,
                )
            )
        assert name not in str(caught.value)
        assert name not in shared.log
        assert not holding(shared.box, name)
    assert client.next_news().phase == "home"


@dataclass(frozen=True)
class Story:
    """When what was asked of a session, in host time, and what became of it."""

    code: str
    erase_ns: int
    key_ns: int
    pause_ns: int
    resume_ns: int
    session: str


def record_with_erase_and_pause(client: RecorderClient) -> Story:
    """Record, erase everything so far, mark, pause, go on, stop and finish."""
    until_state(client, lambda state: state.gate.good_share > 0)
    code = begin(client)
    time.sleep(1.0)
    mark(client, "rupture")
    erase_ns = read_host_ns()
    assert client.ask(calls.Erase(1), replies.Erased).parts == (1,)
    key_ns = read_host_ns()
    time.sleep(0.3)  # a slow screen: the key counts, not the message
    client.do(calls.Mark("insight", "point", key_ns))
    client.do(calls.Mark("emotion", "on", read_host_ns(), value=5))
    time.sleep(1.5)
    client.do(calls.Pause())
    pause_ns = read_host_ns()
    with pytest.raises(PhaseError, match="pause"):
        mark(client)
    time.sleep(1.0)
    resume_ns = read_host_ns()
    client.do(calls.Resume())
    with pytest.raises(MarkError, match="nothing was recorded"):
        client.do(calls.Mark("insight", "point", resume_ns))
    time.sleep(1.0)
    assert newest(client).running == ("emotion",)
    client.do(calls.Stop())
    finished = client.ask(
        calls.Finish("partial", "client_wish", {"session": {"depth": 4}}), replies.Finished
    )
    assert finished.clean
    return Story(code, erase_ns, key_ns, pause_ns, resume_ns, finished.session)


def test_a_mark_carries_the_moment_of_its_key_and_what_is_paused_or_erased_is_gone(
    house: House, shared: ServiceProcess, client: RecorderClient, tmp_path: Path
) -> None:
    story = record_with_erase_and_pause(client)
    opened = open_at_lab(house, shared, story.session, tmp_path)
    marks = json_marks(opened)
    assert "rupture" not in [one["id"] for one in marks]
    keys = [(one["id"], one["value"]) for one in marks if one["source"] == "key"]
    assert keys == [("insight", None), ("emotion", 5)]
    at = [one["id"] for one in marks].index("insight")
    stamp_ns = opened.stamps_s("MarkerLog")[at] * NS_PER_S
    assert stamp_ns == pytest.approx(story.key_ns, abs=1000)
    for stamps_s in (opened.stamps_s("EEG"), opened.heard_s()):
        ns = stamps_s * NS_PER_S
        assert not (ns < story.erase_ns - 1e6).any()
        assert not ((ns > story.pause_ns + 2e7) & (ns < story.resume_ns - 2e7)).any()
        assert (ns > story.resume_ns).any()
    folder = shared.box / "sessions" / story.session
    assert list((folder / "0001.erased").iterdir()) == []
    check_sheet(opened, story.code)
    scores = opened.values("Device")
    assert np.isfinite(scores[:, 0]).all()  # battery
    assert np.isfinite(scores[-1, 1:9]).all()  # a verdict for each electrode
    assert scores[-1, 6] <= 1  # the loose one


def check_sheet(opened: OpenedStory, code: str) -> None:
    sheet = json.loads((opened.folder / "session.json").read_text())
    assert sheet["client"] == code
    assert sheet["consent"]["signed_on"] == "2026-01-31"
    assert sheet["preparation"]["only_consented"]
    assert 0.5 < sheet["preparation"]["good_share"] <= 1
    assert set(sheet["preparation"]["confirmed"]) == set(CONFIRMED)
    assert sheet["ending"] == {
        "outcome": "partial",
        "reason": "client_wish",
        "scales": {"session": {"depth": 4}},
    }
    assert sheet["simulation"] is not None


def test_without_consent_to_sound_only_eeg_is_recorded(
    house: House, shared: ServiceProcess, client: RecorderClient, tmp_path: Path
) -> None:
    prepare(client, scopes=("eeg", "sharing"))
    state = until_state(client, lambda state: state.phase == "fit")
    assert state.session is not None
    assert state.session.sound == "no_consent"
    client.do(calls.Record(override=True))
    time.sleep(1.0)
    assert newest(client).sound == "no_consent"
    client.do(calls.Stop())
    finished = client.ask(calls.Finish("complete"), replies.Finished)
    opened = open_at_lab(house, shared, finished.session, tmp_path)
    assert not (opened.folder / "audio.flac").exists()
    assert opened.stamps_s("EEG").size > 100


def test_a_client_that_babbles_harms_nobody(
    shared: ServiceProcess, client: RecorderClient
) -> None:
    begin(client)
    attacks = [
        b"\x00\xff garbage\n" * 50,
        b"[" * 100_000 + b"\n",
        b"x" * (MAX_LINE_BYTES * 10),
        b'{"id":1,"call":{"do":"hello"}}\n' * 3000,
        b'{"id":1,"call":{"do":"clients"}}\n' * 300,
    ]
    for attack in attacks:
        with socket.socket(socket.AF_UNIX) as stream, suppress(OSError):
            stream.settimeout(0.5)
            with reachable(shared.socket) as short:
                stream.connect(short)
            stream.sendall(attack)
            stream.recv(100)
    crowd = [socket.socket(socket.AF_UNIX) for _ in range(100)]
    for one in crowd:
        one.settimeout(1)
        with suppress(OSError), reachable(shared.socket) as short:
            one.connect(short)
    with shared.connect() as late:
        late.ask(calls.Hello(), replies.Welcome)
    for one in crowd:
        one.close()
    until_state(client, lambda s: s.session is not None and s.session.written_s > 2)
    state = until_state(client, is_saving)
    assert state.session is not None
    assert state.session.lost_share == 0
    assert not [alarm for alarm in state.alarms if alarm.id == "queue_full"]


def test_a_client_that_does_not_read_loses_news_and_no_answer(
    shared: ServiceProcess, client: RecorderClient
) -> None:
    with subscribed(shared) as lazy:
        lazy.do(calls.Subscribe(trace=True))
        began_ns = read_host_ns()
        time.sleep(3)
        numbers = [lazy.send(calls.Hello()) for _ in range(20)]
        until_state(client, lambda s: s.at_ns > began_ns + 3 * NS_PER_S)
        assert lazy.ask(calls.Hello(), replies.Welcome).version == 1
        assert numbers


def test_asking_for_what_has_no_place_in_the_phase_is_refused(
    client: RecorderClient,
) -> None:
    with pytest.raises(PhaseError, match="only in paused"):
        client.do(calls.Resume())
    with pytest.raises(PhaseError, match="only in recording"):
        mark(client)
    with pytest.raises(PhaseError, match="only in fit"):
        client.do(calls.Record())


def test_a_second_service_does_not_take_the_first_ones_place(
    shared: ServiceProcess, client: RecorderClient
) -> None:
    with ServiceProcess(shared.box) as second:
        assert second.wait() == 53
    assert "another program is recording with this box" in second.log
    assert client.ask(calls.Hello(), replies.Welcome).version == 1


def test_a_socket_that_is_no_socket_is_left_alone(own_house: House) -> None:
    path = own_house.box / "recorder.sock"
    path.write_text("mine")
    with ServiceProcess(own_house.box) as service:
        assert service.wait() == ServiceError.code
    assert "is no socket" in service.log
    assert path.read_text() == "mine"


def newest(client: RecorderClient) -> Session:
    """Return the session as the next news after now tells it."""
    now_ns = read_host_ns()
    state = until_state(client, lambda state: state.at_ns > now_ns)
    assert state.session is not None
    return state.session


def json_marks(opened: OpenedStory) -> list[dict[str, object]]:
    """Return the MarkerLog's rows."""
    return [json.loads(text) for text in opened.texts("MarkerLog")]


def open_at_lab(
    house: House, service: ServiceProcess, session: str, out: Path
) -> OpenedStory:
    """Open a session with the lab's own command."""
    folder = service.box / "sessions" / session
    until(lambda: (folder / "manifest.json.sig").exists() or None, "never signed")
    must("fieldrec-lab", "open", folder, "--lab", house.lab, "--out", out)
    integrity = json.loads((out / session / "integrity.json").read_text())
    assert integrity["problems"] == []
    streams = load_streams(out / session / "eeg.xdf")
    return OpenedStory(out / session, 0, integrity, streams)


def test_the_recorder_opens_no_network(
    client: RecorderClient, shared: ServiceProcess
) -> None:
    begin(client)
    folder = Path(f"/proc/{shared.process.pid}")
    links = []
    for path in (folder / "fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            links.append(str(path.readlink()))
    ours = {link.removeprefix("socket:[")[:-1] for link in links if "socket:" in link}
    tables = [(folder / "net" / name) for name in ("tcp", "tcp6", "udp", "udp6", "raw")]
    network = {
        line.split()[9]
        for table in tables
        if table.exists()
        for line in table.read_text().splitlines()[1:]
    }
    assert ours
    assert not ours & network
