"""Run a program in a terminal of its own and press keys, timed from its first output.

Usage: press_keys.py SECONDS:KEYS ... -- PROGRAM ARGUMENT ...

What the program shows goes to stderr. SIGINT, SIGTERM and SIGHUP are handed on to it, and
its exit code is ours.
"""

from __future__ import annotations

import os
import pty
import select
import signal
import sys
from typing import TYPE_CHECKING

from recorder.clock import NS_PER_S, read_host_ns

if TYPE_CHECKING:
    from types import FrameType

_LOOK_S = 0.05
_BETWEEN_KEYS_S = 0.3


def main(arguments: list[str]) -> int:
    """Run the program of the command line; return its exit code."""
    split = arguments.index("--")
    keys = _timetable(arguments[:split])
    child, terminal = pty.fork()
    if child == 0:
        program = arguments[split + 1 :]
        os.execvp(program[0], program)  # noqa: S606 - the user's own program

    def hand_on(number: int, _frame: FrameType | None) -> None:
        os.kill(child, signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, hand_on)
    _attend(terminal, keys)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) & 0xFF


def _timetable(words: list[str]) -> list[tuple[float, bytes]]:
    """Return when to press which key, in order; ``3:12`` presses 1 and soon after 2."""
    timetable = []
    for word in words:
        at_s, _, keys = word.partition(":")
        for n, key in enumerate(keys):
            timetable.append((float(at_s) + n * _BETWEEN_KEYS_S, key.encode()))
    return sorted(timetable)


def _attend(terminal: int, keys: list[tuple[float, bytes]]) -> None:
    """Press keys and show what the program writes until it closes its terminal."""
    start_ns: int | None = None
    while True:
        if start_ns is not None:
            passed_s = (read_host_ns() - start_ns) / NS_PER_S
            while keys and passed_s >= keys[0][0]:
                os.write(terminal, keys.pop(0)[1])
        ready, _, _ = select.select([terminal], [], [], _LOOK_S)
        if not ready:
            continue
        try:
            shown = os.read(terminal, 4096)
        except OSError:  # how Linux says that nobody holds the other end any more
            return
        if start_ns is None:
            start_ns = read_host_ns()
        sys.stderr.buffer.write(shown)
        sys.stderr.buffer.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
