"""The terminal while recording: keys one at a time, and signals that end a session."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import termios
import tty
from typing import TYPE_CHECKING, Any

from recorder.clock import NS_PER_S, read_host_ns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_INSIST_NS = 2 * NS_PER_S
_INTERRUPTED = 130
_ENDING = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)


class StopRequest:
    """Set by Ctrl-C, SIGTERM or a closed terminal; a second one within 2 s leaves at once.

    SIGQUIT, the key beside Ctrl-C, would leave a dump and sign nothing: it counts too. What
    was ignored from the start, as nohup does it, stays ignored.
    """

    def __init__(self) -> None:
        self.asked = False
        self._asked_ns = 0
        self._terminal = termios.tcgetattr(sys.stdin) if _has_terminal() else None

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Listen to SIGINT, SIGQUIT, SIGTERM and SIGHUP."""
        before = {
            number: signal.signal(number, self._take)
            for number in _ENDING
            if signal.getsignal(number) is not signal.SIG_IGN
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        now_ns = read_host_ns()
        if self.asked and now_ns - self._asked_ns < _INSIST_NS:
            # Nothing is flushed or joined: what was saved is on the medium already.
            if self._terminal is not None:
                _restore(self._terminal)
            os._exit(_INTERRUPTED)
        self.asked = True
        self._asked_ns = now_ns


class Keys:
    """Keys pressed one at a time; without a terminal there are none."""

    def __init__(self, *, terminal: bool) -> None:
        self._watched = [sys.stdin.fileno()] if terminal else []

    def next(self, timeout_s: float) -> str:
        """Return the key pressed within ``timeout_s``, or an empty string."""
        ready, _, _ = select.select(self._watched, [], [], timeout_s)
        if not ready:
            return ""
        key = _read_byte(ready[0])
        if not key:
            self._watched = []  # the terminal is gone: nothing will ever be pressed
        return key.decode("ascii", "replace")


@contextlib.contextmanager
def single_keys() -> Iterator[Keys]:
    """Read keys without Enter where stdin is a terminal."""
    if not _has_terminal():
        yield Keys(terminal=False)
        return
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield Keys(terminal=True)
    finally:
        _restore(before)


def _has_terminal() -> bool:
    # None where it was closed before the start.
    return sys.stdin is not None and sys.stdin.isatty()


def _restore(attributes: list[Any]) -> None:
    with contextlib.suppress(termios.error):  # it was closed meanwhile
        termios.tcsetattr(sys.stdin, termios.TCSANOW, attributes)


def _read_byte(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1)
    except OSError:  # EIO, once the other end was closed
        return b""
