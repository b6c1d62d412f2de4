"""Marks, pulses and clicks meet in the exported files, whatever the clocks did.

A headset 2000 ppm off that warms up by 300 ppm, a reconnect, losses and a pause; what is
compared is only what lies in the tree: BDF, events.tsv and WAV.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from lab.dataset.bdf import read_counts
from lab.dataset.run_files import RunPlan, write_run
from lab.dataset.sidecar import Site
from lab.dataset.time_base import make_time_base
from lab.identity import read_identities
from lab.open import open_session
from lab.opened_session import read_opened
from recorder.box import Box
from recorder.clock import NS_PER_S
from recorder.format.codebook import default_codebook_text, parse_codebook
from recorder.format.sheet import AppliedCalibration
from recorder.format.signers import AllowedSigners
from recorder.simulation import PULSE_LENGTH_S, SimulationOptions, Truth
from tests.compressed import Who, recording
from tests.dataset_world import World, make_world

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SIMULATION = SimulationOptions(
    drift_ppm=2000,
    warmup_ppm=300,
    mic_drift_ppm=-40,
    jitter_ms=3,
    loss=0.002,
    reconnect_at_s=70,
    seed=11,
)
LINK = AppliedCalibration("bench", 5.0, 0.05)  # what the simulated link always takes
CODEBOOK = parse_codebook(default_codebook_text())
ONSET_S = 0.002
SOUND_RMS_S = 0.001


@dataclass(frozen=True)
class Exported:
    """One run's folder, its rate, and the true moments that were marked, in seconds."""

    folder: Path
    rate_hz: float
    counts: NDArray[np.int32]
    onsets_s: NDArray[np.float64]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Record three minutes with a mark at every true event; open and export them."""
    root = tmp_path_factory.mktemp("aligned")
    world, codes = make_world(root / "world", n_boxes=1)
    with recording(
        world.box(1), Who(codes[0]), simulation=SIMULATION, calibration=LINK
    ) as session:
        truth = Truth(session.rig.now_ns, SIMULATION.seed)
        moments_s = truth.event_times_s(180.0)
        for moment_s in moments_s.tolist():
            until_s = truth.seconds(session.rig.now_ns)
            if 110 < moment_s < 116:
                continue
            if until_s < 110 < moment_s:
                session.go(110 - until_s)
                session.pause(6)
            session.go(max(0.0, moment_s + 0.05 - truth.seconds(session.rig.now_ns)))
            at_ns = truth.origin_ns + round(moment_s * NS_PER_S)
            session.mark("insight", at_ns=at_ns)
        session.go(2)
    opened = read_opened(_open(world, str(session.session), root / "opened"))
    site = Site(50)
    plan = RunPlan("A1", "01", 1, CODEBOOK, True, True, True, "box-A", "headset-A", site)  # noqa: FBT003 - fields
    write_run(opened, plan, root / "tree")
    folder = root / "tree" / "sub-A1" / "ses-01"
    (bdf,) = folder.glob("eeg/*_eeg.bdf")
    (table,) = folder.glob("eeg/*_events.tsv")
    rows = csv.DictReader(io.StringIO(table.read_text()), delimiter="\t")
    onsets = [float(row["onset"]) for row in rows if row["trial_type"] == "insight"]
    base = make_time_base(opened.eeg_s, opened.rate_hz)
    return Exported(folder, base.rate_hz, read_counts(bdf.read_bytes()), np.array(onsets))


def _open(world: World, session: str, out: Path) -> Path:
    lab = world.lab
    done = open_session(
        Box.load(world.box(1)).sessions / session,
        out=out,
        identities=read_identities(lab.identity_path),
        signers=AllowedSigners.parse(lab.device_signers_path.read_text()),
        at=datetime.now(UTC),
        progress=lambda _: None,
    )
    assert done.outcome() is None
    return done.folder


def pulse_s(exported: Exported, near_s: float) -> float | None:
    """Return when the pulse near a moment begins in the file; None where samples miss.

    Its centre of gravity less half its length, which is another way than `calibrate` goes.
    """
    at = np.arange(exported.counts.shape[1]) / exported.rate_hz
    near = (at > near_s - 0.016) & (at < near_s + 0.040)
    uv = exported.counts[0, near] * 0.022351744455307063
    if np.any(np.diff(uv) == 0) or near.sum() < 12:
        return None  # a lost sample repeats the one before it
    uv = np.where(np.abs(uv) > 4, uv, 0.0)
    return float(at[near] @ uv / uv.sum()) - PULSE_LENGTH_S / 2


def test_an_events_onset_is_where_the_pulse_really_is(exported: Exported) -> None:
    found = [(pulse_s(exported, onset), onset) for onset in exported.onsets_s.tolist()]
    apart_s = np.array([pulse - onset for pulse, onset in found if pulse is not None])
    assert apart_s.size > 80
    assert np.abs(apart_s).max() < ONSET_S
    assert np.sqrt(np.mean(apart_s**2)) < ONSET_S / 4


def test_the_sounds_clicks_meet_the_eegs_pulses(exported: Exported) -> None:
    (path,) = exported.folder.glob("beh/*_audio.wav")
    frames, rate_hz = soundfile.read(path, always_2d=True)
    assert abs(len(frames) / rate_hz - exported.counts.shape[1] / exported.rate_hz) < 0.001
    loud = np.flatnonzero(np.abs(frames[:, 0]) >= 0.25)
    clicks_s = loud[np.diff(loud, prepend=-rate_hz) > rate_hz / 2] / rate_hz
    found = [(pulse_s(exported, click), click) for click in clicks_s.tolist()]
    apart_s = np.array([pulse - click for pulse, click in found if pulse is not None])
    assert apart_s.size > 80
    assert np.sqrt(np.mean(apart_s**2)) < SOUND_RMS_S


def test_what_was_not_measured_is_covered_by_events(exported: Exported) -> None:
    (table,) = exported.folder.glob("eeg/*_events.tsv")
    rows = list(csv.DictReader(io.StringIO(table.read_text()), delimiter="\t"))
    bad = {row["trial_type"] for row in rows if row["trial_type"].startswith("bad_")}
    assert bad >= {"bad_lost", "bad_paused", "bad_disconnected"}
    away = [row for row in rows if row["trial_type"] == "bad_disconnected"]
    assert sum(float(row["duration"]) for row in away) == pytest.approx(3, abs=0.2)
    paused = [row for row in rows if row["trial_type"] == "bad_paused"]
    assert sum(float(row["duration"]) for row in paused) == pytest.approx(6, abs=0.3)
