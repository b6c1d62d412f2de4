"""Seconds lost when a recorder is killed with SIGKILL at a random moment."""

from __future__ import annotations

import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import pylsl

from recorder.clock import NS_PER_S
from scripts.benchmarks.fieldrec import Recorder
from scripts.benchmarks.figures import Figure, Result
from scripts.benchmarks.house import make_boxes, open_session
from scripts.benchmarks.labrecorder import LabRecorder, Sender, last_stamps_s
from scripts.benchmarks.lsl_sender import AUDIO, EEG

if TYPE_CHECKING:
    from scripts.benchmarks.house import Box

# Samples are stamped when they were taken and saved when they have arrived: the
# simulated link takes up to this long.
TRANSPORT_S = 0.15
_PEER = "LabRecorder"


@dataclass(frozen=True, slots=True)
class Killed:
    """One killed recording: what it had promised when."""

    session: Path
    at_ns: int
    saved_ns: int
    marks: int


@dataclass(frozen=True, slots=True)
class Loss:
    """What the lab could not open of it, in seconds; marks are a count."""

    eeg_s: float
    audio_s: float
    shown_s: float  # age of "saved up to" at the kill
    marks: int
    problems: int

    @property
    def worst_s(self) -> float:
        """The worse of both streams."""
        return max(self.eeg_s, self.audio_s)

    @property
    def beyond_shown_s(self) -> float:
        """What was lost although it had been shown as saved."""
        return self.worst_s - self.shown_s


def run(*, scratch: Path, kills: int) -> Result:
    """Kill ours ``kills`` times and LabRecorder half as often, in turns."""
    chance = random.Random()  # noqa: S311 - moments, not secrets
    with tempfile.TemporaryDirectory(prefix="run-", dir=scratch) as name:
        root = Path(name).resolve()
        (box,) = make_boxes(root, [root / "box"])
        killed: list[Killed] = []
        peers_s: list[float] = []
        with Sender(root) as sender:
            for turn in range(kills):
                killed.append(_kill_ours(box, chance))
                if turn % 2 == 0:
                    file = root / f"peer{turn}.xdf"
                    peers_s.append(_kill_peer(file, sender, chance))
        _sign(box)
        losses = [loss_of(each, root) for each in killed]
    return Result("kills", _figures(losses, peers_s), _details(losses, peers_s))


def loss_of(killed: Killed, root: Path) -> Loss:
    """Open a killed session at the lab and compare."""
    opened = open_session(killed.session, root)
    return Loss(
        eeg_s=(killed.at_ns - opened.eeg_end_ns) / NS_PER_S,
        audio_s=(killed.at_ns - opened.audio_end_ns) / NS_PER_S,
        shown_s=(killed.at_ns - killed.saved_ns) / NS_PER_S,
        marks=max(0, killed.marks - opened.marks),
        problems=len(opened.integrity["problems"]),
    )


def _figures(losses: list[Loss], peers_s: list[float]) -> tuple[Figure, ...]:
    worst_s = [loss.worst_s for loss in losses]
    return (
        Figure("seconds lost, median", median(worst_s), "s", median(peers_s), _PEER),
        Figure("seconds lost, worst", max(worst_s), "s", max(peers_s), _PEER, at_most=1.0),
        Figure(
            "seconds lost although shown as saved, worst",
            max(loss.beyond_shown_s for loss in losses),
            "s",
            at_most=TRANSPORT_S,
        ),
        Figure(
            "marks lost although acknowledged", sum(m.marks for m in losses), "", at_most=0
        ),
    )


def _details(losses: list[Loss], peers_s: list[float]) -> dict[str, object]:
    return {
        "kills": len(losses),
        "eeg_s": [loss.eeg_s for loss in losses],
        "audio_s": [loss.audio_s for loss in losses],
        "shown_s": [loss.shown_s for loss in losses],
        "problems": [loss.problems for loss in losses],
        "peer_s": peers_s,
    }


def _kill_ours(box: Box, chance: random.Random) -> Killed:
    before = box.sessions()
    with Recorder(box) as recorder:
        recorder.wait_for_lines(1)
        for _ in range(chance.randint(1, 5)):
            recorder.mark()
            time.sleep(chance.uniform(0.2, 1.2))
        at_ns = recorder.kill()
        saved_ns, marks = recorder.promise()
    (session,) = box.sessions() - before
    return Killed(session, at_ns, saved_ns, marks)


def _kill_peer(file: Path, sender: Sender, chance: random.Random) -> float:
    """Return the seconds LabRecorder lost of the worse of its two streams."""
    with LabRecorder(file, sender) as peer:
        began_s = float(pylsl.local_clock())
        time.sleep(chance.uniform(3, 6))
        at_s = peer.kill()
    stamps_s = last_stamps_s(file)
    return max(at_s - stamps_s.get(name, began_s) for name in (EEG, AUDIO))


def _sign(box: Box) -> None:
    """Start the box once more: its start signs what the last kill left."""
    with Recorder(box) as recorder:
        recorder.wait_for_lines(1)
        recorder.finish()
