"""What one session costs the lab: opened, exported and reported on, in time and memory.

Sessions of 8 channels and stereo sound are recorded by the real store on a virtual clock.
The work is done by the lab's own commands, as processes of their own. The promise is for 90
minutes (`--length 90`); shorter sessions are held to the same pace.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recorder.simulation import SimulationOptions
from scripts.benchmarks.figures import Figure, Result
from scripts.benchmarks.house import program
from tests.compressed import Who, recording
from tests.dataset_world import World, make_world

if TYPE_CHECKING:
    from uuid import UUID

_PROMISED_MIN = 90
_PROMISED_S = 90
_PROMISED_MB = 1500
_SIMULATION = SimulationOptions(
    drift_ppm=2000, warmup_ppm=300, jitter_ms=3, loss=0.001, seed=3
)


@dataclass(frozen=True, slots=True)
class _Cost:
    seconds: float
    cpu_s: float
    peak_mb: float


def run(*, scratch: Path, minutes: float) -> Result:
    """Measure one session, a third of it, and two at once."""
    with tempfile.TemporaryDirectory(prefix="dataset-", dir=scratch) as name:
        root = Path(name)
        world, codes = make_world(root / "w", n_boxes=1, n_clients=3)
        whole = _record(world, codes[0], minutes)
        third = _record(world, codes[1], minutes / 3)
        world.pull()
        costs = {step: _do(world, whole, step, root) for step in ("open", "bids", "report")}
        short = sum(_do(world, third, step, root).cpu_s for step in costs)
        twin = _record(world, codes[2], minutes)
        world.pull()
        loops_before = _loops_faster_by()
        one = _export(world, (whole, twin), root / "one", jobs=1)
        two = _export(world, (whole, twin), root / "two", jobs=2)
        loops = (loops_before + _loops_faster_by()) / 2
    total_s = sum(cost.seconds for cost in costs.values())
    total_cpu_s = sum(cost.cpu_s for cost in costs.values())
    share = minutes / _PROMISED_MIN
    # What a short one spends on loading programs is no matter of its length.
    promised_s = _PROMISED_S * share + 10 * max(0.0, 1 - share)
    return Result(
        "dataset",
        (
            *(
                Figure(f"{step}, {minutes:g} min", c.seconds, "s")
                for step, c in costs.items()
            ),
            Figure("open + bids + report", total_s, "s", at_most=promised_s),
            Figure(
                "memory, peak of the three",
                max(cost.peak_mb for cost in costs.values()),
                "MB",
                at_most=_PROMISED_MB,
            ),
            Figure("CPU by session-hour", total_cpu_s / (minutes / 60), "CPU-s"),
            Figure(
                "CPU of the whole by that of a third",
                total_cpu_s / short,
                "times",
                at_most=3.3,
            ),
            Figure("two sessions, two workers", two, "s", one, "one worker"),
            # 1.7 of 2: others may use the machine, which two busy loops then feel, too.
            Figure(
                "two workers are faster by",
                one / two,
                "times",
                loops,
                "two busy loops",
                least_of_peer=0.85,
            ),
        ),
        {"minutes": minutes, "cores": os.cpu_count()},
    )


def _record(world: World, client: str, minutes: float) -> UUID:
    with recording(
        world.box(1), Who(client), simulation=_SIMULATION, part_length_s=60
    ) as session:
        for _ in range(max(1, round(minutes))):
            session.go(60 * minutes / max(1, round(minutes)))
            session.mark("insight")
    return session.session


def _do(world: World, session: UUID, step: str, root: Path) -> _Cost:
    out = root / f"{step}-{session}"
    words = [step, str(session), "--lab", str(world.lab.root), "--out", str(out)]
    if step == "bids":
        words.append("--simulated")
    return _measured([str(program("fieldrec-lab")), *words])


def _export(world: World, sessions: tuple[UUID, ...], out: Path, *, jobs: int) -> float:
    words = ["bids", *map(str, sessions), "--lab", str(world.lab.root), "--simulated"]
    words += ["--out", str(out), "--jobs", str(jobs)]
    return _measured([str(program("fieldrec-lab")), *words]).seconds


def _loops_faster_by() -> float:
    """Return by how much two loops at once are done before one after the other."""
    command = [sys.executable, "-c", "x = 0\nfor n in range(60_000_000): x += n"]
    began_s = time.perf_counter()
    for _ in range(2):
        subprocess.run(command, check=True)
    between_s = time.perf_counter()
    both = [subprocess.Popen(command) for _ in range(2)]
    for process in both:
        process.wait()
    return (between_s - began_s) / (time.perf_counter() - between_s)


def _measured(command: list[str]) -> _Cost:
    began_s = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[1]} ended with {process.returncode}")
    seconds = time.perf_counter() - began_s
    # ru_maxrss of Linux is in KiB, ours before the program was replaced not counted.
    return _Cost(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6)
