"""A way out for what is told: whoever reads it, or stopped reading, holds nobody up."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import threading
from typing import TYPE_CHECKING, Self, TextIO

from recorder.clock import NS_PER_S, read_host_ns

if TYPE_CHECKING:
    from types import TracebackType

_WAITING = 16  # texts; what comes while so many wait for the reader is dropped
_PATIENCE_NS = 2 * NS_PER_S


class Outlet:
    """Writes texts to a stream's descriptor, each whole, in a thread of its own.

    A full pipe or a stopped terminal blocks that thread alone. A reader that is gone ends
    the telling for good. As a context manager it closes itself.
    """

    def __init__(self, stream: TextIO | None) -> None:
        """Write to ``stream``, past its own buffer; None, a closed one, takes nothing."""
        self._texts: queue.Queue[str | None] = queue.Queue(_WAITING)
        # Looking whether the descriptor has room would not do: a terminal that has some
        # still blocks on a line that is longer, and O_NONBLOCK would be set for all who
        # share it.
        self._thread = threading.Thread(
            target=self._write_all, args=(stream,), name="outlet", daemon=True
        )
        self._thread.start()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def offer(self, text: str) -> None:
        """Write ``text`` when its turn comes; drop it if too much is waiting."""
        if self._thread.is_alive():
            with contextlib.suppress(queue.Full):
                self._texts.put_nowait(text)

    def close(self, last: str = "") -> None:
        """Write what waits and ``last``; whatever is left after 2 s is given up."""
        if self._closed:
            return
        self._closed = True
        until_ns = read_host_ns() + _PATIENCE_NS
        with contextlib.suppress(queue.Full):
            for text in (last, None):
                if self._thread.is_alive():
                    self._texts.put(text, timeout=_left_s(until_ns))
            self._thread.join(_left_s(until_ns))

    def _write_all(self, stream: TextIO | None) -> None:
        if stream is None:
            return
        try:
            while (text := self._texts.get()) is not None:
                _write(stream.fileno(), text.encode(stream.encoding, "backslashreplace"))
        except OSError:
            # Its reader is gone (EPIPE, EIO), or its disk full: there is nobody to tell.
            # What still comes is thrown away: nobody shall wait for a place in the queue.
            while self._texts.get() is not None:
                pass


def _write(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:  # somebody who shares it made it non-blocking
            writable = select.poll()
            writable.register(descriptor, select.POLLOUT)
            writable.poll()


def _left_s(until_ns: int) -> float:
    return max(0, until_ns - read_host_ns()) / NS_PER_S
