"""One client's connection: what it said so far, and what is still to be sent to it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from recorder.protocol.lines import MAX_LINE_BYTES

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

_READ_BYTES = 1 << 16
_MOST_WAITING_BYTES = 2 * MAX_LINE_BYTES
_BACKLOG_BYTES = 1 << 16  # with so much unsent, news is worth nothing
MOST_UNANSWERED = 32
MOST_LINES = 100  # in a turn of half a second


class ClosedError(Exception):
    """The client is gone, or is to be sent away."""


class Connection:
    """A client's socket, which never blocks. Owned by the socket thread."""

    def __init__(self, stream: socket.socket, now_ns: int) -> None:
        stream.settimeout(0)
        self.stream = stream
        self.heard_ns = now_ns
        self.spoke = False  # a request of it could be read
        self.subscribed = False
        self.traced = False
        self.unanswered = 0
        self.lines_left = MOST_LINES
        self.mistakes = 0
        self._unread = bytearray()
        self._unsent: deque[memoryview] = deque()
        self._unsent_bytes = 0

    @property
    def is_listened_to(self) -> bool:
        """Whether it may say more now; otherwise it has to wait."""
        return self.unanswered < MOST_UNANSWERED and self.lines_left > 0

    @property
    def has_unsent(self) -> bool:
        """Whether something waits for its reading."""
        return bool(self._unsent)

    def read(self) -> None:
        """Take what it sent. Raises ClosedError."""
        try:
            new = self.stream.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            raise ClosedError from error
        if not new:
            raise ClosedError
        self._unread += new

    def lines(self) -> Iterator[bytes]:
        """Yield whole lines while it is listened to. Raises ClosedError for a long one."""
        while self.is_listened_to:
            end = self._unread.find(b"\n")
            if end < 0:
                if len(self._unread) > MAX_LINE_BYTES:
                    raise ClosedError
                return
            line = bytes(self._unread[:end])
            del self._unread[: end + 1]
            if len(line) > MAX_LINE_BYTES:
                raise ClosedError
            self.lines_left -= 1
            yield line

    def answer(self, line: bytes) -> None:
        """Send an answer. Raises ClosedError where it never reads any."""
        if self._unsent_bytes + len(line) > _MOST_WAITING_BYTES:
            raise ClosedError
        self._send(line)

    def tell(self, line: bytes) -> None:
        """Send news, unless older news is still unread."""
        if self._unsent_bytes <= _BACKLOG_BYTES:
            self._send(line)

    def flush(self) -> None:
        """Send what waits, as far as it goes. Raises ClosedError."""
        try:
            while self._unsent:
                sent = self.stream.send(self._unsent[0])
                self._unsent_bytes -= sent
                if sent < len(self._unsent[0]):
                    self._unsent[0] = self._unsent[0][sent:]
                    return
                self._unsent.popleft()
        except BlockingIOError:
            return
        except OSError as error:
            raise ClosedError from error

    def _send(self, line: bytes) -> None:
        self._unsent.append(memoryview(line))
        self._unsent_bytes += len(line)
        self.flush()
