"""Measure how far EEG stamps stray from audio, for each headset on its link.

Sessions of 90 minutes with known truth (tests/transport_simulation.py), on seeds that
nothing was tuned on. One constant per profile and method is taken from calibration
sessions, as a technician would; the rest is error. Compared are our live stamps, our
offline fit, raw arrival, and pyxdf's default dejitter of the arrivals.

Called by ``scripts/bench clock``. Exits 1 where a promised figure is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import tracemalloc
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from pyxdf.pyxdf import _jitter_removal

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lab.audio_fit import AudioRows, fit_audio  # noqa: E402 - the path is set above
from lab.offline_fit import EegFit, HostRows, PacketRows, fit_eeg  # noqa: E402 - as above
from scripts.benchmarks.clock import report_lines  # noqa: E402 - as above
from tests.live_replay import replay  # noqa: E402 - as above
from tests.sound_card_simulation import AUDIO_RATE_HZ, simulate_audio  # noqa: E402 - as above
from tests.transport_simulation import (  # noqa: E402 - as above
    HOST_START_S,
    PROFILES,
    Profile,
    WallClock,
    simulate_eeg,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

TARGET_RMS_MS = {
    "pieeg_drdy": 0.01,
    "cyton_ftdi1": 0.05,
    "cyton_ftdi16": 0.05,
    "muse_8.75": 0.05,
    "muse_15_30": 0.15,
    "muse_badlink": 0.7,
    "ganglion_8.75": 0.1,
    "ganglion_10": 1.5,
}
P99_TO_RMS = 3.0
LEAST_COVERAGE = 0.95
MOST_CPU_S = 5.0
MOST_BYTES = 500e6
CYTON_RATE_HZ = 250.33
LIVE_S = 1200.0  # live stamps are judged on the first 20 minutes, the start included
METHODS = ("live", "offline", "raw", "pyxdf")
FIRST_TEST_SEED, FIRST_CALIBRATION_SEED = 8300, 7900
MOST_REFUSED = 20
CYTON_FILE = ROOT.parent / "shared" / "data" / "eeg" / "cyton-blinks-jaw-alpha.csv"


@dataclass(frozen=True, slots=True)
class Session:
    """Errors of one session by method (ms), and what the offline fit cost and claimed."""

    errors_ms: dict[str, Floats]
    claimed_ms: float
    cpu_s: float
    observed: bool
    n_unsure: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Of all test sessions together, in ms."""

    rms: float
    p99: float
    max: float


