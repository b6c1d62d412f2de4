"""The link finds the recorder, loses it and finds it again, and nobody waits for ever."""

from __future__ import annotations

import queue
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import msgspec
import pytest
from textual.events import Key

from recorder.clock import NS_PER_S, read_host_ns
from recorder.protocol import calls, lines, replies
from recorder.protocol.place import reachable
from tests.tui.staged import HOME, WELCOME
from tui.key_time import as_latin, pressed_ns
from tui.link import NO_ANSWER, Link
from tui.messages import Answered, Connected, Disconnected, NewsArrived

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from textual.message import Message

_M = TypeVar("_M")
_PATIENCE_S = 20.0


class Ears:
    """What a link posted."""

    def __init__(self) -> None:
        self._heard: queue.Queue[Message] = queue.Queue()
        self.post = self._heard.put

    def wait_for(self, kind: type[_M]) -> _M:
        """Return the next message of ``kind``."""
        while True:
            message = self._heard.get(timeout=_PATIENCE_S)
            if isinstance(message, kind):
                return message


class Recorder:
    """The far end of the socket: reads requests, says what it is told to say."""

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        with reachable(path) as short:
            self._listener.bind(short)
        self._listener.listen()
        self._listener.settimeout(_PATIENCE_S)

    def accept(self, welcome: replies.Welcome = WELCOME) -> None:
        """Take a connection, and answer its hello."""
        self._connection, _ = self._listener.accept()
        self._file = self._connection.makefile("rb")
        hello = self.next_request()
        assert isinstance(hello.call, calls.Hello)
        self.say(lines.Answer(hello.id, msgspec.Raw(msgspec.json.encode(welcome))))

    def next_request(self) -> lines.Request:
        return lines.decode_request(self._file.readline())

    def say(self, message: lines.Answer | lines.News) -> None:
        self._connection.sendall(lines.encode_line(message))

    def say_bytes(self, content: bytes) -> None:
        self._connection.sendall(content)

    def hang_up(self) -> None:
        self._file.close()
        self._connection.close()

    def close(self) -> None:
        self._listener.close()


@contextmanager
def linked(tmp_path: Path) -> Iterator[tuple[Link, Recorder, Ears]]:
    path = tmp_path / "recorder.sock"
    recorder, ears = Recorder(path), Ears()
    link = Link(path, ears.post)
    link.start()
    try:
        yield link, recorder, ears
    finally:
        link.stop()
        recorder.close()


def test_it_says_hello_subscribes_and_brings_the_news(tmp_path: Path) -> None:
    with linked(tmp_path) as (_, recorder, ears):
        recorder.accept()
        assert ears.wait_for(Connected).welcome == WELCOME
        assert isinstance(recorder.next_request().call, calls.Subscribe)
        recorder.say(lines.News(HOME))
        assert ears.wait_for(NewsArrived).state == HOME
        recorder.hang_up()


def test_it_connects_again_by_itself(tmp_path: Path) -> None:
    with linked(tmp_path) as (_, recorder, ears):
        for _ in range(3):
            recorder.accept()
            ears.wait_for(Connected)
            recorder.hang_up()
            ears.wait_for(Disconnected)


def test_what_was_asked_of_a_recorder_that_went_is_answered(tmp_path: Path) -> None:
    with linked(tmp_path) as (link, recorder, ears):
        recorder.accept()
        ears.wait_for(Connected)
        recorder.next_request()
        number = link.ask(calls.Stop())
        assert recorder.next_request().id == number
        recorder.hang_up()
        answer = ears.wait_for(Answered).answer
        while answer.id != number:
            answer = ears.wait_for(Answered).answer
        assert answer.fault == NO_ANSWER


def test_what_is_asked_while_nobody_is_there_is_answered_at_once(tmp_path: Path) -> None:
    ears = Ears()
    link = Link(tmp_path / "recorder.sock", ears.post)
    number = link.ask(calls.Pause())
    link.stop()
    assert ears.wait_for(Answered).answer == lines.Answer(number, fault=NO_ANSWER)


@pytest.mark.parametrize(
    "line",
    [b"nonsense\n", b"{}\n", b'{"state": {}}\n', b"\xff\xfe\n", b"[" * 70_000 + b"\n"],
)
def test_a_line_that_is_none_ends_the_connection_and_no_more(
    tmp_path: Path, line: bytes
) -> None:
    with linked(tmp_path) as (_, recorder, ears):
        recorder.accept()
        ears.wait_for(Connected)
        recorder.say_bytes(line)
        ears.wait_for(Disconnected)
        recorder.hang_up()
        recorder.accept()
        ears.wait_for(Connected)
        recorder.hang_up()


def test_another_versions_recorder_is_not_believed(tmp_path: Path) -> None:
    with linked(tmp_path) as (_, recorder, ears):
        recorder.accept(msgspec.structs.replace(WELCOME, version=2))
        ears.wait_for(Disconnected)
        recorder.hang_up()


def test_a_keys_time_is_when_it_was_read_however_late_it_is_looked_at() -> None:
    before_ns = read_host_ns()
    event = Key("2", "2")
    after_ns = read_host_ns()
    until_ns = after_ns + NS_PER_S // 4
    while read_host_ns() < until_ns:
        pass
    # Two clocks are read for it: whoever is kept waiting between them is told too early.
    latest_ns = max(pressed_ns(event) for _ in range(10))
    assert before_ns - 1_000_000 <= latest_ns <= after_ns + 1_000_000


def test_russian_keys_are_the_latin_ones_in_the_same_place() -> None:
    assert as_latin("йцукен ЯЧСМИТЬ 7") == "qwerty ZXCVBNM 7"
