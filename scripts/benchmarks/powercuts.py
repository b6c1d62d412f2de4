"""Seconds lost when the plug is pulled: both recorders on real ext4 in loop images.

The image is copied beneath the page cache while the recorder is stopped, so the copy
holds what the medium would hold; then it is mounted and opened. Needs root.
"""

from __future__ import annotations

import random
import subprocess
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pylsl

from scripts.benchmarks.disk import bench_disk, can_mount, mounted
from scripts.benchmarks.fieldrec import Recorder
from scripts.benchmarks.figures import Figure, Result
from scripts.benchmarks.house import make_boxes
from scripts.benchmarks.kills import TRANSPORT_S, Killed, Loss, loss_of
from scripts.benchmarks.labrecorder import LabRecorder, Sender, last_stamps_s
from scripts.benchmarks.lsl_sender import AUDIO, EEG

_PEER = "LabRecorder"
_AFTER_S = (20.0, 80.0)  # longer than the kernel keeps written pages to itself
_SIZE_MB = 3000  # a session is refused where 90 minutes don't fit


@dataclass(frozen=True, slots=True)
class _Cut:
    ours: Loss
    peer_s: float


def run(*, scratch: Path, cuts: int) -> Result | None:
    """Pull the plug ``cuts`` times; None without the right to mount images."""
    if not can_mount():
        print("\npowercuts: skipped, needs root to mount images")
        return None
    chance = random.Random()  # noqa: S311 - moments, not secrets
    done = [_cut(scratch, chance.uniform(*_AFTER_S)) for _ in range(cuts)]
    ours_s = [cut.ours.worst_s for cut in done]
    peers_s = [cut.peer_s for cut in done]
    beyond_s = max(cut.ours.beyond_shown_s for cut in done)
    marks = sum(cut.ours.marks for cut in done)
    figures = (
        Figure("seconds lost, median", median(ours_s), "s", median(peers_s), _PEER),
        Figure("seconds lost, worst", max(ours_s), "s", max(peers_s), _PEER, at_most=1.0),
        Figure(
            "seconds lost although shown as saved, worst",
            beyond_s,
            "s",
            at_most=TRANSPORT_S,
        ),
        Figure("marks lost although acknowledged", marks, "", at_most=0),
    )
    return Result("powercuts", figures, {"ours_s": ours_s, "peer_s": peers_s})


def _cut(scratch: Path, after_s: float) -> _Cut:
    with (
        tempfile.TemporaryDirectory(prefix="run-", dir=scratch) as name,
        ExitStack() as stack,
    ):
        root = Path(name).resolve()
        ours = stack.enter_context(bench_disk(root / "ours", size_mb=_SIZE_MB))
        theirs = stack.enter_context(bench_disk(root / "theirs", size_mb=_SIZE_MB))
        (box,) = make_boxes(root, [ours.folder / "box"])
        sender = stack.enter_context(Sender(root))
        peer = stack.enter_context(LabRecorder(theirs.folder / "peer.xdf", sender))
        began_s = float(pylsl.local_clock())
        recorder = stack.enter_context(Recorder(box))
        recorder.wait_for_lines(1)
        for _ in range(round(after_s)):
            recorder.mark()
            time.sleep(1)
        at_ns, at_s = recorder.freeze(), peer.freeze()
        saved_ns, marks = recorder.promise()
        for disk in (ours, theirs):
            copy = ["cp", "--sparse=always", str(disk.image), str(disk.image) + ".cut"]
            subprocess.run(copy, check=True)
        recorder.kill()
        peer.kill()
        (session,) = box.sessions()
        killed = Killed(session, at_ns, saved_ns, marks)
        return _Cut(
            _after_the_cut(root, ours.folder, killed), _peer_loss_s(root, at_s, began_s)
        )


def _after_the_cut(root: Path, folder: Path, killed: Killed) -> Loss:
    image = root / "ours" / "disk.img.cut"
    with mounted(image, root / "ours" / "cut") as disk:
        session = disk.folder / killed.session.relative_to(folder)
        moved = Killed(session, killed.at_ns, killed.saved_ns, killed.marks)
        return loss_of(moved, root)


def _peer_loss_s(root: Path, at_s: float, began_s: float) -> float:
    """Return what is lost of the worse stream: everything, if the file can't be read."""
    image = root / "theirs" / "disk.img.cut"
    with mounted(image, root / "theirs" / "cut") as disk:
        stamps_s = last_stamps_s(disk.folder / "peer.xdf")
    return max(at_s - stamps_s.get(name, began_s) for name in (EEG, AUDIO))
