"""``kill -9`` at any moment loses nothing that was shown as saved, and no mark."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from recorder.clock import NS_PER_S
from tests.recorder_process import Promise, RecorderProcess
from tests.reopened import make_ready_house, reopen, session_folders, start_again

if TYPE_CHECKING:
    from pathlib import Path

N_BOXES = 5
KILLS_OF_EACH = 5
# Samples are stamped when they are taken and saved when they have arrived.
TRANSPORT_NS = 100_000_000


@dataclass(frozen=True, slots=True)
class Killed:
    """A session that was killed: its folder if it has one, and what it had promised."""

    session: Path | None
    promise: Promise
    killed_ns: int


def kill_again_and_again(box: Path, client: str, seed: int) -> list[Killed]:
    """Record on one box and kill it, several times; the first kill hits the start."""
    chance = random.Random(seed)
    killed = []
    for turn in range(KILLS_OF_EACH):
        before = set(session_folders(box))
        with RecorderProcess(box, client) as recorder:
            if turn == 0:
                time.sleep(chance.uniform(0.2, 2.5))
            else:
                recorder.wait_for_lines(1)
                for _ in range(chance.randint(1, 5)):
                    recorder.press("2")
                    time.sleep(chance.uniform(0.05, 1.0))
            killed_ns = recorder.kill()
            new = set(session_folders(box)) - before
            assert len(new) <= 1
            session = new.pop() if new else None
            killed.append(Killed(session, recorder.promise(), killed_ns))
    return killed


@pytest.mark.timeout(300)
def test_kills_lose_nothing_that_was_shown_as_saved(tmp_path: Path) -> None:
    boxes = [tmp_path / f"box{number}" for number in range(N_BOXES)]
    house, codes = make_ready_house(tmp_path, boxes)
    with ThreadPoolExecutor(N_BOXES) as pool:
        turns = list(pool.map(kill_again_and_again, boxes, codes, range(N_BOXES)))
    for box in boxes:
        start_again(box)
        assert not start_again(box).crashed
    n_opened, lost_s = 0, []
    for killed in (each for turn in turns for each in turn):
        if killed.session is None:
            assert killed.promise == Promise()
            continue
        opened = reopen(killed.session, house, tmp_path / "out")
        assert opened.integrity["signed"]
        assert not opened.integrity["clean"]
        if killed.promise == Promise():
            continue
        assert opened.exit_code == 0, opened.integrity["problems"]
        assert opened.eeg_end_ns >= killed.promise.saved_host_ns - TRANSPORT_NS
        assert opened.audio_end_ns >= killed.promise.saved_host_ns - TRANSPORT_NS
        assert opened.marks[: killed.promise.marks] == tuple(
            range(1, killed.promise.marks + 1)
        )
        assert np.all(np.diff(opened.eeg_stamps_s) < 0.5)
        n_opened += 1
        if not killed.promise.slow:
            lost_s.append((killed.killed_ns - opened.eeg_end_ns) / NS_PER_S)
    assert n_opened >= 20 - N_BOXES
    assert not lost_s or np.median(lost_s) < 1.0
