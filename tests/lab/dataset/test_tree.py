"""The real chain's sessions become a dataset that the judges pass and that loads."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import warnings
from typing import TYPE_CHECKING

import mne
import mne_bids
import numpy as np
import pytest

from lab.archive import Archive
from lab.dataset.bdf import read_counts
from lab.dataset.export import TreeOptions
from lab.dataset.time_base import make_time_base
from lab.dataset.validator import validate
from lab.identity import read_identities
from lab.open import open_session
from lab.opened_session import OpenedSession, read_opened
from lab.verifying import taken_of
from recorder.box import Box
from recorder.format.signers import AllowedSigners

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.dataset.conftest import Dataset

# Whichever test comes first waits for the sessions to be recorded, and for both trees.
pytestmark = pytest.mark.timeout(900)


def run_file(dataset: Dataset, what: str, suffix: str, tree: Path | None = None) -> Path:
    """Return a file of the session in which ``what`` happened."""
    with dataset.world.catalogue() as catalogue:
        number = catalogue.study.numbers()[str(dataset.sessions[what])]
        label = catalogue.study.subjects()[number.client].label
    pattern = f"sub-{label}/ses-{number.number:02d}/**/*run-{number.run}_{suffix}"
    (found,) = (tree or dataset.open.path).glob(pattern)
    return found


def events(dataset: Dataset, what: str, tree: Path | None = None) -> list[dict[str, str]]:
    text = run_file(dataset, what, "events.tsv", tree).read_text()
    return list(csv.DictReader(io.StringIO(text), delimiter="\t"))


def opened(dataset: Dataset, what: str, out: Path) -> OpenedSession:
    """Open a session as the lab's own command does."""
    lab, session = dataset.world.lab, str(dataset.sessions[what])
    with dataset.world.catalogue() as catalogue:
        row = catalogue.find(session)
    folder = Archive(lab.root).session(row.device, session)
    signers = AllowedSigners.parse(lab.device_signers_path.read_text())
    done = open_session(
        folder,
        out=out,
        identities=read_identities(lab.identity_path),
        signers=signers,
        at=taken_of(folder),
        progress=lambda _: None,
    )
    return read_opened(done.folder)


