"""CPU, memory, bytes and writes of `fieldrec record`, beside LabRecorder at the same time.

Three recorders run at once, each with a box of its own: the load of the promises (8
channels at 250 Hz and 2 at 48 kHz, simulated), recorded speech instead of simulated
voices, and BrainFlow's synthetic board in its child process. What the simulated devices
cost stays in our figures, as what the senders cost stays in LabRecorder's.
"""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from recorder.clock import NS_PER_S, read_host_ns
from scripts.benchmarks.disk import bench_disk
from scripts.benchmarks.fieldrec import Recorder
from scripts.benchmarks.figures import Figure, Result
from scripts.benchmarks.house import make_boxes
from scripts.benchmarks.labrecorder import LabRecorder, Sender
from scripts.benchmarks.process_tree import Usage, usage
from scripts.benchmarks.speech import write_speech

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scripts.benchmarks.disk import BenchDisk
    from scripts.benchmarks.house import Box

_MB = 1_000_000
_PEER = "LabRecorder"
_SAMPLE_S = 5.0
_MARK_S = 1.0
_MINUTE_S = 60.0
_STORE_MB = 3000  # a session is refused where 90 minutes don't fit
_FLAT_MB = 5.0  # of the third that ends a run over the third that begins it
_FLAT_FROM_MINUTES = 10.0
_SPARE_S = 60.0  # speech for the time before and after the measured window
_PLAIN, _SPEECH, _SYNTHETIC = "simulated", "speech", "synthetic board"


@dataclass
class _Track:
    """What a recorder was seen to use, sample by sample, over the measured window."""

    samples: list[tuple[float, Usage]] = field(default_factory=list)

    def cpu_percent(self) -> float:
        """Return its CPU time as % of one core."""
        (first_s, first), (last_s, last) = self.samples[0], self.samples[-1]
        return 100 * (last.cpu_s - first.cpu_s) / (last_s - first_s)

    def peak_mb(self) -> float:
        """Return the most memory it had."""
        return max(used.memory_bytes for _, used in self.samples) / _MB

    def by_minute_mb(self) -> list[float]:
        """Return the median of every whole minute of the window."""
        minutes = int(self.samples[-1][0] / _MINUTE_S)
        return [
            median(
                used.memory_bytes / _MB
                for at_s, used in self.samples
                if _MINUTE_S * minute <= at_s < _MINUTE_S * (minute + 1)
            )
            for minute in range(minutes)
        ]

    def growth_mb(self) -> float:
        """Return the median of the last third over that of the first, without minute 1.

        A part fills and empties within a minute, and what its closing takes for a moment
        is seen or missed by chance: peaks would tell of chance.
        """
        minutes_mb = self.by_minute_mb()[1:]
        third = len(minutes_mb) // 3
        return median(minutes_mb[-third:]) - median(minutes_mb[:third])

    def summary(self) -> dict[str, object]:
        """Return what the figures leave out."""
        return {
            "cpu_percent": self.cpu_percent(),
            "memory_peak_mb": self.peak_mb(),
            "memory_by_minute_mb": self.by_minute_mb(),
        }


@dataclass(frozen=True, slots=True)
class _Outcome:
    """One recorder's figures of one run."""

    track: _Track
    bytes_per_hour: float
    amplification: float
    details: dict[str, Any]


def run(*, scratch: Path, minutes: float) -> Result:
    """Record for ``minutes`` beside LabRecorder and compare."""
    with tempfile.TemporaryDirectory(prefix="run-", dir=scratch) as name:
        ours, peer, details = _measure(Path(name).resolve(), minutes)
    lost = sum(outcome.details["lost"] for outcome in ours.values())
    figures = (
        *_cpu_figures(ours, peer),
        *_memory_figures(ours, peer, minutes),
        *_disk_figures(ours, peer),
        Figure("samples, blocks and periods lost", lost, "", at_most=0),
    )
    return Result("recording", figures, {"minutes": minutes, **details})


def _cpu_figures(
    ours: Mapping[str, _Outcome], peer: Mapping[str, _Outcome]
) -> list[Figure]:
    both = sum(outcome.track.cpu_percent() for outcome in peer.values())
    name = f"{_PEER} with senders"
    return [
        Figure(
            f"CPU, {load}",
            outcome.track.cpu_percent(),
            "% of a core",
            both,
            name,
            # The promises are about this load; the synthetic board has 16 channels and
            # a generator of its own, the speech is read from a file of 16-bit samples.
            at_most=5.0 if load == _PLAIN else None,
            below_peer=load == _PLAIN,
        )
        for load, outcome in ours.items()
    ]


def _memory_figures(
    ours: Mapping[str, _Outcome], peer: Mapping[str, _Outcome], minutes: float
) -> list[Figure]:
    figures = [
        Figure(
            f"memory, peak, {load}",
            outcome.track.peak_mb(),
            "MB",
            peer[_PEER].track.peak_mb(),
            f"{_PEER} alone",
            at_most=150.0,
        )
        for load, outcome in ours.items()
    ]
    if minutes >= _FLAT_FROM_MINUTES:
        figures += [
            Figure(
                f"memory, growth, {load}", outcome.track.growth_mb(), "MB", at_most=_FLAT_MB
            )
            for load, outcome in ours.items()
        ]
    return figures


