"""Programs of a box find each other: where the socket is, and how it is reached."""

from __future__ import annotations

import queue
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from recorder.errors import ServiceError
from recorder.protocol import calls
from recorder.protocol.client import RecorderClient
from recorder.protocol.replies import Welcome
from recorder.runtime import runtime_folder, socket_path
from recorder.service.server import Server, listen

if TYPE_CHECKING:
    from recorder.service.server import Asked

WELCOME = Welcome(1, "0", "BOX-00019", "ru", simulated=True)


def test_a_named_folder_counts_before_everything_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIELDREC_RUNTIME", str(tmp_path))
    assert runtime_folder(Path("/box")) == tmp_path
    assert socket_path(None) == tmp_path / "recorder.sock"


def test_a_box_that_is_no_machine_of_its_own_is_the_meeting_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FIELDREC_RUNTIME", raising=False)
    if Path("/run/fieldrec").exists():
        pytest.skip("this machine is a box")
    assert runtime_folder(tmp_path) == tmp_path
    assert socket_path(None) == Path("/run/fieldrec/recorder.sock")


@pytest.mark.parametrize("depth", [1, 12])
def test_a_socket_is_reached_however_deep_its_folder_lies(
    tmp_path: Path, depth: int
) -> None:
    folder = tmp_path.joinpath(*["a folder with a long name"] * depth)
    folder.mkdir(parents=True)
    asked: queue.Queue[Asked | None] = queue.Queue()
    server = Server(folder / "s", welcome=lambda: WELCOME, asked=asked)
    server.start()
    with RecorderClient(folder / "s", patience_s=20) as client:
        assert client.ask(calls.Hello(), Welcome) == WELCOME
    server.close()
    assert not (folder / "s").exists()


def test_where_somebody_listens_nobody_else_does(tmp_path: Path) -> None:
    first = listen(tmp_path / "s")
    with pytest.raises(ServiceError, match="another program listens"):
        listen(tmp_path / "s")
    first.close()
    listen(tmp_path / "s").close()  # what a crash left is no obstacle


def test_a_folder_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="No such file") as caught:
        listen(tmp_path / "missing" / "s")
    assert "--socket" in caught.value.hint
    with pytest.raises(ServiceError, match="no recorder listens"):
        RecorderClient(tmp_path / "missing" / "s")


def test_a_client_waits_for_its_answer_only_so_long(tmp_path: Path) -> None:
    with (
        listen(tmp_path / "s"),
        RecorderClient(tmp_path / "s", patience_s=0.3) as client,
        pytest.raises(ServiceError, match="does not answer"),
    ):
        client.ask(calls.Hello(), Welcome)


def test_a_recorder_that_ends_is_told_at_once(tmp_path: Path) -> None:
    listener = listen(tmp_path / "s")
    listener.settimeout(20)

    def hang_up() -> None:
        stream, _ = listener.accept()
        stream.recv(1)
        stream.shutdown(socket.SHUT_RDWR)
        stream.close()

    thread = threading.Thread(target=hang_up)
    thread.start()
    with listener, RecorderClient(tmp_path / "s") as client:
        with pytest.raises(ServiceError, match="has ended"):
            client.ask(calls.Hello(), Welcome)
        thread.join()
