"""The therapist's screen, 120 x 40, over a service with 16 channels and stereo.

A key is written into the terminal, as a keyboard does; the reaction is there once the
screen has written what the key means. What the recorder then holds as the mark's stamp is
compared with the moment of the key.
"""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import tempfile
import termios
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recorder import paired
from recorder.clock import NS_PER_S, read_host_ns
from scripts.benchmarks.bare_keys import BareReader, bare_reader
from scripts.benchmarks.disk import bench_disk
from scripts.benchmarks.figures import Figure, Result
from scripts.benchmarks.house import make_boxes, program
from scripts.benchmarks.process_tree import usage
from scripts.benchmarks.service import begin, connected, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recorder.protocol.client import RecorderClient

_COLUMNS, _ROWS = 120, 40
_MB = 1_000_000
_STORE_MB = 3000
_KEY = b"0"
_MEANS = b"Mark"
_EVERY_S = 1.3  # no multiple of the news' half second
_PATIENCE_S = 30.0


@dataclass
class Terminal:
    """What the screen has written so far, and when."""

    descriptor: int
    _read: list[tuple[int, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin to read."""
        threading.Thread(target=self._read_all, daemon=True).start()

    def press(self, key: bytes) -> int:
        """Write a key; return when."""
        key_ns = read_host_ns()
        os.write(self.descriptor, key)
        return key_ns

    def when_written(self, text: bytes, since_ns: int) -> int:
        """Return when ``text`` was there, of what was written since then."""
        end_ns = read_host_ns() + round(_PATIENCE_S * NS_PER_S)
        while read_host_ns() < end_ns:
            seen = b""
            for at_ns, chunk in tuple(self._read):
                if at_ns >= since_ns:
                    seen += chunk
                    if text in seen:
                        return at_ns
            time.sleep(0.002)
        raise TimeoutError(f"the screen never wrote {text!r}")

    def _read_all(self) -> None:
        while True:
            try:
                chunk = os.read(self.descriptor, 1 << 16)
            except OSError:
                return  # the screen has ended
            self._read.append((read_host_ns(), chunk))


def run(*, scratch: Path, minutes: float) -> Result:
    """Record for ``minutes``, pressing a key now and then."""
    with tempfile.TemporaryDirectory(prefix="run-", dir=scratch) as name:
        figures = _measure(Path(name).resolve(), minutes)
    return Result("screen", tuple(figures), {"minutes": minutes})


def _measure(root: Path, minutes: float) -> list[Figure]:
    with ExitStack() as stack:
        disk = stack.enter_context(bench_disk(root / "box", size_mb=_STORE_MB))
        (box,) = make_boxes(root, [disk.folder / "box"])
        paired.choose(box.folder, headset="synthetic", microphone="simulated")
        service = stack.enter_context(serving(box))
        client = stack.enter_context(connected(box))
        begin(client, box)
        screen, terminal = stack.enter_context(_showing(box.folder))
        bare = stack.enter_context(bare_reader())
        time.sleep(3)  # it has drawn itself and settled
        pids = (service.pid, screen.pid)
        before = [usage(pid) for pid in pids]
        began_ns = read_host_ns()
        stamps = _Stamps(client)
        stamps.start()
        keys, reactions_ms, peak_mb = _press(terminal, bare, pids, minutes)
        seconds = (read_host_ns() - began_ns) / NS_PER_S
        after = [usage(pid) for pid in pids]
        stamps_ms = stamps.after(keys)
    cpu = [
        100 * (end.cpu_s - start.cpu_s) / seconds
        for start, end in zip(before, after, strict=True)
    ]
    p95 = np.percentile(reactions_ms, 95)
    return [
        Figure("key to screen, p50", float(np.median(reactions_ms)), "ms"),
        Figure("key to screen, p95", float(p95), "ms", at_most=100.0),
        *_stamp_figures(stamps_ms, bare.late_ms),
        Figure("CPU, screen and service", sum(cpu), "% of a core", at_most=25.0),
        Figure("CPU, screen", cpu[1], "% of a core"),
        Figure("memory, screen and service, peak", peak_mb, "MB", at_most=250.0),
    ]


def _stamp_figures(stamps_ms: list[float], bare_ms: list[float]) -> list[Figure]:
    """Return how late marks are stamped, beside how late the machine brings a key."""
    return [
        Figure(
            f"a mark's stamp after its key, {name}",
            float(np.percentile(stamps_ms, share)),
            "ms",
            peer=float(np.percentile(bare_ms, share)),
            peer_name="bare reader",
            at_most=limit,
        )
        for name, share, limit in (
            ("p50", 50, None),
            ("p95", 95, 20.0),
            ("worst", 100, None),
        )
    ]


@contextmanager
def _showing(box: Path) -> Iterator[tuple[subprocess.Popen[bytes], Terminal]]:
    """Run the screen on a terminal of its own."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
    command = [program("fieldrec-tui"), "--box", box, "--language", "en"]
    command += ["--socket", box / "recorder.sock"]
    screen = subprocess.Popen(
        command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
        start_new_session=True,
    )
    os.close(slave)
    try:
        terminal = Terminal(master)
        terminal.when_written(_MEANS, 0)
        yield screen, terminal
    finally:
        screen.terminate()
        screen.wait(_PATIENCE_S)
        os.close(master)


def _press(
    terminal: Terminal, bare: BareReader, pids: tuple[int, int], minutes: float
) -> tuple[list[int], list[float], float]:
    """Press a key now and then; return when, what each took in ms, and the peak in MB."""
    keys: list[int] = []
    reactions_ms: list[float] = []
    peak_mb = 0.0
    end_ns = read_host_ns() + round(60 * minutes * NS_PER_S)
    while read_host_ns() < end_ns:
        key_ns = terminal.press(_KEY)
        keys.append(key_ns)
        reactions_ms.append((terminal.when_written(_MEANS, key_ns) - key_ns) / 1e6)
        peak_mb = max(peak_mb, sum(usage(pid).memory_bytes for pid in pids) / _MB)
        time.sleep(_EVERY_S / 2)
        bare.press()
        time.sleep(_EVERY_S / 2)
    return keys, reactions_ms, peak_mb


class _Stamps(threading.Thread):
    """Collects the stamps of all marks that the recorder tells of, until `stop`."""

    def __init__(self, client: RecorderClient) -> None:
        super().__init__(name="stamps")
        self._client = client
        self._stopped = threading.Event()
        self._stamps: dict[int, int] = {}

    def run(self) -> None:
        """Read the news as they come."""
        while not self._stopped.is_set():
            session = self._client.next_news().session
            for mark in () if session is None else session.marks:
                if mark.id == "mark":
                    self._stamps[mark.n] = mark.key_ns

    def after(self, keys: list[int]) -> list[float]:
        """Return how long after its key each mark is stamped, in ms."""
        time.sleep(1)  # the last one is told with the next news
        self._stopped.set()
        self.join()
        stamps = sorted(self._stamps.values())
        return [(stamp - key) / 1e6 for key, stamp in zip(keys, stamps, strict=True)]
