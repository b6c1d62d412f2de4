"""EEG and sound are tied together end to end, through everything that goes wrong.

A headset 2000 ppm off that warms up by 300 ppm, a microphone at -40 ppm, jitter, losses, a
reconnect, an overrun and a pause: recorded, sealed, signed, opened. What is compared is
only what comes out at the lab, by another method than the one that calibrates.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import pyxdf
import soundfile

from provisioning.calibrate import calibrate
from recorder.format.sheet import AppliedCalibration
from recorder.simulation import PULSE_LENGTH_S, SimulationOptions
from tests.story import Place, load_streams, must, open_session, record
from tests.virtual_session import AT, VirtualBox

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

LENGTH_S = 180
EVERYTHING = SimulationOptions(
    drift_ppm=2000,
    warmup_ppm=300,
    mic_drift_ppm=-40,
    jitter_ms=3,
    loss=0.01,
    reconnect_at_s=75,
    xrun_at_s=120,
    seed=11,
)
BENCH = replace(EVERYTHING, reconnect_at_s=20, xrun_at_s=0, seed=12)
CLICK_SHARE = 0.25  # half of the simulated click, above all voices
RMS_MS = 0.3
MICROSECOND = 1e-6


@dataclass(frozen=True)
class Told:
    """The opened session and the calibration that its sheet named."""

    folder: Path
    calibration: AppliedCalibration

    @property
    def alignment(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "alignment.json").read_text())
        return found


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Calibrate on one session, then record the three minutes with that calibration."""
    box = VirtualBox(tmp_path_factory.mktemp("aligned"))
    bench = calibrate([box.record(BENCH, seconds=50)], at=AT).calibration
    box.calibration = AppliedCalibration(bench.id, bench.constant_ms, bench.spread_ms)
    folder = box.record(EVERYTHING, seconds=LENGTH_S, pause_at_s=40)
    return Told(folder, box.calibration)


def show(text: str) -> None:
    """Say a figure to whoever runs this with ``pytest -s``."""
    sys.stdout.write(f"\n{text}\n")


def clicks_s(folder: Path) -> NDArray[np.float64]:
    """Return when clicks begin, through audio_clock.tsv."""
    frames, _ = soundfile.read(folder / "audio.flac", always_2d=True)
    loud = np.flatnonzero(np.abs(frames[:, 0]) >= CLICK_SHARE)
    first = loud[np.diff(loud, prepend=-48_000) > 24_000]
    clock = np.loadtxt(folder / "audio_clock.tsv", skiprows=1)
    return np.interp(first, clock[:, 0], clock[:, 1])


def pulse_begin_s(at_s: NDArray[np.float64], uv: NDArray[np.float64]) -> float:
    """Return when the one pulse begins: its centre of gravity less half its length."""
    return float(at_s @ uv / uv.sum()) - PULSE_LENGTH_S / 2


def errors_ms(folder: Path) -> NDArray[np.float64]:
    """Return EEG less sound for every pulse that no loss has touched."""
    eeg = load_streams(folder / "eeg.xdf")["EEG"]
    at_s, uv = np.asarray(eeg["time_stamps"]), np.asarray(eeg["time_series"])[:, 0]
    found = []
    for click_s in clicks_s(folder).tolist():
        near = (at_s > click_s - 0.016) & (at_s < click_s + 0.036)
        if near.sum() >= 12 and not np.isnan(uv[near]).any():
            found.append(pulse_begin_s(at_s[near], uv[near]) - click_s)
    return np.array(found) * 1e3


def test_pulses_meet_their_clicks(told: Told) -> None:
    found_ms = errors_ms(told.folder)
    rms_ms = float(np.sqrt(np.mean(found_ms**2)))
    show(
        f"{found_ms.size} pulses: RMS {rms_ms:.4f} ms,"
        f" largest {np.abs(found_ms).max():.4f} ms, constant"
        f" {told.calibration.constant_ms:.3f} ms off"
    )
    assert found_ms.size > 120
    assert rms_ms <= RMS_MS
    assert np.abs(found_ms).max() <= 3 * RMS_MS
    assert rms_ms <= told.alignment["streams"]["EEG"]["uncertainty_ms"]


def test_everything_that_was_to_go_wrong_did(told: Told) -> None:
    eeg, audio = told.alignment["streams"]["EEG"], told.alignment["streams"]["Audio"]
    assert [part["why"] for part in eeg["segments"]] == ["start", "gap", "reconnect"]
    assert 0.005 * 250 * LENGTH_S < eeg["lost_exact"] < 0.02 * 250 * LENGTH_S
    assert 2000 < eeg["drift_ppm"] < 2300
    assert audio["drift_ppm"] == pytest.approx(-40, abs=1)
    assert audio["lost_inferred"] == 0.2 * 48_000
    integrity = json.loads((told.folder / "integrity.json").read_text())
    assert (integrity["xruns"], integrity["signed"], integrity["clean"]) == (1, True, True)


def test_the_calibration_is_named_and_its_spread_claimed(told: Told) -> None:
    found = told.alignment
    assert found["calibration"] == told.calibration.id
    assert found["constant_ms"] == told.calibration.constant_ms
    assert found["constant_ms"] == pytest.approx(5, abs=0.1)
    claimed = math.hypot(2.0, told.calibration.spread_ms)
    assert found["streams"]["EEG"]["uncertainty_ms"] == pytest.approx(claimed, abs=1e-3)


def test_stock_pyxdf_moves_no_stamp(told: Told) -> None:
    path = told.folder / "eeg.xdf"
    written, _ = pyxdf.load_xdf(path, dejitter_timestamps=False, synchronize_clocks=False)
    loaded = load_streams(path)
    moved_s = {
        (name := stream["info"]["name"][0]): float(
            np.abs(loaded[name]["time_stamps"] - stream["time_stamps"]).max(initial=0)
        )
        for stream in written
    }
    show(f"stock pyxdf moves EEG by {moved_s['EEG'] * 1e9:.3f} ns")
    assert moved_s["EEG"] <= MICROSECOND
    assert max(moved_s.values()) <= MICROSECOND


def test_a_box_that_has_a_fitting_calibration_says_so_in_its_sheet(
    place: Place, tmp_path: Path
) -> None:
    fleet, box = place.fleet, tmp_path / "BOX"
    must("fieldrec-provision", "device", "new", "--fleet", fleet, "--box", box)
    own = replace(place, box=box)
    publish = ("--lab", place.lab, "--fleet", fleet / "public", "--box", box)
    must("fieldrec-lab", "publish", *publish)
    bench = VirtualBox(tmp_path)
    folder = bench.record(replace(BENCH, reconnect_at_s=0), seconds=40)
    said = must("fieldrec-provision", "calibrate", folder, "--box", box, "--json")
    devices = ("--headset", "simulated", "--microphone", "simulated", "--duration", 3)
    session = record(own, *devices)
    status = session.status[-1]
    assert status["eeg_silent_s"] < 1
    assert status["eeg_jitter_ms"] >= 0
    assert abs(status["eeg_drift_ppm"]) < 10_000
    opened = open_session(own, session.path, tmp_path / "out")
    sheet = json.loads((opened.folder / "session.json").read_text())
    assert sheet["calibration"]["id"] == json.loads(said)["id"]
    found = Told(opened.folder, AppliedCalibration(**sheet["calibration"])).alignment
    assert found["calibration"] == sheet["calibration"]["id"]
    assert found["constant_ms"] == pytest.approx(5, abs=0.2)
