"""The real ``fieldrec record`` as a process of its own, and what it promised so far."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from recorder.clock import NS_PER_S, read_host_ns

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

_PROGRAM = Path(sys.executable).with_name("fieldrec")
_NOTE = re.compile(r"insight #(\d+)")
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Promise:
    """What a recorder had shown as saved by some moment; 0 is nothing.

    ``slow``: it had raised the alarm that saving takes too long for a second at most.
    """

    saved_host_ns: int = 0
    marks: int = 0
    lines: int = 0
    slow: bool = False


@dataclass
class RecorderProcess:
    """``fieldrec record --json`` with simulated devices, on a terminal of its own."""

    box: Path
    client: str
    options: tuple[str, ...] = ()
    part_length_s: float = 2.0
    result: dict[str, object] | None = None
    trouble: str = ""
    errors: str = ""  # what it told a person, once it has ended
    _lines: list[tuple[int, dict[str, object]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start it."""
        self._terminal, stdin = pty.openpty()
        self.process = subprocess.Popen(
            [
                *(_PROGRAM, "record", "--box", self.box, "--client", self.client),
                *("--consent", "eeg,audio", "--form", "1", "--json"),
                *("--headset", "simulated", "--microphone", "simulated"),
                *("--part-length", str(self.part_length_s), *self.options),
            ],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(stdin)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.kill()

    @property
    def lines(self) -> list[dict[str, object]]:
        """Its status lines so far."""
        return [line for _, line in list(self._lines)]

    def promise(self) -> Promise:
        """Return what it has shown as saved."""
        lines = list(self._lines)
        if not lines:
            return Promise()
        # A line can be read late but never early, so the least difference is the truth.
        start_ns = min(read_ns - _ns(line["elapsed_s"]) for read_ns, line in lines)
        notes = [_NOTE.fullmatch(str(line["note"])) for _, line in lines]
        return Promise(
            saved_host_ns=start_ns + max(_ns(line["saved_s"]) for _, line in lines),
            marks=max((int(note[1]) for note in notes if note), default=0),
            lines=len(lines),
            slow=any(line["slow_disk"] for _, line in lines[-2:]),
        )

    def wait_for_lines(self, n: int) -> None:
        """Return once it has shown ``n`` status lines."""
        deadline_ns = read_host_ns() + _ns(_PATIENCE_S)
        while len(self._lines) < n:
            if self.process.poll() is not None:
                self._end()
                raise AssertionError(f"ended with {self.process.poll()}: {self.errors}")
            assert read_host_ns() < deadline_ns, "no status line in time"
            time.sleep(0.02)

    def wait_for(
        self, seen: Callable[[dict[str, object]], bool], *, first: int | None = None
    ) -> dict[str, object]:
        """Return the first status line that ``seen`` accepts.

        It looks from line ``first`` on, counted from 0; None is the newest now.
        """
        deadline_ns = read_host_ns() + _ns(_PATIENCE_S)
        first = len(self._lines) - 1 if first is None else first
        while True:
            for _, line in self._lines[first:]:
                if seen(line):
                    return line
            assert self.process.poll() is None, f"ended with {self.process.poll()}"
            assert read_host_ns() < deadline_ns, self._lines[-1]
            time.sleep(0.01)

    def wait_until(self, word: str, *, timeout_s: float = _PATIENCE_S) -> None:
        """Return once a status line's ``trouble`` has ``word`` in it, or it has ended."""
        deadline_ns = read_host_ns() + _ns(timeout_s)
        while word not in self.trouble and self.process.poll() is None:
            assert read_host_ns() < deadline_ns, f"{word!r} was never shown"
            time.sleep(0.02)

    def press(self, key: str) -> None:
        """Press a key on its terminal."""
        os.write(self._terminal, key.encode())

    def freeze(self) -> None:
        """Stop every thread of it where it is."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> int:
        """Kill it; return the host time just before."""
        now_ns = read_host_ns()
        self.process.kill()
        self._end()
        return now_ns

    def interrupt(self, *, timeout_s: float = _PATIENCE_S) -> int:
        """Press Ctrl-C, as a signal; return its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.wait(timeout_s=timeout_s)

    def wait(self, *, timeout_s: float = _PATIENCE_S) -> int:
        """Wait for its end; return its exit code."""
        code = self.process.wait(timeout_s)
        self._end()
        return code

    def _end(self) -> None:
        self.process.wait(_PATIENCE_S)
        self._reader.join(_PATIENCE_S)
        assert self.process.stderr is not None
        with self.process.stderr:
            self.errors = self.process.stderr.read()
        os.close(self._terminal)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout:
            for text in self.process.stdout:
                read_ns = read_host_ns()
                line = json.loads(text) if text.endswith("\n") else {}
                if "elapsed_s" in line:
                    self._lines.append((read_ns, line))
                    self.trouble = self.trouble or str(line["trouble"])
                elif line:
                    self.result = line


def _ns(seconds: object) -> int:
    assert isinstance(seconds, int | float)
    return round(seconds * NS_PER_S)