def _disk_figures(
    ours: Mapping[str, _Outcome], peer: Mapping[str, _Outcome]
) -> list[Figure]:
    sizes = [
        Figure(
            f"size, {load}",
            outcome.bytes_per_hour / _MB,
            "MB per hour",
            peer[_PEER].bytes_per_hour / _MB,
            _PEER,
            at_most=450.0 if load == _SPEECH else None,
        )
        for load, outcome in ours.items()
    ]
    writes = [
        Figure(
            f"bytes written / sealed bytes, {load}",
            outcome.amplification,
            "",
            peer[_PEER].amplification or None,
            _PEER,
        )
        for load, outcome in ours.items()
    ]
    return [*sizes, *writes]


def _measure(
    root: Path, minutes: float
) -> tuple[dict[str, _Outcome], dict[str, _Outcome], dict[str, object]]:
    size_mb = round(_STORE_MB + 150 * minutes)
    with ExitStack() as stack:
        loads = (_PLAIN, _SPEECH, _SYNTHETIC)
        disks = {
            load: stack.enter_context(
                bench_disk(root / load.replace(" ", "-"), size_mb=size_mb)
            )
            for load in (*loads, _PEER)
        }
        boxes = make_boxes(root, [disks[load].folder / "box" for load in loads])
        source = write_speech(root / "speech.wav", seconds=60 * minutes + _SPARE_S)
        devices = {
            _PLAIN: ("simulated", "simulated"),
            _SPEECH: ("simulated", f"file:{root / 'speech.wav'}"),
            _SYNTHETIC: ("synthetic", "simulated"),
        }
        with ThreadPoolExecutor() as pool:
            list(pool.map(_rehearse, boxes))
        before = {load: disk.written_bytes() for load, disk in disks.items()}
        sender = stack.enter_context(Sender(root))
        labrecorder = stack.enter_context(
            LabRecorder(disks[_PEER].folder / "peer.xdf", sender)
        )
        peer_began_ns = read_host_ns()
        recorders = {
            load: stack.enter_context(Recorder(box, headset=headset, microphone=microphone))
            for (load, (headset, microphone)), box in zip(
                devices.items(), boxes, strict=True
            )
        }
        for recorder in recorders.values():
            recorder.wait_for_lines(2)
        pids = {load: recorder.pid for load, recorder in recorders.items()}
        pids |= {_PEER: labrecorder.pid, "senders": sender.pid}
        tracks = _watch(pids, list(recorders.values()), minutes)
        ours = {
            load: _ended(recorder, disks[load], before[load], tracks[load])
            for load, recorder in recorders.items()
        }
        peer = _peer_ended(labrecorder, disks[_PEER], before[_PEER], peer_began_ns)
        outcomes = {
            name: _Outcome(tracks[name], *(peer if name == _PEER else (0.0, 0.0)), {})
            for name in (_PEER, "senders")
        }
        how = "device of its own file system" if disks[_PLAIN].device else "process"
        details: dict[str, object] = {
            "speech_source": source,
            "writes_counted_at": how,
            **{load: {**tracks[load].summary(), **ours[load].details} for load in ours},
            **{name: outcome.track.summary() for name, outcome in outcomes.items()},
        }
        return ours, outcomes, details


def _rehearse(box: Box) -> None:
    """Let the box write its two journals, which it does once in its life."""
    with Recorder(box) as recorder:
        recorder.wait_for_lines(1)
        recorder.finish()


def _watch(
    pids: Mapping[str, int], recorders: list[Recorder], minutes: float
) -> dict[str, _Track]:
    """Sample everybody's use for ``minutes`` while a mark is set every second."""
    tracks = {name: _Track() for name in pids}
    start_ns = read_host_ns()
    next_sample_s = 0.0
    turn = 0
    while True:
        now_s = (read_host_ns() - start_ns) / NS_PER_S
        over = now_s >= 60 * minutes
        if over or now_s >= next_sample_s:
            next_sample_s += _SAMPLE_S
            for name, pid in pids.items():
                at_s = (read_host_ns() - start_ns) / NS_PER_S
                tracks[name].samples.append((at_s, usage(pid)))
        if over:
            return tracks
        for recorder in recorders:
            recorder.mark()
        turn += 1
        passed_s = (read_host_ns() - start_ns) / NS_PER_S
        time.sleep(max(0.0, min(turn * _MARK_S, 60 * minutes) - passed_s))


def _ended(
    recorder: Recorder, disk: BenchDisk, before_bytes: int | None, track: _Track
) -> _Outcome:
    newest = recorder.newest
    ended = recorder.finish()
    result = ended.result
    sealed_bytes = _size_bytes(Path(result["path"]))
    written_bytes = disk.written_bytes()
    if written_bytes is None or before_bytes is None:
        written_bytes, before_bytes = ended.written_bytes, 0
    return _Outcome(
        track,
        sealed_bytes / result["seconds"] * 3600,
        (written_bytes - before_bytes) / sealed_bytes,
        {
            "lost": result["lost_samples"] + result["xruns"] + newest["overflowed_blocks"],
            "trouble": newest["trouble"],
            "seconds": result["seconds"],
            "parts": result["parts"],
            "cpu_s_with_start_and_close": ended.cpu_s,
        },
    )


def _peer_ended(
    peer: LabRecorder, disk: BenchDisk, before_bytes: int | None, began_ns: int
) -> tuple[float, float]:
    """Return its bytes per hour and its write amplification (0 when not measured)."""
    seconds = (read_host_ns() - began_ns) / NS_PER_S
    size_bytes = peer.file.stat().st_size
    peer.finish()
    written_bytes = disk.written_bytes()
    amplification = 0.0
    if written_bytes is not None and before_bytes is not None:
        amplification = (written_bytes - before_bytes) / peer.file.stat().st_size
    return size_bytes / seconds * 3600, amplification


def _size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
