"""The real ``fieldrec record`` as a process of its own, and what it promises."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Self, cast

from recorder.clock import NS_PER_S, read_host_ns
from scripts.benchmarks.house import program

if TYPE_CHECKING:
    from scripts.benchmarks.house import Box

_NOTE = re.compile(r"insight #(\d+)")
_MARK_KEY = b"2"  # the mark `insight` of the product's codebook
_PATIENCE_S = 60
_LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class Ended:
    """What a recorder said last and used in all."""

    result: dict[str, Any]
    cpu_s: float
    written_bytes: int  # as the kernel accounts it to the process and its children


class Recorder:
    """``fieldrec record --json`` on a terminal of its own; a context ends it."""

    def __init__(
        self,
        box: Box,
        *,
        headset: str = "simulated",
        microphone: str = "simulated",
        channels: int = 2,
    ) -> None:
        self._terminal, stdin = pty.openpty()
        self._lines: list[tuple[int, dict[str, Any]]] = []
        self._result: dict[str, Any] = {}
        self._errors = ""
        self._process = subprocess.Popen(
            [
                *(program("fieldrec"), "record", "--box", box.folder, "--json"),
                *("--client", box.client, "--headset", headset),
                *("--microphone", microphone, "--channels", str(channels)),
            ],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(stdin)
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, name="lines", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self.kill()

    @property
    def newest(self) -> dict[str, Any]:
        """The newest status line."""
        return self._lines[-1][1] if self._lines else {}

    def wait_for_lines(self, n: int) -> None:
        """Return once it has printed ``n`` status lines; RuntimeError if it ended."""
        deadline_ns = read_host_ns() + _PATIENCE_S * NS_PER_S
        while len(self._lines) < n:
            if not self._reader.is_alive() or read_host_ns() > deadline_ns:
                self.kill()
                raise RuntimeError(f"fieldrec record ended early: {self._errors}")
            time.sleep(_LOOK_S)

    def mark(self) -> None:
        """Press the key of a mark."""
        os.write(self._terminal, _MARK_KEY)

    def promise(self) -> tuple[int, int]:
        """Return the host time it has shown as saved, and the marks it acknowledged."""
        lines = list(self._lines)
        # A line can be read late but never early, so the least difference is the truth.
        start_ns = min(read_ns - _ns(line["elapsed_s"]) for read_ns, line in lines)
        notes = [_NOTE.fullmatch(line["note"]) for _, line in lines]
        marks = max((int(note[1]) for note in notes if note), default=0)
        return start_ns + max(_ns(line["saved_s"]) for _, line in lines), marks

    def freeze(self) -> int:
        """Stop it where it is; return the host time just before."""
        now_ns = read_host_ns()
        self._process.send_signal(signal.SIGSTOP)
        return now_ns

    def kill(self) -> int:
        """Kill it with SIGKILL; return the host time just before."""
        now_ns = read_host_ns()
        self._process.kill()
        self._process.wait(_PATIENCE_S)
        self._end()
        return now_ns

    def finish(self) -> Ended:
        """Press Ctrl-C, wait for the clean end."""
        self._process.send_signal(signal.SIGINT)
        _, status, used = os.wait4(self.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self._end()
        if self._process.returncode:
            raise RuntimeError(f"fieldrec record: {self._errors}")
        return Ended(self._result, used.ru_utime + used.ru_stime, used.ru_oublock * 512)

    def _end(self) -> None:
        self._reader.join(_PATIENCE_S)
        with cast("IO[str]", self._process.stderr) as stderr:
            self._errors = stderr.read().strip()
        os.close(self._terminal)

    def _read(self) -> None:
        with cast("IO[str]", self._process.stdout) as stdout:
            for text in stdout:
                read_ns = read_host_ns()
                line = json.loads(text) if text.endswith("\n") else {}
                if "elapsed_s" in line:
                    self._lines.append((read_ns, line))
                elif line:
                    self._result = line


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)
