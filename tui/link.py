"""The way to the recorder: one Unix socket, served by a thread of its own.

The thread connects, says hello, subscribes, and posts what comes in; it connects again by
itself for as long as it runs. Requests may come from any thread. One that could not be
sent, or whose answer was lost with the connection, is answered with a fault, so that
nobody waits for ever.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from typing import TYPE_CHECKING

import msgspec

from recorder.clock import read_host_ns
from recorder.errors import FieldrecError, FormatError
from recorder.protocol.calls import Hello, Subscribe
from recorder.protocol.lines import (
    MAX_LINE_BYTES,
    VERSION,
    Answer,
    News,
    Request,
    decode_reply,
    encode_line,
)
from recorder.protocol.place import reachable
from recorder.protocol.replies import Fault, Welcome
from tui.messages import Answered, Connected, Disconnected, NewsArrived

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from textual.message import Message

    from recorder.protocol.calls import Call

NO_ANSWER = Fault(0, "the recorder did not answer")
_AGAIN_S = 0.25
_READ_BYTES = 1 << 16


class Link:
    """The connection; ``post`` hands a message to the screen and may be called anywhere."""

    def __init__(self, path: Path, post: Callable[[Message], object]) -> None:
        self._path = path
        self._post = post
        self._lock = threading.Lock()  # guards everything below it
        self._next_id = 1
        self._waiting: dict[int, Call] = {}
        self._unsent: list[Request] = []
        self._up = False
        self._trace = False
        self._stopped = threading.Event()
        self._wake_in, self._wake_out = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def stop(self) -> None:
        """Close the connection and end the thread."""
        self._stopped.set()
        self._wake()
        if self._thread.is_alive():
            self._thread.join()
        self._wake_in.close()
        self._wake_out.close()

    def ask(self, call: Call) -> int:
        """Send ``call``; return the number its `Answered` will carry."""
        with self._lock:
            number = self._next_id
            self._next_id += 1
            up = self._up
            if up:
                self._waiting[number] = call
                self._unsent.append(Request(number, call))
        if up:
            self._wake()
        else:
            self._post(Answered(Answer(number, fault=NO_ANSWER)))
        return number

    def trace(self, *, wanted: bool) -> None:
        """Say whether samples shall come with the news."""
        if wanted != self._trace:
            self._trace = wanted
            if self._up:
                self.ask(Subscribe(trace=wanted))

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._wake_out.send(b"!")

    def _give_up(self) -> None:
        """Answer everything that nobody will answer any more."""
        with self._lock:
            lost, self._waiting, self._unsent = self._waiting, {}, []
        for number in lost:
            self._post(Answered(Answer(number, fault=NO_ANSWER)))

    def _run(self) -> None:
        while not self._stopped.is_set():
            with contextlib.suppress(OSError, FieldrecError), self._connect() as connection:
                self._talk(connection)
            self._up = False
            self._give_up()
            if not self._stopped.is_set():
                self._post(Disconnected())
            self._stopped.wait(_AGAIN_S)

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with reachable(self._path) as short:
                connection.connect(short)
        except OSError:
            connection.close()
            raise
        return connection

    def _talk(self, connection: socket.socket) -> None:
        """Send and read until the recorder goes, or `stop`."""
        self._up = True
        hello = self.ask(Hello())
        self.ask(Subscribe(trace=self._trace))
        pending = b""
        with selectors.DefaultSelector() as selector:
            selector.register(connection, selectors.EVENT_READ)
            selector.register(self._wake_in, selectors.EVENT_READ)
            while not self._stopped.is_set():
                connection.sendall(self._take_unsent())
                ready = {key.fileobj for key, _ in selector.select()}
                if self._wake_in in ready:
                    self._wake_in.recv(_READ_BYTES)
                if connection in ready:
                    got = connection.recv(_READ_BYTES)
                    if not got:
                        return
                    *lines, pending = (pending + got).split(b"\n")
                    if len(pending) > MAX_LINE_BYTES:
                        raise FormatError(f"a line of more than {MAX_LINE_BYTES} bytes")
                    for line in lines:
                        self._read(line, hello)

    def _take_unsent(self) -> bytes:
        with self._lock:
            requests, self._unsent = self._unsent, []
        return b"".join(map(encode_line, requests))

    def _read(self, line: bytes, hello: int) -> None:
        reply = decode_reply(line)
        if isinstance(reply, News):
            self._post(NewsArrived(reply.state, read_host_ns()))
            return
        with self._lock:
            self._waiting.pop(reply.id, None)
        if reply.id == hello:
            self._greet(reply)
        self._post(Answered(reply))

    def _greet(self, reply: Answer) -> None:
        if reply.fault is not None:
            raise FormatError(f"the recorder refused a hello: {reply.fault.message}")
        try:
            welcome = msgspec.json.decode(reply.ok, type=Welcome)
        except msgspec.MsgspecError as error:
            raise FormatError(f"the recorder's welcome can't be read: {error}") from error
        if welcome.version != VERSION:
            raise FormatError(f"protocol {welcome.version}, this screen speaks {VERSION}")
        self._post(Connected(welcome))
