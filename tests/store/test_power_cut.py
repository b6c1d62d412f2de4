"""Whenever the plug is pulled, everything acknowledged before can be opened at the lab.

The production writer runs on a disk that forgets what was not synced; at many moments
the medium is looked at as a power cut might leave it. Three mutants of the disk show
that these tests can fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from recorder.clock import NS_PER_S
from recorder.simulation import SimulationOptions
from recorder.store.layout import FREE_JOURNALS, JOURNAL_FILE
from tests.power_cut_disk import PowerCutDisk, PowerCutFile
from tests.recording_rig import (
    SESSIONS,
    STREAMINFO_END,
    PartBytes,
    Rig,
    read_parts,
)

if TYPE_CHECKING:
    from pathlib import Path

STATES_PER_RUN = 52
SEEDS = range(10)


class CuttingRig:
    """Records on a `PowerCutDisk` and takes crash states at random moments."""

    def __init__(self, disk: PowerCutDisk, seed: int, n_states: int) -> None:
        self.disk = disk
        self.rng = np.random.default_rng(seed)
        self.disk.make_base(SESSIONS)
        loss = SimulationOptions(seed=seed, loss=0.02, jitter_ms=3.0)
        self.rig = Rig(disk, simulation=loss)
        self.n_states = n_states
        self.states: list[tuple[dict[int, PartBytes], dict[int, tuple[int, int]]]] = []
        disk.before = self._maybe_cut

    def _maybe_cut(self, _name: str) -> None:
        if len(self.states) < self.n_states and self.rng.random() < 0.4:
            # Read at once: the journals of all these disks would be gigabytes.
            found = read_parts(self.disk.after_cut(self.rng).files())
            self.states.append((found, dict(self.rig.saved)))

    def run(self) -> None:
        self.disk.before = lambda _name: None
        self.rig.begin()
        self.disk.before = self._maybe_cut
        while len(self.states) < self.n_states:
            self.rig.run(float(self.rng.uniform(0.1, 1.4)))
            if self.rng.random() < 0.7:
                self.rig.mark()
            if self.rng.random() < 0.15:
                self.rig.recording.pause(self.rig.now_ns)
                self.rig.run(0.3)
                self.rig.recording.resume(self.rig.now_ns)
            assert self.rig.now_ns - self.rig.recording.saved_ns <= NS_PER_S
        self.disk.before = lambda _name: None
        self.rig.stop()

    def losses(self) -> list[str]:
        """Return what is wrong with each crash state; empty is what we promise."""
        truth = read_parts(self.disk.files())
        wrong: list[str] = []
        for number, (found, saved) in enumerate(self.states):
            for part, lengths in saved.items():
                fault = _fault(found.get(part), truth[part], lengths)
                if fault:
                    wrong.append(f"state {number}, part {part}: {fault}")
        return wrong


def _fault(found: PartBytes | None, truth: PartBytes, saved: tuple[int, int]) -> str:
    if found is None:
        return "the part is gone"
    faults = {
        f"{saved} saved, {(len(found.eeg), len(found.audio))} found": (
            len(found.eeg) < saved[0] or len(found.audio) < saved[1]
        ),
        "a closed part differs": found.closed and found != truth,
        "EEG that never was": not truth.eeg.startswith(found.eeg),
        "audio that never was": not truth.audio[STREAMINFO_END:].startswith(
            found.audio[STREAMINFO_END:]
        ),
    }
    return "; ".join(fault for fault, is_there in faults.items() if is_there)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_power_cut_loses_nothing_that_was_acknowledged(seed: int) -> None:
    cutting = CuttingRig(PowerCutDisk(), seed, STATES_PER_RUN)
    cutting.run()
    assert len(cutting.states) == STATES_PER_RUN
    assert cutting.rig.saved_marks
    assert cutting.losses() == []


def test_saved_up_to_tells_only_of_sound_whose_bytes_are_on_the_medium() -> None:
    disk = PowerCutDisk()
    disk.make_base(SESSIONS)
    rig = Rig(disk)
    rig.begin()
    waiting = []
    for _ in range(8):
        rig.run(0.22)
        rig.tick()
        encoder = rig.recording._encoder
        assert encoder is not None
        waiting.append(encoder.frames_waiting)
        unsaved_ns = rig.now_ns - rig.recording.saved_ns
        assert unsaved_ns >= waiting[-1] * NS_PER_S // 48_000
    assert max(waiting) > 1000


class NoDatasyncFile(PowerCutFile):
    """Mutant: bytes are never synced."""

    def datasync(self) -> None:
        self._disk.step("datasync")


class NoDatasyncDisk(PowerCutDisk):
    def open(self, path: Path) -> PowerCutFile:
        return NoDatasyncFile(self, self._file(path))


class NoFolderSyncDisk(PowerCutDisk):
    """Mutant: names are never synced once the recording runs."""

    def sync_folder(self, folder: Path) -> None:
        if folder != SESSIONS or self.n_steps < 60:
            self.step("sync_folder")
            if self.n_steps < 60:
                super().sync_folder(folder)


class EarlyReuseDisk(PowerCutDisk):
    """Mutant: a journal is given back when closing begins, before the commit."""

    def create(self, path: Path) -> PowerCutFile:
        journal = path.parent / JOURNAL_FILE
        if path.parent.name.endswith(".open") and self.is_file(journal):
            for name in FREE_JOURNALS:
                if not self.is_file(SESSIONS / name):
                    super().rename(journal, SESSIONS / name)
                    super().sync_folder(SESSIONS)
                    break
        return super().create(path)

    def rename(self, old: Path, new: Path) -> None:
        if old.name != JOURNAL_FILE:
            super().rename(old, new)


@pytest.mark.parametrize("mutant", [NoDatasyncDisk, NoFolderSyncDisk, EarlyReuseDisk])
def test_a_mutant_of_the_disk_is_caught(mutant: type[PowerCutDisk]) -> None:
    cutting = CuttingRig(mutant(), seed=7, n_states=40)
    cutting.run()
    assert cutting.losses(), f"{mutant.__name__} lost nothing"
