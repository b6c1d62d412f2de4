"""A hole of 1.9 s in the EEG is exact, and moves no other sample.

Stock pyxdf, with default arguments, would smear such a hole over the whole file if it
were left out of the samples' regular grid: 0.95 s at worst.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
import pyxdf

from lab.open import open_session
from recorder.eeg.source import EegBlock
from recorder.format.age import seal
from recorder.format.sheet import Consent, Equipment, SessionSheet, encode_sheet
from recorder.simulation import SimulationOptions
from recorder.store.disk import RealDisk
from tests.recording_rig import IDENTITIES, RECIPIENTS, SESSION, Rig, read_parts
from tests.story import load_streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from recorder.eeg.simulated import SimulatedHeadset
    from recorder.eeg.source import EegEvent

    Reader = Callable[[Path, Path], Path]

RATE_HZ = 250
LENGTH_S = 40
HOLE = range(15 * RATE_HZ, 15 * RATE_HZ + round(1.9 * RATE_HZ))
MICROSECOND = 1e-6


@dataclass
class HoledHeadset:
    """The simulated headset, whose radio loses every packet of the hole."""

    headset: SimulatedHeadset
    hole: range
    n_rows: int = 0

    def advance(self, now_ns: int) -> Iterator[EegEvent]:
        for event in self.headset.advance(now_ns):
            if not isinstance(event, EegBlock):
                yield event
                continue
            number = self.n_rows + np.arange(event.n_rows)
            self.n_rows += event.n_rows
            kept = ~np.isin(number, self.hole)
            if np.any(kept):
                yield replace(
                    event,
                    counter=event.counter[kept],
                    stamp_s=event.stamp_s[kept],
                    samples_uv=event.samples_uv[:, kept],
                )


def record_on_a_virtual_clock(
    folder: Path, hole: range, simulation: SimulationOptions
) -> Path:
    """Run the production writer over simulated devices; return the session's folder."""
    session = folder / "sessions" / str(SESSION)
    session.parent.mkdir(parents=True)
    rig = Rig(RealDisk(), session, part_length_s=60.0, simulation=simulation)
    rig._headset = HoledHeadset(rig._headset, hole)  # type: ignore[assignment] # its twin
    rig.begin()
    rig.run(LENGTH_S)
    rig.stop()
    sheet = SessionSheet(
        device="BOX-00019",
        session=SESSION,
        client="K7QX3",
        consent=Consent(scopes=("eeg", "audio"), form="1"),
        mode="in-person",
        headset=Equipment(
            spec="simulated", description={}, simulated=True, board="simulated"
        ),
        microphone=Equipment(spec="simulated", description={}, simulated=True),
        codebook="1",
        software={},
        started_wall_ns=0,
        clock_state="unknown",
        started_host_ns=0,
    )
    (session / "session.json.age").write_bytes(seal(encode_sheet(sheet), RECIPIENTS))
    return session


def opened_file(session: Path, out: Path) -> Path:
    """Return the merged file as the lab makes it."""
    opened = open_session(
        session,
        out=out,
        identities=IDENTITIES[:1],
        signers=None,
        at=datetime(2026, 11, 23, tzinfo=UTC),
        progress=lambda _: None,
    )
    return opened.folder / "eeg.xdf"


def part_file(session: Path, out: Path) -> Path:
    """Return the part as the box made it."""
    files = {path: path.read_bytes() for path in session.rglob("*") if path.is_file()}
    (part,) = read_parts(files, session).values()
    out.mkdir()
    (out / "part.xdf").write_bytes(part.eeg)
    return out / "part.xdf"


def eeg(file: Path) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return stamps and samples ``(n, n_channels)`` as stock pyxdf loads them."""
    stream = load_streams(file)["EEG"]
    return np.asarray(stream["time_stamps"]), np.asarray(stream["time_series"])


@pytest.mark.parametrize("reader", [part_file, opened_file])
@pytest.mark.parametrize("drift_ppm", [0.0, 40.0])
def test_a_hole_moves_no_other_sample(
    tmp_path: Path, reader: Reader, drift_ppm: float
) -> None:
    simulation = SimulationOptions(drift_ppm=drift_ppm)
    whole = record_on_a_virtual_clock(tmp_path / "whole", range(0), simulation)
    holed = record_on_a_virtual_clock(tmp_path / "holed", HOLE, simulation)
    whole_s, whole_uv = eeg(reader(whole, tmp_path / "whole-out"))
    holed_s, holed_uv = eeg(reader(holed, tmp_path / "holed-out"))
    assert len(whole_s) == len(holed_s) > (LENGTH_S - 1) * RATE_HZ
    (lost,) = np.nonzero(np.isnan(holed_uv).all(axis=1))
    assert len(lost) == len(HOLE)
    assert lost[-1] - lost[0] == len(HOLE) - 1
    kept = np.setdiff1d(np.arange(len(holed_s)), lost)
    assert np.array_equal(holed_uv[kept], whole_uv[kept])
    assert np.max(np.abs(holed_s - whole_s)[kept]) < MICROSECOND


@pytest.mark.parametrize("reader", [part_file, opened_file])
def test_stock_defaults_keep_the_stamps_that_were_written(
    tmp_path: Path, reader: Reader
) -> None:
    simulation = SimulationOptions(jitter_ms=4.0, drift_ppm=40.0)
    session = record_on_a_virtual_clock(tmp_path / "holed", HOLE, simulation)
    file = reader(session, tmp_path / "out")
    loaded_s, _ = eeg(file)
    streams, _ = pyxdf.load_xdf(file, dejitter_timestamps=False, synchronize_clocks=False)
    (written,) = (stream for stream in streams if stream["info"]["name"] == ["EEG"])
    assert np.max(np.abs(loaded_s - written["time_stamps"])) < MICROSECOND
