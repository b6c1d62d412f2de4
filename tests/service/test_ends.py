"""However the service ends, what it acknowledged is kept, signed, and can be continued."""

from __future__ import annotations

import json
import signal
import socket
import time
from typing import TYPE_CHECKING

import pytest

from recorder.clock import NS_PER_S, read_host_ns
from recorder.errors import ClientCodeError, StoreError
from recorder.protocol import calls, replies
from tests.service_process import (
    CONFIRMED,
    ServiceProcess,
    begin,
    mark,
    subscribed,
    until,
    until_state,
)
from tests.story import load_streams, must

if TYPE_CHECKING:
    from pathlib import Path

    from recorder.protocol.client import RecorderClient
    from tests.house import House


def manifest_of(box: Path) -> dict[str, object]:
    """Return the newest manifest, once it is signed."""

    def find() -> dict[str, object] | None:
        signed = sorted(
            (json.loads(path.with_suffix("").read_text()) for path in signatures(box)),
            key=lambda one: int(one["sequence"]),
        )
        return signed[-1] if signed else None

    return until(find, "nothing was signed")


def signatures(box: Path) -> list[Path]:
    return list((box / "sessions").glob("*/manifest.json.sig"))


def opened(house: House, out: Path) -> tuple[dict[str, object], list[str]]:
    """Open the one session of the box; return its sheet and the ids of its marks."""
    session = str(manifest_of(house.box)["session"])
    folder = house.box / "sessions" / session
    must("fieldrec-lab", "open", folder, "--lab", house.lab, "--out", out)
    streams = load_streams(out / session / "eeg.xdf")
    rows = [json.loads(text) for (text,) in streams["MarkerLog"]["time_series"]]
    sheet = json.loads((out / session / "session.json").read_text())
    return sheet, [row["id"] for row in rows]


def test_told_to_end_it_closes_and_signs_the_session(
    own_house: House, tmp_path: Path
) -> None:
    with ServiceProcess(own_house.box) as service:
        with subscribed(service) as client:
            begin(client)
            mark(client)
        assert service.terminate() == 0
    assert manifest_of(own_house.box)["clean"]
    sheet, marks = opened(own_house, tmp_path / "out")
    assert sheet["ending"] == {"outcome": "not stated", "reason": "", "scales": {}}
    assert marks == ["insight"]
    assert not service.socket.exists()


def test_systemd_is_told_when_it_is_ready_alive_and_stopping(
    own_house: House, short_folder: Path
) -> None:
    path = short_folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(60)
        environment = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "300000"}
        with ServiceProcess(own_house.box, environment=environment) as service:
            words = [listener.recv(100) for _ in range(4)]
            assert b"READY=1" in words
            assert words.count(b"WATCHDOG=1") >= 2
            service.connect().close()  # ready: it listens
            service.process.terminate()
            while listener.recv(100) != b"STOPPING=1":
                pass


def test_told_twice_it_leaves_at_once_and_keeps_what_was_saved(
    own_house: House, tmp_path: Path
) -> None:
    with ServiceProcess(own_house.box) as service:
        with subscribed(service) as client:
            begin(client)
            mark(client)
        service.process.send_signal(signal.SIGSTOP)  # both arrive before it does anything
        service.process.send_signal(signal.SIGTERM)
        service.process.send_signal(signal.SIGINT)
        service.process.send_signal(signal.SIGCONT)
        assert service.wait() == 130
    assert not signatures(own_house.box)
    with ServiceProcess(own_house.box):
        assert not manifest_of(own_house.box)["clean"]
    assert opened(own_house, tmp_path / "out")[1] == ["insight"]


def test_after_a_crash_it_signs_what_is_there_and_offers_to_go_on(
    own_house: House, tmp_path: Path
) -> None:
    with ServiceProcess(own_house.box) as service, subscribed(service) as client:
        code = begin(client)
        marks = [mark(client, "insight") for _ in range(3)]
        assert all(one.saved for one in marks)
        service.kill()
    assert service.socket.exists()  # left by the crash, and no obstacle
    with ServiceProcess(own_house.box) as again:
        with again.connect() as client:
            began_ns = read_host_ns()
            client.ask(calls.Hello(), replies.Welcome)
            assert read_host_ns() - began_ns < 5 * NS_PER_S
        assert not manifest_of(own_house.box)["clean"]
        crashed = manifest_of(own_house.box)["session"]
        assert opened(own_house, tmp_path / "out")[1] == ["insight"] * 3
        with subscribed(again) as client:
            go_on(client, code)
            client.do(calls.Stop())
            finished = client.ask(calls.Finish("complete"), replies.Finished)
    assert code not in again.log
    folder = own_house.box / "sessions" / finished.session
    out = tmp_path / "continued"
    must("fieldrec-lab", "open", folder, "--lab", own_house.lab, "--out", out)
    sheet = json.loads((out / finished.session / "session.json").read_text())
    assert sheet["continues"] == crashed
    assert sheet["client"] == code


def go_on(client: RecorderClient, code: str) -> None:
    """Continue the session of ``code``; nobody else may."""
    state = until_state(client, lambda state: state.interrupted is not None)
    assert state.interrupted is not None
    assert state.interrupted.client == code
    assert state.interrupted.ago_s < 600
    other = client.ask(calls.ListClients(), replies.ClientList).pool[0]
    with pytest.raises(ClientCodeError, match="another client's"):
        client.do(prepare_again(other, scopes=("eeg",), form="1"))
    client.do(prepare_again(code))
    state = until_state(client, lambda state: state.phase == "fit")
    assert state.session is not None
    assert state.session.number == 1  # the same session, its second run
    client.do(calls.Record(override=True))
    state = until_state(client, lambda state: state.phase == "recording")
    assert state.interrupted is None
    listed = client.ask(calls.ListClients(), replies.ClientList).clients[0]
    assert (listed.code, listed.sessions) == (code, 1)


def prepare_again(code: str, **new: object) -> calls.Prepare:
    return calls.Prepare(
        code,
        "in-person",
        only_consented=True,
        confirmed=CONFIRMED,
        continues=True,
        **new,  # type: ignore[arg-type]  # scopes and form
    )


def test_a_session_that_ended_well_is_not_continued_though_nobody_finished_it(
    own_house: House,
) -> None:
    with ServiceProcess(own_house.box) as service, subscribed(service) as client:
        code = begin(client)
        time.sleep(0.5)
        client.do(calls.Stop())
        service.kill()  # somebody pulled the plug
    with ServiceProcess(own_house.box) as again, subscribed(again) as client:
        manifest_of(own_house.box)
        assert client.next_news().interrupted is None
        with pytest.raises((StoreError, ClientCodeError)):
            client.do(prepare_again(code))


def test_a_session_that_was_cut_off_is_counted_as_waiting_at_once(own_house: House) -> None:
    with ServiceProcess(own_house.box) as service, subscribed(service) as client:
        begin(client)
        service.kill()
    with ServiceProcess(own_house.box) as service, subscribed(service) as client:
        until_state(client, lambda state: state.ready)
        began_ns = read_host_ns()
        until_state(client, lambda state: state.upload.waiting == 1)
        assert read_host_ns() - began_ns < 15 * NS_PER_S  # not with the next big look
