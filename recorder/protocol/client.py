"""A client of the recorder that waits for its answers: for commands and tests."""

from __future__ import annotations

import itertools
import socket
from collections import deque
from typing import TYPE_CHECKING, Self, TypeVar

import msgspec

from recorder.clock import NS_PER_S, read_host_ns
from recorder.errors import FieldrecError, ServiceError
from recorder.protocol.lines import News, Request, decode_reply, encode_line, error_of
from recorder.protocol.place import reachable

if TYPE_CHECKING:
    from pathlib import Path

    from recorder.protocol.calls import Call
    from recorder.protocol.state import State

_T = TypeVar("_T")
_READ_BYTES = 1 << 16
_PATIENCE_S = 60.0


class RecorderClient:
    """One connection. Use it in a ``with`` statement, from one thread.

    Raises ServiceError where nobody listens at ``path`` or the recorder ends.
    """

    def __init__(self, path: Path, *, patience_s: float = _PATIENCE_S) -> None:
        self._path = path
        self._patience_ns = round(patience_s * NS_PER_S)
        self._stream = socket.socket(
            socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC
        )
        try:
            with reachable(path) as short:
                self._stream.connect(short)
        except OSError as error:
            self._stream.close()
            raise ServiceError(
                f"no recorder listens at {path}: {error.strerror}",
                hint="start it with: fieldrec serve --box BOX",
            ) from error
        self._unread = bytearray()
        self._news: deque[State] = deque(maxlen=64)
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._stream.close()

    def ask(self, call: Call, reply: type[_T]) -> _T:
        """Return the answer to ``call``; raise the error that the recorder gave."""
        number = self.send(call)
        until_ns = read_host_ns() + self._patience_ns
        while True:
            line = self._line(until_ns)
            answer = decode_reply(line)
            if isinstance(answer, News):
                self._news.append(answer.state)
            elif answer.id in (number, 0) and answer.fault is not None:
                raise error_of(answer.fault)
            elif answer.id == number:
                return msgspec.json.decode(answer.ok, type=reply)

    def do(self, call: Call) -> None:
        """Have ``call`` carried out; raise the error that the recorder gave."""
        self.ask(call, msgspec.Raw)

    def send(self, call: Call) -> int:
        """Send ``call`` without waiting; return its number."""
        number = next(self._numbers)
        self.send_bytes(encode_line(Request(number, call)))
        return number

    def send_bytes(self, content: bytes) -> None:
        """Send bytes as they are."""
        try:
            self._stream.sendall(content)
        except OSError as error:
            raise self._gone() from error

    def next_news(self) -> State:
        """Return the next state; `calls.Subscribe` must have been asked for."""
        until_ns = read_host_ns() + self._patience_ns
        while not self._news:
            reply = decode_reply(self._line(until_ns))
            if isinstance(reply, News):
                self._news.append(reply.state)
        return self._news.popleft()

    def _line(self, until_ns: int) -> bytes:
        while (end := self._unread.find(b"\n")) < 0:
            left_s = (until_ns - read_host_ns()) / NS_PER_S
            if left_s <= 0:
                raise ServiceError(
                    f"the recorder does not answer for {self._patience_ns / NS_PER_S:g} s"
                )
            self._stream.settimeout(left_s)
            try:
                new = self._stream.recv(_READ_BYTES)
            except TimeoutError:
                continue
            except OSError as error:
                raise self._gone() from error
            if not new:
                raise self._gone()
            self._unread += new
        line = bytes(self._unread[:end])
        del self._unread[: end + 1]
        return line

    def _gone(self) -> FieldrecError:
        return ServiceError(f"the recorder at {self._path} has ended")
