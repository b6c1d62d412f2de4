"""The benchmarks run with real peers, and write each figure down beside its promise.

What they measure in a few seconds on a busy machine is nobody's business: the promises
are judged by ``scripts/bench`` itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.benchmarks.clock import report_lines
from scripts.benchmarks.disk import can_mount
from scripts.benchmarks.figures import Figure, Result

ROOT = Path(__file__).parents[1]


def bench(*words: str, out: Path) -> dict[str, float]:
    """Run some benchmarks; return what they wrote about the last of them."""
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.benchmarks", *words, "--out", str(out)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    try:
        _, errors = process.communicate()
    finally:
        # Cut off by its time limit, its recorders would go on for ever.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode in (0, 1), errors
    assert "Traceback" not in errors, errors
    content = json.loads((out / f"{words[0]}.json").read_text())
    assert content["machine"]["cores"]
    assert [path.name for path in out.iterdir() if path.is_dir()] == []
    return {figure["name"]: figure["ours"] for figure in content["figures"]}


def test_sealing_is_measured_beside_age(tmp_path: Path) -> None:
    figures = bench("sealing", "--mebibytes", "1", out=tmp_path)
    assert figures["sealing, X25519"] > 0
    assert figures["sealing, post-quantum"] > 0


def test_ticks_are_measured_beside_bare_writes(tmp_path: Path) -> None:
    figures = bench("journal", "--ticks", "20", out=tmp_path)
    assert figures["ticks"] > 0
    assert figures["tick, p50"] <= figures["tick, p99"]


@pytest.mark.timeout(300)
def test_sending_is_measured_beside_sftp(tmp_path: Path) -> None:
    figures = bench("upload", "--mebibytes", "1", out=tmp_path)
    assert figures["upload, no delay"] > 0
    assert figures["upload, 100 ms round trip"] > 0
    assert figures["bytes sent / size, cut every 3 MB"] > 1


@pytest.mark.timeout(300)
def test_a_recorder_is_killed_beside_labrecorder(tmp_path: Path) -> None:
    figures = bench("kills", "--kills", "1", out=tmp_path)
    assert figures["marks lost although acknowledged"] == 0


@pytest.mark.timeout(300)
def test_a_recording_is_measured_beside_labrecorder(tmp_path: Path) -> None:
    figures = bench("recording", "--minutes", "0.1", out=tmp_path)
    assert figures["CPU, simulated"] > 0
    assert figures["memory, peak, synthetic board"] > 10
    assert figures["size, speech"] > 50
    # Only on a disk of its own can be told what was written to it.
    assert (figures["bytes written / sealed bytes, simulated"] > 0) is can_mount()


@pytest.mark.timeout(300)
def test_keys_are_measured_beside_a_bare_reader(tmp_path: Path) -> None:
    figures = bench("screen", "--minutes", "0.1", out=tmp_path)
    assert figures["key to screen, p95"] > 0
    assert figures["a mark's stamp after its key, worst"] > 0
    assert figures["memory, screen and service, peak"] > 10


def test_clocks_are_measured_beside_pyxdf_with_their_seeds() -> None:
    command = ("--minutes", "4", "--sessions", "1", "--calibrations", "1", "--json")
    done = subprocess.run(
        [sys.executable, "-m", "scripts.bench_clock", *command, "--profile", "muse_8.75"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    lines = report_lines(json.loads(done.stdout))
    assert lines[0] == "muse_8.75: seeds [8300], calibrated on [7900]"
    assert [line.split()[0] for line in lines[1:5]] == ["live", "offline", "raw", "pyxdf"]


def test_an_unknown_benchmark_is_a_usage_error() -> None:
    command = [sys.executable, "-m", "scripts.benchmarks", "speed"]
    assert (
        subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 2
    )


@pytest.mark.parametrize(
    ("figure", "missed"),
    [
        (Figure("no promise", 9.0, "s"), False),
        (Figure("at the limit", 1.0, "s", at_most=1.0), False),
        (Figure("beyond the limit", 1.01, "s", at_most=1.0), True),
        (Figure("too slow", 3.9, "per s", at_least=4.0), True),
        (Figure("as much as the peer", 2.0, "%", 2.0, below_peer=True), True),
        (Figure("less than the peer", 1.9, "%", 2.0, below_peer=True), False),
        (Figure("just as fast", 0.9, "MB/s", 1.0, least_of_peer=0.9), False),
        (Figure("slower than the peer", 0.89, "MB/s", 1.0, least_of_peer=0.9), True),
    ],
    ids=lambda value: value.name if isinstance(value, Figure) else "",
)
def test_a_promise_is_missed_where_its_limit_is_passed(
    figure: Figure, tmp_path: Path, *, missed: bool
) -> None:
    assert figure.missed is missed
    assert Result("some", (figure,)).report(tmp_path) is not missed


@pytest.mark.timeout(300)
def test_the_service_is_measured_beside_the_command(tmp_path: Path) -> None:
    figures = bench("service", "--minutes", "0.1", out=tmp_path)
    assert figures["CPU, service"] > 0
    assert figures["a mark until it is saved, p50"] > 0
    assert figures["killed, until it answers again"] > 0
