"""`fieldrec serve` recording 16 channels and stereo for a screen, beside `fieldrec record`.

BrainFlow's synthetic board in its child process and the simulated microphone, the same for
both at the same time; the screen is this program, which takes every trace and marks once
a second. Then the service is killed and started again. What judging the contact of 16
electrodes costs is measured apart.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recorder import paired
from recorder.clock import NS_PER_S, WallPair, read_host_ns
from recorder.eeg.contact import ContactTrend
from recorder.eeg.montage import board
from recorder.eeg.source import EegBlock
from recorder.errors import ServiceError
from recorder.protocol import calls, replies
from recorder.protocol.client import RecorderClient
from scripts.benchmarks.disk import bench_disk
from scripts.benchmarks.fieldrec import Recorder
from scripts.benchmarks.figures import Figure, Result
from scripts.benchmarks.house import make_boxes, program
from scripts.benchmarks.process_tree import Usage, usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.benchmarks.house import Box

_MB = 1_000_000
_PEER = "fieldrec record"
_STORE_MB = 3000  # a session is refused where 90 minutes don't fit
_MARK_S = 1.0
_PATIENCE_S = 60.0
_CONTACT_BOARD = "CYTON_DAISY_BOARD"
_CONTACT_S = 120
_POLL_ROWS = 5


def run(*, scratch: Path, minutes: float) -> Result:
    """Record for ``minutes`` with both and compare."""
    with tempfile.TemporaryDirectory(prefix="run-", dir=scratch) as name:
        figures = _measure(Path(name).resolve(), minutes)
    return Result("service", (*figures, _contact()), {"minutes": minutes})


def _measure(root: Path, minutes: float) -> list[Figure]:
    with ExitStack() as stack:
        folders = [
            stack.enter_context(bench_disk(root / who, size_mb=_STORE_MB)).folder / "box"
            for who in ("service", "record")
        ]
        served, recorded = make_boxes(root, folders)
        paired.choose(served.folder, headset="synthetic", microphone="simulated")
        service = stack.enter_context(serving(served))
        screen = stack.enter_context(connected(served))
        peer = stack.enter_context(Recorder(recorded, headset="synthetic"))
        peer.wait_for_lines(2)
        begin(screen, served)
        pids = (service.pid, peer.pid)
        before = [usage(pid) for pid in pids]
        began_ns = read_host_ns()
        marks_ms, peaks = _watch(screen, pids, minutes)
        seconds = (read_host_ns() - began_ns) / NS_PER_S
        after = [usage(pid) for pid in pids]
        peer.finish()
        service.kill()
        service.wait()
        restart_s = _restart(served)
    ours, theirs = (
        100 * (end.cpu_s - begin.cpu_s) / seconds
        for begin, end in zip(before, after, strict=True)
    )
    return [
        Figure("CPU, service", ours, "% of a core", theirs, _PEER, at_most=15.0),
        Figure("memory, service, peak", peaks[0], "MB", peaks[1], _PEER, at_most=150.0),
        Figure("a mark until it is saved, p50", float(np.median(marks_ms)), "ms"),
        Figure(
            "a mark until it is saved, p95",
            float(np.percentile(marks_ms, 95)),
            "ms",
            at_most=100.0,
        ),
        Figure("killed, until it answers again", restart_s, "s", at_most=5.0),
    ]


@contextmanager
def serving(box: Box) -> Iterator[subprocess.Popen[bytes]]:
    """Run the service on ``box``."""
    process = subprocess.Popen(
        [
            *(program("fieldrec"), "serve", "--box", box.folder),
            *("--timing", "override_after_s=0"),
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(_PATIENCE_S)


@contextmanager
def connected(box: Box) -> Iterator[RecorderClient]:
    """Give a client of it, as soon as it listens."""
    until_ns = read_host_ns() + round(_PATIENCE_S * NS_PER_S)
    while True:
        try:
            client = RecorderClient(box.folder / "recorder.sock")
        except ServiceError:
            if read_host_ns() > until_ns:
                raise
            time.sleep(0.02)
        else:
            break
    with client:
        yield client


def begin(screen: RecorderClient, box: Box) -> None:
    """Go through the fit, as soon as both devices are there."""
    screen.do(calls.Subscribe(trace=True))
    while True:
        state = screen.next_news()
        if (state.headset.link, state.microphone.link) == ("connected", "connected"):
            break
    papers = ("adult", "consent_signed", "no_epilepsy", "skin_intact", "may_stop")
    screen.do(calls.Prepare(box.client, "in-person", only_consented=True, confirmed=papers))
    screen.do(calls.Record(override=True))


def _watch(
    screen: RecorderClient, pids: tuple[int, int], minutes: float
) -> tuple[list[float], list[float]]:
    """Mark once a second; return what each took in ms, and the peaks of memory in MB."""
    marks_ms: list[float] = []
    peaks = [0.0, 0.0]
    end_ns = read_host_ns() + round(60 * minutes * NS_PER_S)
    while (key_ns := read_host_ns()) < end_ns:
        screen.ask(calls.Mark("insight", "point", key_ns), replies.Marked)
        marks_ms.append((read_host_ns() - key_ns) / 1e6)
        used: list[Usage] = [usage(pid) for pid in pids]
        peaks = [
            max(peak, one.memory_bytes / _MB) for peak, one in zip(peaks, used, strict=True)
        ]
        next_ns = key_ns + round(_MARK_S * NS_PER_S)
        while read_host_ns() < next_ns:
            screen.next_news()
    return marks_ms, peaks


def _restart(box: Box) -> float:
    """Start it again where it was killed; return how long until it says hello."""
    began_ns = read_host_ns()
    with serving(box), connected(box) as screen:
        screen.ask(calls.Hello(), replies.Welcome)
        return (read_host_ns() - began_ns) / NS_PER_S


def _contact() -> Figure:
    """Judge 16 electrodes from blocks as a board sends them; return the CPU it took."""
    facts = board(_CONTACT_BOARD)
    rng = np.random.default_rng(1)
    rows = round(facts.rate_hz * _CONTACT_S)
    samples_uv = rng.normal(0, 10, (facts.n_channels, rows)).astype(np.float32)
    trend = ContactTrend(facts)
    began_s = time.process_time()
    for first in range(0, rows, _POLL_ROWS):
        at_ns = round((first + _POLL_ROWS) / facts.rate_hz * NS_PER_S)
        trend.observe(
            EegBlock(
                connection=1,
                polled_ns=at_ns,
                wall=WallPair(at_ns, at_ns),
                counter=np.arange(first, first + _POLL_ROWS),
                stamp_s=np.zeros(_POLL_ROWS),
                samples_uv=samples_uv[:, first : first + _POLL_ROWS],
            )
        )
    percent = 100 * (time.process_time() - began_s) / _CONTACT_S
    return Figure("contact of 16 electrodes", percent, "% of a core", at_most=2.0)
