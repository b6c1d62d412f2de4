"""A session lies open in private; what a killed run left goes, what is in use stays."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from lab.transcripts.scratch import scratch_folder, sweep

if TYPE_CHECKING:
    from pathlib import Path


def test_a_sweep_at_any_moment_takes_nothing_from_a_run(tmp_path: Path) -> None:
    over = threading.Event()
    faults: list[OSError] = []

    def sweep_on() -> None:
        try:
            while not over.is_set():
                sweep(tmp_path)
        except OSError as error:
            faults.append(error)

    sweeping = threading.Thread(target=sweep_on)
    sweeping.start()
    try:
        for _ in range(60):
            with scratch_folder(tmp_path) as scratch:
                (scratch / "opened").touch()
                assert (scratch / "opened").exists()
    finally:
        over.set()
        sweeping.join()
    assert not faults
    assert not list(tmp_path.iterdir())