def main() -> int:
    """Run the bench; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=90.0)
    parser.add_argument("--sessions", type=int, default=3)
    parser.add_argument("--calibrations", type=int, default=2)
    parser.add_argument("--profile", action="append", choices=sorted(PROFILES))
    parser.add_argument("--first-seed", type=int, default=FIRST_TEST_SEED)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    report: dict[str, Any] = {"minutes": options.minutes, "profiles": {}}
    missed: list[str] = []
    covered: list[bool] = []
    for name in options.profile or TARGET_RMS_MS:
        report["profiles"][name] = _run_profile(PROFILES[name], options, missed, covered)
    report["coverage"] = sum(covered) / len(covered)
    if report["coverage"] < LEAST_COVERAGE:
        missed.append(f"coverage {report['coverage']:.2f}, promised {LEAST_COVERAGE}")
    report["cyton_recording"] = _real_cyton(missed)
    report["missed"] = missed
    print(json.dumps(report) if options.json else "\n".join(report_lines(report)))
    return 1 if missed else 0


def _run_profile(
    profile: Profile, options: argparse.Namespace, missed: list[str], covered: list[bool]
) -> dict[str, Any]:
    duration_s = options.minutes * 60
    seeds = [options.first_seed + n for n in range(options.sessions)]
    calibrations = _calibrate(profile, duration_s, options.calibrations)
    sessions = [_run_session(profile, duration_s, seed) for seed in seeds]
    constant = {
        method: float(
            np.mean([np.mean(one.errors_ms[method]) for one in calibrations.values()])
        )
        for method in METHODS
    }
    figures = {method: _figures(sessions, method, constant[method]) for method in METHODS}
    for session in sessions:
        rms_ms = _rms(session.errors_ms["offline"] - constant["offline"])
        covered.append(rms_ms <= session.claimed_ms)
    cpu_s = max(session.cpu_s for session in sessions)
    peak_bytes = _peak_bytes(profile, duration_s, seeds[0])
    target = TARGET_RMS_MS[profile.name]
    ours = figures["offline"]
    limits = {
        "RMS (ms)": (ours.rms, target),
        "p99 (ms)": (ours.p99, target * P99_TO_RMS),
        "fit (CPU s)": (cpu_s, MOST_CPU_S),
        "fit (bytes)": (peak_bytes, MOST_BYTES),
    }
    missed.extend(
        f"{profile.name}: {what} {value:.4g}, promised {limit:.4g}"
        for what, (value, limit) in limits.items()
        if value > limit
    )
    return {
        "seeds": seeds,
        "calibration_seeds": list(calibrations),
        "constant_ms": constant,
        "methods": {method: asdict(figure) for method, figure in figures.items()},
        "target_rms_ms": target,
        "claimed_ms": [session.claimed_ms for session in sessions],
        "fit_cpu_s": cpu_s,
        "fit_peak_bytes": peak_bytes,
        "packets_the_fit_calls_unsure": sum(session.n_unsure for session in sessions),
    }


def _calibrate(profile: Profile, duration_s: float, n: int) -> dict[int, Session]:
    """Return ``n`` calibration sessions by seed.

    As a technician must, it refuses a session whose comb was not seen and makes another.
    """
    accepted: dict[int, Session] = {}
    for seed in range(FIRST_CALIBRATION_SEED, FIRST_CALIBRATION_SEED + n + MOST_REFUSED):
        session = _run_session(profile, duration_s, seed)
        if session.observed:
            accepted[seed] = session
        if len(accepted) == n:
            return accepted
    raise SystemExit(f"{profile.name}: too few sessions can calibrate; make them longer")


def _run_session(profile: Profile, duration_s: float, seed: int) -> Session:
    rng = np.random.default_rng([seed, 3])
    steps = [
        (
            float(rng.uniform(0.1, 0.9)) * duration_s,
            float(rng.choice([37.2, -4, -0.8, 0.35])),
        )
        for _ in range(2)
    ]
    wall = WallClock(rng, tuple(steps))
    seen = simulate_eeg(profile, duration_s, seed, wall)
    host_s = HOST_START_S + np.arange(0.0, duration_s + 2)
    host = HostRows(host_s, wall.at(host_s))
    packets = PacketRows(
        seen.arrival_s, seen.counter, seen.stamp_s, seen.polled_s, seen.connection
    )
    began = time.process_time()
    fit = fit_eeg(packets, host, profile.facts, link=profile.link)
    cpu_s = time.process_time() - began
    audio_s = _audio_error_s(duration_s, seed, seen.true_end_s)
    sure = np.isfinite(audio_s) & ~_unsure(fit)
    truth_s = seen.true_end_s + audio_s
    begin = seen.first(LIVE_S)
    live_s = replay(begin, profile, wall).packet_s
    stamps = {
        "live": live_s,
        "offline": fit.packet_fit_s,
        "raw": seen.arrival_s,
        "pyxdf": _pyxdf_s(seen.arrival_s, profile),
    }
    return Session(
        errors_ms={
            method: ((stamp - truth_s[: len(stamp)]) * 1e3)[sure[: len(stamp)]]
            for method, stamp in stamps.items()
        },
        claimed_ms=fit.uncertainty_ms or 0.0,
        cpu_s=cpu_s,
        observed=fit.comb is None or fit.comb.observed,
        n_unsure=int(np.sum(_unsure(fit))),
    )


def _peak_bytes(profile: Profile, duration_s: float, seed: int) -> int:
    """Return the most memory that a session's fit holds at once."""
    wall = WallClock(np.random.default_rng(seed), ())
    seen = simulate_eeg(profile, duration_s, seed, wall)
    packets = PacketRows(
        seen.arrival_s, seen.counter, seen.stamp_s, seen.polled_s, seen.connection
    )
    host_s = HOST_START_S + np.arange(0.0, duration_s + 2)
    tracemalloc.start()
    fit_eeg(packets, HostRows(host_s, wall.at(host_s)), profile.facts, link=profile.link)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak_bytes