def tree_bytes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def words_in(path: Path) -> bytes:
    """Return what can be read in a file; samples are left out, they can spell anything."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(content)
    if path.suffix == ".bdf":
        return content[: int(content[184:192])]  # the header says how long it is
    return content


def test_every_recorded_session_is_in_the_tree(dataset: Dataset) -> None:
    assert len(dataset.open.subjects) == 3
    exported = {str(s) for what, s in dataset.sessions.items() if what != "skipped"}
    assert set(dataset.open.sessions) == exported
    assert len(exported) == 6
    assert not dataset.open.left_out


def test_the_validator_finds_no_error_and_no_unexplained_warning(dataset: Dataset) -> None:
    for report in (dataset.open, dataset.restricted):
        judged = validate(report.path)
        assert judged.errors == ()
        # The default dataset.toml names one author, whom the lab replaces.
        assert all(warning.startswith("TOO_FEW_AUTHORS") for warning in judged.warnings)


def test_mne_bids_reads_every_recording(dataset: Dataset) -> None:
    paths = mne_bids.find_matching_paths(
        dataset.open.path, suffixes="eeg", extensions=".bdf"
    )
    assert len(paths) == 6
    for path in paths:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            raw = mne_bids.read_raw_bids(path.update(datatype="eeg"), verbose="error")
        sidecar = json.loads(path.fpath.with_suffix(".json").read_text())
        assert raw.times[-1] == pytest.approx(sidecar["RecordingDuration"], abs=0.1)
        assert raw.n_times > 0
        assert raw.info["line_freq"] == 50
        assert raw.info["meas_date"].year < 1925


def test_the_counts_in_the_file_are_those_that_were_recorded(
    dataset: Dataset, tmp_path: Path
) -> None:
    for what in ("marked", "erased", "crashed", "online"):
        session = opened(dataset, what, tmp_path)
        sidecar = json.loads(run_file(dataset, what, "eeg.json").read_text())
        assert sidecar["DeviceCounts"] is True
        counts = read_counts(run_file(dataset, what, "eeg.bdf").read_bytes())
        assert counts.shape[0] == len(session.channels)
        known = np.isfinite(session.eeg_uv).all(axis=1)
        scales = np.array([channel.uv_per_count for channel in session.channels])
        recorded = np.rint(session.eeg_uv[known] / scales).astype(np.int32)
        exported = counts.T
        # Every recorded row stands in the file, in order and unchanged.
        at = 0
        for row in recorded[:: max(1, len(recorded) // 400)]:
            hits = np.flatnonzero((exported[at:] == row).all(axis=1))
            assert hits.size
            at += int(hits[0])
        if not any(why["trial_type"].startswith("bad_") for why in events(dataset, what)):
            assert np.array_equal(exported[: len(recorded)], recorded)


def test_a_file_of_decimals_is_not_called_counts_and_its_error_is_told(
    dataset: Dataset, tmp_path: Path
) -> None:
    if "playback" not in dataset.sessions:
        pytest.skip("needs ../shared/data")
    session = opened(dataset, "playback", tmp_path)
    sidecar = json.loads(run_file(dataset, "playback", "eeg.json").read_text())
    assert sidecar["DeviceCounts"] is False
    raw = mne.io.read_raw_bdf(run_file(dataset, "playback", "eeg.bdf"), verbose="error")
    # A busy machine may have played it back with gaps.
    rows = make_time_base(session.eeg_s, session.rate_hz).index
    seen_uv = raw.get_data()[:, rows].T * 1e6
    worst_uv = float(np.nanmax(np.abs(seen_uv - session.eeg_uv)))
    assert worst_uv <= sidecar["MaximumErrorMicrovolts"] * 1.01
    assert sidecar["MaximumErrorMicrovolts"] < 0.01
    assert sidecar["Manufacturer"] == "OpenBCI"


def test_mne_sees_the_very_microvolts(dataset: Dataset, tmp_path: Path) -> None:
    session = opened(dataset, "marked", tmp_path)
    raw = mne.io.read_raw_bdf(run_file(dataset, "marked", "eeg.bdf"), verbose="error")
    seen_uv = raw.get_data()[:, : len(session.eeg_uv)].T * 1e6
    assert np.nanmax(np.abs(seen_uv - session.eeg_uv)) < 1e-4


def test_marks_come_with_values_and_without_what_was_undone(dataset: Dataset) -> None:
    rows = events(dataset, "marked")
    kinds = [row["trial_type"] for row in rows]
    assert kinds.count("insight") == 1
    assert "rupture" not in kinds
    (emotion,) = [row for row in rows if row["trial_type"] == "emotion"]
    assert float(emotion["duration"]) == pytest.approx(3, abs=0.01)
    assert emotion["intensity"] == "5"
    (suds,) = [row for row in rows if row["trial_type"] == "suds"]
    assert (suds["suds"], suds["intensity"]) == ("7", "n/a")
    (closed,) = [row for row in rows if row["trial_type"] == "eyes_closed"]
    assert float(closed["duration"]) == pytest.approx(4, abs=0.01)
    assert {row["source"] for row in rows} == {"key", "machine", "lab"}
    assert all(float(row["onset_uncertainty"]) > 0 for row in rows)


def test_pause_and_erase_keep_their_length_and_say_what_they_are(dataset: Dataset) -> None:
    rows = events(dataset, "erased")
    paused = [row for row in rows if row["trial_type"] == "bad_paused"]
    erased = [row for row in rows if row["trial_type"] == "bad_erased"]
    assert float(paused[0]["duration"]) == pytest.approx(4, abs=0.3)
    assert len(erased) == 1
    assert float(erased[0]["duration"]) >= 3
    sidecar = json.loads(run_file(dataset, "erased", "eeg.json").read_text())
    assert sidecar["RecordingType"] == "discontinuous"


def test_restricted_marks_are_in_the_restricted_tree_alone(dataset: Dataset) -> None:
    restricted = events(dataset, "marked", dataset.restricted.path)
    assert [r["trial_type"] for r in restricted].count("risk") == 1
    for path in dataset.open.path.rglob("*"):
        if path.is_file():
            assert b"risk" not in words_in(path), path


def test_the_open_tree_has_no_sound(dataset: Dataset) -> None:
    def kinds(folder: Path) -> set[str]:
        return {path.suffix for path in folder.rglob("*") if path.is_file()}

    assert kinds(dataset.open.path) <= {".tsv", ".json", ".bdf", ".gz", ".md", ""}
    assert ".wav" in kinds(dataset.restricted.path)
    physio = run_file(dataset, "marked", "recording-voice_physio.tsv.gz")
    rows = gzip.decompress(physio.read_bytes()).decode().splitlines()
    assert 2000 < len(rows) < 3000
    assert len(rows[50].split("\t")) == 2


def test_nothing_in_the_open_tree_tells_who_when_or_which_box(dataset: Dataset) -> None:
    boxes = [Box.load(dataset.world.box(n)).device for n in (1, 2, 3)]
    secret = [*dataset.codes, *boxes, *map(str, dataset.sessions.values())]
    secret += ["2026-11-2", "2026-12-0", "K7QX3"]
    for path in dataset.open.path.rglob("*"):
        content = words_in(path) if path.is_file() else b""
        for word in secret:
            assert word.encode() not in content, (path, word)
            assert word not in path.name


def test_the_same_input_gives_the_same_bytes(dataset: Dataset, tmp_path: Path) -> None:
    again = dataset.world.export(tmp_path / "again", TreeOptions(simulated=True))
    assert tree_bytes(again.path) == tree_bytes(dataset.open.path)


def test_scales_outcomes_and_attrition_are_told(dataset: Dataset) -> None:
    folder = dataset.open.path / "phenotype"
    scale = (folder / "session.tsv").read_text().splitlines()
    assert scale[0].split("\t") == ["participant_id", "session_id", "depth", "contact"]
    assert scale[1].split("\t")[2:] == ["5", "6"]
    attrition = (folder / "attrition.tsv").read_text()
    assert "client_absent: 1, client_wish: 1" in attrition
    with dataset.world.catalogue() as catalogue:
        label = catalogue.study.subjects()[dataset.codes[0]].label
    text = (dataset.open.path / f"sub-{label}" / f"sub-{label}_sessions.tsv").read_text()
    rows = list(csv.DictReader(io.StringIO(text), delimiter="\t"))
    assert [row["outcome"] for row in rows] == ["complete", "partial"]
    assert [row["days_since_first"] for row in rows] == ["0", "7"]
    assert rows[0]["quality"] == "good"


def test_channels_say_which_electrode_sat_badly(dataset: Dataset) -> None:
    text = run_file(dataset, "marked", "channels.tsv").read_text()
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(text), delimiter="\t")}
    assert rows["P8"]["status"] == "bad"
    assert rows["O1"]["status"] == "good"


def test_demographics_shared_by_too_few_are_not_told(dataset: Dataset) -> None:
    text = (dataset.open.path / "participants.tsv").read_text()
    rows = list(csv.DictReader(io.StringIO(text), delimiter="\t"))
    assert len(rows) == 3
    assert {row["mode"] for row in rows} == {"n/a"}
    assert dataset.open.assessment.suppressed["mode"] == 3
