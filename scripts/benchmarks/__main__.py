"""Measures what Fieldrec promises, each figure beside a peer in the same run.

Usage: scripts/bench [NAME ...] [options]     recording, service, kills, powercuts ...
Without words every benchmark runs in its quick form. Figures go to bench/*.json too; the
exit code is 1 where a promise is missed.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.benchmarks import (
    clock,
    dataset,
    deidentify,
    journal,
    kills,
    powercuts,
    recording,
    review,
    screen,
    sealing,
    service,
    upload,
)
from scripts.benchmarks.disk import enter_own_mounts

if TYPE_CHECKING:
    from collections.abc import Callable

    from scripts.benchmarks.figures import Result

_NAMES = (
    *("sealing", "journal", "upload", "kills", "powercuts", "recording", "service"),
    *("screen", "clock", "dataset", "deidentify", "review"),
)


def main() -> int:
    """Run what was asked for; return the exit code."""
    options = _options()
    enter_own_mounts([sys.executable, "-m", "scripts.benchmarks", *sys.argv[1:]])
    names = options.benchmarks or _NAMES
    options.out.mkdir(parents=True, exist_ok=True)
    # It complains about files that were cut off, and about files with one clock only.
    logging.getLogger("pyxdf").setLevel(logging.CRITICAL)
    kept = [_run(name, options) for name in names]
    if not all(kept):
        missed = [name for name, fine in zip(names, kept, strict=True) if not fine]
        print(f"\npromises missed: {', '.join(missed)}", file=sys.stderr)
        return 1
    return 0


def _run(name: str, options: argparse.Namespace) -> bool:
    benchmarks: dict[str, Callable[[], Result | None]] = {
        "clock": lambda: clock.run(sessions=options.sessions),
        "sealing": lambda: sealing.run(
            scratch=options.out, mebibytes=options.mebibytes or 256, rounds=5
        ),
        "journal": lambda: journal.run(scratch=options.out, ticks=options.ticks),
        "upload": lambda: upload.run(
            scratch=options.out, mebibytes=options.mebibytes or 128, rounds=3
        ),
        "kills": lambda: kills.run(scratch=options.out, kills=options.kills),
        "powercuts": lambda: powercuts.run(scratch=options.out, cuts=options.cuts),
        "dataset": lambda: dataset.run(scratch=options.out, minutes=options.length),
        "service": lambda: service.run(scratch=options.out, minutes=options.minutes),
        "deidentify": deidentify.run,
        "review": review.run,
        "screen": lambda: screen.run(scratch=options.out, minutes=options.minutes),
        "recording": lambda: recording.run(scratch=options.out, minutes=options.minutes),
    }
    result = benchmarks[name]()
    return result is None or result.report(options.out)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "benchmarks",
        nargs="*",
        metavar="BENCHMARK",
        help=f"{', '.join(_NAMES)}; default: all",
    )
    parser.add_argument(
        "--minutes", type=float, default=2.0, help="recording, service: how long"
    )
    parser.add_argument("--length", type=float, default=30.0, help="dataset: minutes")
    parser.add_argument("--kills", type=int, default=10, help="kills: how many")
    parser.add_argument("--cuts", type=int, default=2, help="powercuts: how many")
    parser.add_argument("--sessions", type=int, default=1, help="clock: of each headset")
    parser.add_argument("--ticks", type=int, default=500, help="journal: how many")
    parser.add_argument("--mebibytes", type=int, help="sealing, upload: file size")
    parser.add_argument(
        "--out", type=Path, default=Path("bench"), help="folder of the JSON"
    )
    options = parser.parse_args()
    unknown = set(options.benchmarks) - set(_NAMES)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(_NAMES)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