def _audio_error_s(duration_s: float, seed: int, at_s: Floats) -> Floats:
    """Return by how much fitted audio strays at true times; NaN where none was heard."""
    seen = simulate_audio(duration_s, seed, xruns=2)
    fit = fit_audio(
        AudioRows(seen.frame, seen.host_s, seen.xrun, seen.segment), AUDIO_RATE_HZ
    )
    frame = seen.frame_at(at_s)
    error = np.full(at_s.shape[0], np.nan)
    heard = np.isfinite(frame)
    error[heard] = fit.to_host_s(frame[heard]) - at_s[heard]
    return error


def _unsure(fit: EegFit) -> NDArray[np.bool_]:
    unsure = np.zeros(fit.packet_fit_s.shape[0], np.bool_)
    for start_s, end_s in fit.unsure_s:
        unsure |= (fit.packet_fit_s >= start_s) & (fit.packet_fit_s <= end_s)
    return unsure


def _pyxdf_s(arrival_s: Floats, profile: Profile) -> Floats:
    """Return what pyxdf's defaults make of rows stamped at their packet's arrival."""
    size, rate_hz = profile.facts.counter.rows_per_packet, profile.facts.rate_hz
    back_s = np.arange(size - 1, -1, -1) / rate_hz
    stream = SimpleNamespace(
        time_stamps=(arrival_s[:, None] - back_s[None, :]).ravel(),
        srate=rate_hz,
        tdiff=1 / rate_hz,
        effective_srate=0.0,
        segments=[],
    )
    _jitter_removal({1: stream})
    return np.asarray(stream.time_stamps[size - 1 :: size])


def _figures(sessions: list[Session], method: str, constant_ms: float) -> Figures:
    error = np.concatenate([one.errors_ms[method] for one in sessions]) - constant_ms
    size = np.abs(error)
    return Figures(_rms(error), float(np.quantile(size, 0.99)), float(np.max(size)))


def _rms(error: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(error))))


def _real_cyton(missed: list[str]) -> dict[str, Any] | str:
    """Fit real arrival times, which come in steps of 1 ms."""
    if not CYTON_FILE.is_file():
        return "needs ../shared/data"
    columns = np.loadtxt(CYTON_FILE)
    counter, wall_s = columns[:, 0].astype(np.int64), columns[:, 22]
    host_s = wall_s - wall_s[0] + 10
    connection = np.ones(counter.shape[0], np.int64)
    packets = PacketRows(host_s, counter, wall_s, host_s, connection)
    host = HostRows(host_s[[0, -1]], wall_s[[0, -1]])
    fit = fit_eeg(packets, host, PROFILES["cyton_ftdi1"].facts, link="serial")
    rate_hz = fit.rate_hz or 0.0
    tolerance_hz = 0.05
    if abs(rate_hz - CYTON_RATE_HZ) > tolerance_hz:
        missed.append(f"real Cyton: {rate_hz:.3f} Hz, measured {CYTON_RATE_HZ}")
    return {
        "rate_hz": rate_hz,
        "residual_floor_ms": fit.residual_ms,
        "fit_disagreement_ms": fit.disagreement_ms,
        "lost_exact": fit.lost_exact,
    }


if __name__ == "__main__":
    sys.exit(main())
