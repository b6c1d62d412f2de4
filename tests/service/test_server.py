"""A client that floods, babbles or does not read harms itself alone, and stays bounded."""

from __future__ import annotations

import queue
import select
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from recorder.clock import NS_PER_S, read_host_ns
from recorder.protocol import calls
from recorder.protocol.client import RecorderClient
from recorder.protocol.lines import MAX_LINE_BYTES, Request, encode_line
from recorder.protocol.place import reachable
from recorder.protocol.replies import Welcome
from recorder.service.connection import MOST_UNANSWERED
from recorder.service.server import Server
from tests.service_process import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from recorder.service.server import Asked

WELCOME = Welcome(1, "0", "BOX-00019", "ru", simulated=True)
HELLO = encode_line(Request(1, calls.Hello()))
CLIENTS = encode_line(Request(2, calls.ListClients()))


class Line:
    """A server whose requests nobody answers, and raw connections to it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "s"
        self.asked: queue.Queue[Asked | None] = queue.Queue()
        self.server = Server(self.path, welcome=lambda: WELCOME, asked=self.asked)
        self.server.start()
        self._streams: list[socket.socket] = []

    def dial(self) -> socket.socket:
        stream = socket.socket(socket.AF_UNIX)
        with reachable(self.path) as short:
            stream.connect(short)
        stream.settimeout(20)
        self._streams.append(stream)
        return stream

    def answers(self) -> bool:
        """Tell whether somebody else is served."""
        with RecorderClient(self.path, patience_s=20) as client:
            return client.ask(calls.Hello(), Welcome) == WELCOME

    def close(self) -> None:
        for stream in self._streams:
            stream.close()
        self.server.close()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    line = Line(tmp_path)
    yield line
    line.close()


def hangs_up(stream: socket.socket) -> bool:
    """Tell that the server ends the connection, after whatever it still says."""
    with suppress(ConnectionError):
        while stream.recv(1 << 16):
            pass
    return True


def test_a_line_that_never_ends_is_hung_up_on(line: Line) -> None:
    stream = line.dial()
    with suppress(ConnectionError):
        for _ in range(12):
            stream.sendall(b"x" * MAX_LINE_BYTES)
    assert hangs_up(stream)
    assert line.answers()


def test_a_line_of_the_longest_length_is_read(line: Line) -> None:
    stream = line.dial()
    stream.sendall(b" " * (MAX_LINE_BYTES - len(HELLO) + 1) + HELLO)
    assert b"BOX-00019" in stream.recv(1000)


def test_a_client_that_babbles_is_told_and_then_hung_up_on(line: Line) -> None:
    stream = line.dial()
    stream.sendall(b"what?\n" * 9 + HELLO)
    said = b""
    while b"BOX-00019" not in said:
        said += stream.recv(1 << 16)
    assert said.count(b'"id":0') == 9
    stream.sendall(b"what?\n")
    assert hangs_up(stream)
    assert line.answers()


def test_only_so_many_requests_wait_for_an_answer(line: Line) -> None:
    stream = line.dial()
    stream.sendall(CLIENTS * 1000)
    until(lambda: line.asked.qsize() == MOST_UNANSWERED or None, "never asked")
    assert line.answers()
    assert line.asked.qsize() == MOST_UNANSWERED
    for _ in range(10):
        asked = line.asked.get()
        assert asked is not None
        line.server.answer(asked, None)
    until(lambda: line.asked.qsize() == MOST_UNANSWERED or None, "never went on")


def test_requests_are_taken_at_a_pace_that_leaves_time_for_recording(line: Line) -> None:
    stream = line.dial()
    began_ns = read_host_ns()
    stream.sendall(HELLO * 350)
    got = 0
    while got < 350:
        got += stream.recv(1 << 20).count(b"\n")
    # A hundred at once, then as many with each of three turns, half a second apart.
    assert read_host_ns() - began_ns >= NS_PER_S


def test_who_does_not_read_the_news_gets_less_of_them_and_costs_no_memory(
    line: Line,
) -> None:
    stream = line.dial()
    stream.sendall(encode_line(Request(1, calls.Subscribe())))
    assert stream.recv(100).startswith(b'{"id":1')
    news = b"n" * 20_000 + b"\n"
    for _ in range(2000):
        line.server.publish(news, news)
    assert line.answers()
    (client,) = [one for one in line.server._clients if one.subscribed]
    assert client._unsent_bytes < 200_000
    assert stream.recv(1 << 20).startswith(b"n")


def test_who_never_reads_an_answer_is_hung_up_on(line: Line) -> None:
    stream = line.dial()
    with suppress(OSError):
        stream.sendall(b"what" * 100 + b"\n" + CLIENTS * 20)
        for _ in range(20):
            asked = line.asked.get(timeout=20)
            assert asked is not None
            line.server.answer(asked, Welcome(1, "x" * 400_000, "", "ru", simulated=True))
    ended = select.poll()  # without reading anything, which would make room again
    ended.register(stream, select.POLLHUP)
    assert ended.poll(20_000)
    assert hangs_up(stream)
    assert line.answers()


def test_a_crowd_of_silent_clients_keeps_nobody_out(line: Line) -> None:
    speaking = line.dial()
    speaking.sendall(HELLO)
    assert speaking.recv(1000)
    for _ in range(100):
        line.dial()
    assert line.answers()
    speaking.sendall(HELLO)
    assert b"BOX-00019" in speaking.recv(1000)  # who asked something stays


def test_an_answer_to_a_client_that_left_goes_nowhere(line: Line) -> None:
    stream = line.dial()
    stream.sendall(CLIENTS)
    asked = line.asked.get(timeout=20)
    assert asked is not None
    stream.close()
    line.server.answer(asked, None)
    assert line.answers()
