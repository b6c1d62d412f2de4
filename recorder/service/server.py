"""The Unix socket: one thread serves every client, and no client can hold it up.

Who says hello or subscribes is answered at once; everything else goes to the engine. A
client that floods, babbles or does not read harms itself alone.
"""

from __future__ import annotations

import contextlib
import errno
import os
import queue
import selectors
import socket
import stat
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from recorder.clock import NS_PER_S, read_host_ns
from recorder.errors import FormatError, ServiceError
from recorder.protocol import calls
from recorder.protocol.lines import Answer, decode_request, encode_line, fault_of
from recorder.protocol.place import reachable
from recorder.service.connection import MOST_LINES, ClosedError, Connection

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from recorder.errors import FieldrecError
    from recorder.protocol.lines import Request
    from recorder.protocol.replies import Welcome

_MODE = 0o660
_MOST_CLIENTS = 32
_MOST_MISTAKES = 10
_TURN_NS = NS_PER_S // 2
_TURN_S = 0.5
_BACKLOG = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for the engine: who asked, what, and when it arrived."""

    client: Connection
    request: Request
    arrived_ns: int


class Server:
    """Listens at ``path``. `answer` and `publish` may be called by any thread."""

    def __init__(
        self,
        path: Path,
        *,
        welcome: Callable[[], Welcome],
        asked: queue.Queue[Asked | None],
    ) -> None:
        self._path = path
        self._welcome = welcome
        self._asked = asked
        self._listener = listen(path)
        self._selector = selectors.DefaultSelector()
        self._clients: list[Connection] = []
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._woken, self._waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._turn_ns = 0
        self._newest = b""  # news, for whoever subscribes
        self._ending = False
        self.beat_ns = read_host_ns()  # when it last went round
        self.traced = False  # some subscriber wants the trace
        self._thread = threading.Thread(target=self._run, name="socket", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def close(self) -> None:
        """Send everybody away and end."""
        self._ending = True
        self._wake()
        self._thread.join()
        self._listener.close()
        with contextlib.suppress(OSError):
            self._path.unlink()
        for descriptor in (self._woken, self._waker):
            os.close(descriptor)

    def answer(
        self, asked: Asked, reply: msgspec.Struct | None, fault: FieldrecError | None = None
    ) -> None:
        """Answer a request with ``reply`` or ``fault``."""
        if fault is not None:
            answer = Answer(asked.request.id, fault=fault_of(fault))
        else:
            body = b"{}" if reply is None else msgspec.json.encode(reply)
            answer = Answer(asked.request.id, ok=msgspec.Raw(body))
        line = encode_line(answer)
        self._post(lambda: self._finish(asked.client, line))

    def publish(self, plain: bytes, traced: bytes) -> None:
        """Tell every subscriber the news, with or without the trace."""
        self._post(lambda: self._tell_all(plain, traced))

    def _post(self, job: Callable[[], None]) -> None:
        self._jobs.put(job)
        self._wake()

    def _wake(self) -> None:
        # A full pipe means that it will wake anyway.
        with contextlib.suppress(BlockingIOError):
            os.write(self._waker, b"x")

    # -- the thread --

    def _run(self) -> None:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        while not self._ending:
            events = self._selector.select(_TURN_S)
            self.beat_ns = read_host_ns()
            for key, mask in events:
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj == self._woken:
                    os.read(self._woken, 4096)
                elif isinstance(key.data, Connection):
                    self._serve(key.data, mask)
            self._do_jobs()
            self._begin_turn()
        for client in list(self._clients):
            self._drop(client)
        self._selector.close()

    def _do_jobs(self) -> None:
        for _ in range(self._jobs.qsize()):
            self._jobs.get()()

    def _begin_turn(self) -> None:
        """Give everybody the right to some more lines, twice a second."""
        if self.beat_ns - self._turn_ns < _TURN_NS:
            return
        self._turn_ns = self.beat_ns
        for client in list(self._clients):
            if client.lines_left < MOST_LINES:
                client.lines_left = MOST_LINES
                self._hear(client)

    def _accept(self) -> None:
        try:
            stream, _ = self._listener.accept()
        except OSError:
            return  # it is gone already, or there are too many open files
        if len(self._clients) >= _MOST_CLIENTS:
            silent = [one for one in self._clients if not one.spoke]
            if not silent:
                stream.close()
                return
            self._drop(min(silent, key=lambda one: one.heard_ns))
        client = Connection(stream, self.beat_ns)
        self._clients.append(client)
        self._selector.register(stream, selectors.EVENT_READ, client)

    def _serve(self, client: Connection, mask: int) -> None:
        try:
            if mask & selectors.EVENT_WRITE:
                client.flush()
            if mask & selectors.EVENT_READ:
                client.read()
        except ClosedError:
            self._drop(client)
            return
        self._hear(client)

    def _hear(self, client: Connection) -> None:
        """Take the requests that it may make now."""
        try:
            for line in client.lines():
                client.heard_ns = read_host_ns()
                self._take(client, line)
        except ClosedError:
            self._drop(client)
            return
        self._watch(client)

    def _take(self, client: Connection, line: bytes) -> None:
        try:
            request = decode_request(line)
        except FormatError as error:
            client.mistakes += 1
            client.answer(encode_line(Answer(0, fault=fault_of(error))))
            if client.mistakes >= _MOST_MISTAKES:
                raise ClosedError from error
            return
        client.spoke = True
        if isinstance(request.call, calls.Hello):
            body = msgspec.json.encode(self._welcome())
            client.answer(encode_line(Answer(request.id, ok=msgspec.Raw(body))))
        elif isinstance(request.call, calls.Subscribe):
            client.subscribed, client.traced = True, request.call.trace
            self._look_for_traced()
            client.answer(encode_line(Answer(request.id)))
            client.tell(self._newest)
        else:
            client.unanswered += 1
            self._asked.put(Asked(client, request, read_host_ns()))

    def _finish(self, client: Connection, line: bytes) -> None:
        if client not in self._clients:
            return  # it did not wait for the answer
        client.unanswered -= 1
        try:
            client.answer(line)
        except ClosedError:
            self._drop(client)
            return
        self._hear(client)

    def _tell_all(self, plain: bytes, traced: bytes) -> None:
        self._newest = plain
        for client in list(self._clients):
            if not client.subscribed:
                continue
            try:
                client.tell(traced if client.traced else plain)
            except ClosedError:
                self._drop(client)
            else:
                self._watch(client)

    def _watch(self, client: Connection) -> None:
        """Wait for what concerns this client: its words, its reading, or neither."""
        if client not in self._clients:
            return
        mask = selectors.EVENT_WRITE if client.has_unsent else 0
        mask |= selectors.EVENT_READ if client.is_listened_to else 0
        known = client.stream in self._selector.get_map()
        if not mask and known:
            self._selector.unregister(client.stream)
        elif mask and not known:
            self._selector.register(client.stream, mask, client)
        elif mask:
            self._selector.modify(client.stream, mask, client)

    def _drop(self, client: Connection) -> None:
        if client not in self._clients:
            return
        self._clients.remove(client)
        if client.stream in self._selector.get_map():
            self._selector.unregister(client.stream)
        client.stream.close()
        self._look_for_traced()

    def _look_for_traced(self) -> None:
        self.traced = any(one.subscribed and one.traced for one in self._clients)


def listen(path: Path) -> socket.socket:
    """Listen at ``path``, for the owner and the group; replace what a crash left there.

    Raises ServiceError where something else is there, or another program listens.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        with reachable(path) as short:
            _clear(path, short)
            mask = os.umask(0o777 & ~_MODE)
            try:
                listener.bind(short)
            finally:
                os.umask(mask)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ServiceError(
            f"socket {path}: {error.strerror or error}",
            hint="give another one with --socket, in a folder of yours",
        ) from error
    except ServiceError:
        listener.close()
        raise
    listener.settimeout(0)
    return listener


def _clear(path: Path, short: str) -> None:
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise ServiceError(f"{path} exists and is no socket", hint="remove it yourself")
    except FileNotFoundError:
        return
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    with probe:
        probe.settimeout(0)
        number = probe.connect_ex(short)
    if number != errno.ECONNREFUSED:
        raise ServiceError(f"another program listens at {path}", hint="stop it first")
    path.unlink()
