"""EEG-audio alignment of simulated sessions whose truth is known, beside pyxdf.

The measuring itself stands in ``scripts/bench_clock.py``, a program of its own with more
options; here its report becomes figures.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from scripts.benchmarks.figures import Figure, Result

_COMMAND = (sys.executable, "-m", "scripts.bench_clock", "--json")


def run(*, sessions: int) -> Result:
    """Simulate ``sessions`` of 90 minutes for each headset, and one to calibrate it."""
    print("\nclock: simulating, some minutes", flush=True)
    counts = ("--sessions", str(sessions), "--calibrations", "1")
    done = subprocess.run(
        (*_COMMAND, *counts), check=False, stdout=subprocess.PIPE, text=True
    )
    if done.returncode not in (0, 1):  # what it said stands on stderr
        raise RuntimeError(f"scripts.bench_clock ended with {done.returncode}")
    report: dict[str, Any] = json.loads(done.stdout)
    print("\n".join(report_lines(report)), flush=True)
    figures = tuple(
        Figure(
            f"offline fit, RMS, {name}",
            profile["methods"]["offline"]["rms"],
            "ms",
            profile["methods"]["pyxdf"]["rms"],
            "pyxdf",
            at_most=profile["target_rms_ms"],
        )
        for name, profile in report["profiles"].items()
    )
    missed = Figure("promises of the fit missed", len(report["missed"]), "", at_most=0)
    return Result("clock", (*figures, missed), report)


def report_lines(report: dict[str, Any]) -> list[str]:
    """Return the whole report as text: each headset's errors, claims and costs."""
    lines: list[str] = []
    for name, profile in report["profiles"].items():
        lines += _profile_lines(name, profile)
    cyton = report["cyton_recording"]
    if not isinstance(cyton, str):
        rate_hz, floor_ms = cyton["rate_hz"], cyton["residual_floor_ms"]
        cyton = f"{rate_hz:.2f} Hz, residual floor {floor_ms:.2f} ms"
    lines.append(f"real Cyton arrivals: {cyton}")
    lines.append(f"claims that cover the true error: {report['coverage']:.1%} of sessions")
    return [*lines, *(f"MISSED {each}" for each in report["missed"])]


def _profile_lines(name: str, profile: dict[str, Any]) -> list[str]:
    seeds, calibrated = profile["seeds"], profile["calibration_seeds"]
    claimed_ms = ", ".join(f"{each:.2f}" for each in profile["claimed_ms"])
    lines = [f"{name}: seeds {seeds}, calibrated on {calibrated}"]
    lines += (
        f"  {method:8} RMS {figure['rms']:10.4f}  p99 {figure['p99']:10.4f}"
        f"  max {figure['max']:10.3f} ms"
        for method, figure in profile["methods"].items()
    )
    lines.append(
        f"  claimed {claimed_ms} ms; fit {profile['fit_cpu_s']:.1f} CPU s,"
        f" {profile['fit_peak_bytes'] / 1e6:.0f} MB;"
        f" {profile['packets_the_fit_calls_unsure']} packets unsure"
    )
    return lines
