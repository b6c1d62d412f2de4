"""Whatever a box recorded opens again, sample by sample."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from lab.identity import X25519Identity
from recorder.audio.source import AudioFormat
from recorder.errors import (
    IdentityError,
    OpenError,
)
from tests.opened_made import (
    IDENTITIES,
    all_eeg,
    all_frames,
    clock_of,
    eeg_of,
    flip,
    only_problem,
    open_made,
    sound_of,
    stream_of,
)
from tests.session_maker import (
    AUDIO_RATE_HZ,
    RATE_HZ,
    SessionMaker,
    new_identities,
)

if TYPE_CHECKING:
    from pathlib import Path


CHUNK = 64 * 1024


def test_a_signed_session_opens_to_the_very_samples(made: SessionMaker, out: Path) -> None:
    made.add_part()
    made.add_part(0.5)
    made.add_part()
    made.sign()
    opened = open_made(made, out)
    assert opened.outcome() is None
    assert opened.integrity.problems == ()
    stamps, samples = eeg_of(opened)
    assert np.array_equal(samples, all_eeg(made))
    assert np.all(np.diff(stamps) > 0)
    assert np.abs(stamps - np.concatenate(made.eeg_ns) / 1e9).max() < 1e-3
    assert np.array_equal(sound_of(opened), all_frames(made))
    marks = stream_of(opened, "Markers")
    assert list(marks["time_stamps"]) == [mark.stamp_ns / 1e9 for mark in made.marks]


def test_what_is_written_is_for_its_owner_only(made: SessionMaker, out: Path) -> None:
    made.add_part()
    made.sign()
    folder = open_made(made, out).folder
    assert folder.stat().st_mode & 0o777 == 0o700
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "eeg.xdf",
        "audio.flac",
        "audio_clock.tsv",
        "session.json",
        "integrity.json",
        "alignment.json",
    }
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())
    assert [path.name for path in out.iterdir()] == [folder.name]


def test_the_sheet_tells_device_and_session(made: SessionMaker, out: Path) -> None:
    made.add_part()
    made.sign()
    sheet = json.loads((open_made(made, out).folder / "session.json").read_text())
    assert sheet["device"] == made.device
    assert sheet["session"] == str(made.session)
    assert sheet["client"] == "K7QX3"


def test_alignment_describes_the_streams_fit(made: SessionMaker, out: Path) -> None:
    made.add_part(6)
    made.sign()
    found = json.loads((open_made(made, out).folder / "alignment.json").read_text())
    assert {"streams", "constant_ms", "calibration"} <= found.keys()
    eeg = found["streams"]["EEG"]
    assert abs(eeg["rate_hz"] - RATE_HZ) < 0.5
    assert {"drift_ppm", "residual_ms", "uncertainty_ms", "lost_exact"} <= eeg.keys()
    assert {"start_s", "end_s", "offset_ms"} <= eeg["segments"][0].keys()


def test_24_bit_stereo_is_merged_without_a_changed_bit(tmp_path: Path, out: Path) -> None:
    audio = AudioFormat(bits=24, n_channels=2)
    made = SessionMaker(tmp_path, IDENTITIES, audio=audio)
    made.write_sheet()
    made.add_part()
    made.add_part(1, ending="open")
    made.sign(clean=False)
    opened = open_made(made, out)
    path = opened.folder / "audio.flac"
    subprocess.run(["flac", "-t", "-s", path], check=True)
    frames = soundfile.read(path, dtype="int32", always_2d=True)[0]
    assert soundfile.info(path).subtype == "PCM_24"
    assert np.array_equal(frames, np.concatenate(made.frames)[: len(frames)])
    assert len(frames) >= AUDIO_RATE_HZ * 2.8


def test_a_session_without_a_microphone_has_no_sound_files(
    tmp_path: Path, out: Path
) -> None:
    made = SessionMaker(tmp_path, IDENTITIES, audio=None)
    made.write_sheet()
    made.add_part()
    made.add_part(ending="open")
    made.sign(clean=False)
    opened = open_made(made, out)
    assert opened.outcome() is None
    names = {path.name for path in opened.folder.iterdir()}
    assert not names & {"audio.flac", "audio_clock.tsv"}
    assert np.array_equal(eeg_of(opened)[1], all_eeg(made))


def test_post_quantum_sessions_open_too(tmp_path: Path, out: Path) -> None:
    made = SessionMaker(tmp_path, new_identities(post_quantum=True))
    made.write_sheet()
    made.add_part()
    made.add_part(1, ending="open")
    made.sign(clean=False)
    opened = open_made(made, out)
    assert opened.outcome() is None
    assert np.array_equal(eeg_of(opened)[1], all_eeg(made))


def test_the_recovery_identity_alone_opens_everything(
    made: SessionMaker, out: Path
) -> None:
    made.add_part()
    made.add_part(ending="open")
    made.sign(clean=False)
    opened = open_made(made, out, made.identities[1:])
    assert opened.outcome() is None
    assert np.array_equal(eeg_of(opened)[1], all_eeg(made))


def test_a_wrong_identity_is_refused_and_nothing_is_written(
    made: SessionMaker, out: Path
) -> None:
    made.add_part()
    made.sign()
    with pytest.raises(IdentityError):
        open_made(made, out, [X25519Identity.generate()])
    assert not out.exists()


def test_stock_age_opens_the_same_bytes(made: SessionMaker, tmp_path: Path) -> None:
    part = made.add_part()
    key = tmp_path / "key.txt"
    key.write_text(made.identities[1].to_text() + "\n")
    for name, plain in (("eeg.xdf.age", part.xdf), ("audio.flac.age", part.flac)):
        sealed = made.folder / "0001" / name
        found = subprocess.run(["age", "-d", "-i", key, sealed], check=True, stdout=-1)
        assert found.stdout == plain


def test_the_audio_clock_maps_every_merged_frame(made: SessionMaker, out: Path) -> None:
    made.add_part()
    made.pause(10)
    made.add_part()
    made.sign()
    rows = clock_of(open_made(made, out))
    frames, host_s = rows.T
    assert frames[0] == 0
    assert frames[-1] == made.n_frames - 1
    assert np.all(np.diff(frames) > 0)
    assert np.all(np.diff(host_s) > 0)
    true = np.arange(made.n_frames) / AUDIO_RATE_HZ + 1000
    true[2 * AUDIO_RATE_HZ :] += 10
    mapped = np.interp(np.arange(made.n_frames), frames, host_s)
    assert np.abs(mapped - true).max() < 1e-6


def test_where_frames_are_lost_the_map_keeps_the_others_times(
    made: SessionMaker, out: Path
) -> None:
    for _ in range(3):
        made.add_part()
    flip(made.folder / "0002" / "audio.flac.age", 100_000)
    made.sign()
    opened = open_made(made, out)
    frames = sound_of(opened)
    recorded = all_frames(made)
    rows = clock_of(opened)
    host_s = np.interp(np.arange(len(frames)), *rows.T)
    # Every merged frame is the one that was recorded at its mapped time.
    place = np.rint((host_s - 1000) * AUDIO_RATE_HZ).astype(int)
    assert np.array_equal(frames, recorded[place])
    lost = len(recorded) - len(frames)
    problem = only_problem(opened)
    assert problem.path == "0002/audio.flac.age"
    assert problem.lost_s is not None
    assert abs(problem.lost_s * AUDIO_RATE_HZ - lost) < 1
    assert 0 < lost < 2.5 * CHUNK


def test_an_existing_output_is_never_overwritten(made: SessionMaker, out: Path) -> None:
    made.add_part()
    made.sign()
    opened = open_made(made, out)
    before = (opened.folder / "eeg.xdf").read_bytes()
    with pytest.raises(OpenError, match="exists"):
        open_made(made, out)
    assert (opened.folder / "eeg.xdf").read_bytes() == before


def test_the_sessions_folder_is_left_as_it_was(made: SessionMaker, out: Path) -> None:
    made.add_part()
    made.add_part(ending="closing")
    made.sign(clean=False)
    before = {path: path.read_bytes() for path in made.folder.rglob("*") if path.is_file()}
    open_made(made, out)
    after = {path: path.read_bytes() for path in made.folder.rglob("*") if path.is_file()}
    assert after == before
