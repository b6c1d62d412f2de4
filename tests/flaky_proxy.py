"""A TCP proxy on loopback that spoils links: cuts, delays, falls silent, counts.

    with FlakyProxy(port, cut_after=lambda: 3_000_000) as proxy:
        ...  # connect to proxy.port

``cut_after`` is asked for each new connection: how many bytes it may carry, both ways
together, None for no end. ``delay_s`` is added each way. ``sent_bytes`` counts what came
from clients, ``connections`` how many there were. Once ``sent_bytes`` reaches the number
in ``midway``, what stands beside it is called, and what came waits meanwhile: so a link
can be disturbed in its middle, however busy the machine is. So does what came wait while
``watch`` looks, each time. While ``silent`` is set what comes is swallowed.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

_HOST = "127.0.0.1"
_PIECE_BYTES = 64 * 1024
_Piece = tuple[float, bytes]


def _never() -> int | None:
    return None


@dataclass(slots=True)
class _Connection:
    """Both ends of one connection and how many bytes it may still carry."""

    client: socket.socket
    server: socket.socket
    left_bytes: int | None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def allow(self, n_bytes: int) -> int:
        """Return how many of ``n_bytes`` may pass."""
        with self._lock:
            if self.left_bytes is None:
                return n_bytes
            allowed = min(n_bytes, self.left_bytes)
            self.left_bytes -= allowed
            return allowed

    def cut(self) -> None:
        """End both sides at once, whatever is still on its way."""
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class FlakyProxy:
    """See the module. Use it in ``with``."""

    def __init__(
        self,
        target_port: int,
        *,
        cut_after: Callable[[], int | None] = _never,
        delay_s: float = 0.0,
        midway: tuple[int, Callable[[], None]] | None = None,
        watch: Callable[[], None] = lambda: None,
    ) -> None:
        self.sent_bytes = 0
        self.connections = 0
        self.silent = threading.Event()
        self._target_port = target_port
        self._cut_after = cut_after
        self._delay_s = delay_s
        self._midway = midway
        self._watch = watch
        self._listener = socket.create_server((_HOST, 0))
        self._open: list[_Connection] = []
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join()  # it may be letting one more in, to be cut as well
        self.cut_all()
        for thread in self._threads:
            thread.join()
        for connection in self._open:
            connection.client.close()
            connection.server.close()

    def cut_all(self) -> None:
        """Cut every connection that is open now."""
        for connection in self._open:
            connection.cut()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection((_HOST, self._target_port))
            except OSError:
                client.close()
                continue
            self.connections += 1
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = _Connection(client, server, self._cut_after())
            self._open.append(connection)
            self._pump(connection, client, server, count=True)
            self._pump(connection, server, client, count=False)

    def _pump(
        self,
        connection: _Connection,
        source: socket.socket,
        sink: socket.socket,
        *,
        count: bool,
    ) -> None:
        pieces: queue.SimpleQueue[_Piece] = queue.SimpleQueue()
        self._spawn(self._receive, connection, source, pieces, count)
        self._spawn(self._deliver, connection, sink, pieces)

    def _receive(
        self,
        connection: _Connection,
        source: socket.socket,
        pieces: queue.SimpleQueue[_Piece],
        count: bool,  # noqa: FBT001 - positional through Thread
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_PIECE_BYTES):
                if count:
                    self._count(len(data))
                allowed = connection.allow(len(data))
                pieces.put((time.perf_counter() + self._delay_s, data[:allowed]))
                if allowed < len(data):
                    break
        pieces.put((time.perf_counter() + self._delay_s, b""))

    def _count(self, n_bytes: int) -> None:
        self.sent_bytes += n_bytes
        self._watch()
        if self._midway is not None and self.sent_bytes >= self._midway[0]:
            (_, disturb), self._midway = self._midway, None
            disturb()

    def _deliver(
        self,
        connection: _Connection,
        sink: socket.socket,
        pieces: queue.SimpleQueue[_Piece],
    ) -> None:
        with contextlib.suppress(OSError):
            while True:
                due, data = pieces.get()
                time.sleep(max(0.0, due - time.perf_counter()))
                if not data:
                    break
                if not self.silent.is_set():
                    sink.sendall(data)
        connection.cut()

    def _spawn(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, name="flaky proxy")
        self._threads.append(thread)
        thread.start()
