"""Whatever a box recorded opens again, sample by sample; whatever is lost is named."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import pytest
import pyxdf
import soundfile

from lab.identity import X25519Identity
from lab.open import Opened, open_session
from recorder.audio.source import AudioFormat
from recorder.errors import (
    DamagedError,
    IdentityError,
    ManifestError,
    OpenError,
    UnsignedError,
)
from recorder.format.journal import JournalSealer
from tests.session_maker import (
    AT,
    AUDIO_RATE_HZ,
    RATE_HZ,
    SessionMaker,
    new_identities,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from lab.identity import Identity
    from lab.integrity import Problem

IDENTITIES = new_identities()
CHUNK = 64 * 1024


def open_made(
    made: SessionMaker, out: Path, identities: Sequence[Identity] | None = None
) -> Opened:
    return open_session(
        made.folder,
        out=out,
        identities=identities or made.identities[:1],
        signers=made.signers,
        at=AT,
        progress=lambda _: None,
    )


def eeg_of(opened: Opened) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return stamps and samples ``(n_channels, n)`` as stock pyxdf reads them."""
    stream = stream_of(opened, "EEG")
    values = np.asarray(stream["time_series"], np.float32).T
    return stream["time_stamps"], values


def stream_of(opened: Opened, name: str) -> dict[str, Any]:
    streams, _ = pyxdf.load_xdf(str(opened.folder / "eeg.xdf"))
    (found,) = (s for s in streams if s["info"]["name"] == [name])
    return dict(found)


def sound_of(opened: Opened) -> NDArray[np.int16]:
    """Return the frames of audio.flac after stock ``flac`` found it sound."""
    path = opened.folder / "audio.flac"
    subprocess.run(["flac", "-t", "-s", path], check=True)
    frames: NDArray[np.int16] = soundfile.read(path, dtype="int16", always_2d=True)[0]
    return frames


def clock_of(opened: Opened) -> NDArray[np.float64]:
    return np.loadtxt(opened.folder / "audio_clock.tsv", skiprows=1, ndmin=2)


def all_eeg(made: SessionMaker) -> NDArray[np.float32]:
    return np.concatenate(made.eeg_uv, axis=1)


def all_frames(made: SessionMaker) -> NDArray[np.int16]:
    return np.concatenate([np.asarray(block, np.int16) for block in made.frames])


def only_problem(opened: Opened) -> Problem:
    (problem,) = opened.integrity.problems
    return problem


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(content)


@pytest.fixture
def made(tmp_path: Path) -> SessionMaker:
    maker = SessionMaker(tmp_path, IDENTITIES)
    maker.write_sheet()
    return maker


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


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


# What a crash leaves


@pytest.mark.parametrize("ending", ["open", "closing"])
def test_a_crashed_session_is_whole_up_to_its_last_tick(
    made: SessionMaker, out: Path, ending: str
) -> None:
    made.add_part()
    made.add_part(3, ending=ending)  # type: ignore[arg-type]  # parametrized
    made.sign(clean=False)
    opened = open_made(made, out)
    assert opened.outcome() is None
    assert not opened.integrity.clean
    assert opened.integrity.recovered_from_journal_s == 3.0
    assert np.array_equal(eeg_of(opened)[1], all_eeg(made))
    frames = sound_of(opened)
    assert np.array_equal(frames, all_frames(made)[: len(frames)])
    assert len(frames) > AUDIO_RATE_HZ * 5 - 2 * 4096


def test_a_journal_torn_anywhere_gives_every_tick_before(
    made: SessionMaker, out: Path
) -> None:
    part = made.add_part(2, ending="open")
    journal = made.folder / "0001.open" / "journal"
    whole = journal.read_bytes()
    for tick, (start, end) in enumerate(pairwise([4096, *part.journal_ends])):
        for cut in (start, start + 20, end - 4096 if end - start > 4096 else start + 512):
            journal.write_bytes(whole[:cut] + bytes(len(whole) - cut))
            made.sign(clean=False)
            opened = open_made(made, out / f"{tick}-{cut}")
            assert opened.outcome() is None
            expected = round(tick * RATE_HZ / 2)
            n = len(eeg_of(opened)[0]) if tick else 0
            assert n in (expected, expected + RATE_HZ // 2 if cut > start else expected)


def test_stale_records_beneath_a_journal_are_not_opened(
    made: SessionMaker, out: Path
) -> None:
    stale = bytes(4096) + JournalSealer(bytes(32)).tick([(1, 0, bytes(200_000))])
    made.add_part(1, ending="open", stale=stale)
    made.sign(clean=False)
    opened = open_made(made, out)
    assert opened.outcome() is None
    assert np.array_equal(eeg_of(opened)[1], all_eeg(made))


@pytest.mark.parametrize("journal", [None, b"", bytes(8192)])
def test_a_part_that_never_began_is_no_loss(
    made: SessionMaker, out: Path, journal: bytes | None
) -> None:
    made.add_part()
    folder = made.folder / "0002.open"
    folder.mkdir()
    if journal is not None:
        (folder / "journal").write_bytes(journal)
    made.sign(clean=False)
    opened = open_made(made, out)
    assert opened.outcome() is None
    assert np.array_equal(eeg_of(opened)[1], all_eeg(made))


def test_the_journal_of_an_earlier_part_is_not_taken_for_this_one(
    made: SessionMaker, out: Path
) -> None:
    made.add_part(keep_journal=True)
    folder = made.folder / "0002.open"
    folder.mkdir()
    (made.folder / "0001" / "journal").rename(folder / "journal")
    made.sign(clean=False)
    opened = open_made(made, out)
    assert opened.outcome() is None
    assert opened.integrity.recovered_from_journal_s == 0
    assert np.array_equal(eeg_of(opened)[1], all_eeg(made))


def test_a_journal_left_in_a_closed_part_is_redundant(
    made: SessionMaker, out: Path
) -> None:
    made.add_part(keep_journal=True)
    made.sign()
    opened = open_made(made, out)
    assert opened.outcome() is None
    assert opened.integrity.recovered_from_journal_s == 0


def test_a_closed_part_that_is_unsound_is_filled_from_the_journal_left_in_it(
    made: SessionMaker, out: Path
) -> None:
    made.add_part(keep_journal=True)
    (made.folder / "0001" / "eeg.xdf.age").unlink()
    flip(made.folder / "0001" / "audio.flac.age", 1_000)
    made.sign()
    opened = open_made(made, out)
    assert np.array_equal(eeg_of(opened)[1], all_eeg(made))
    assert np.array_equal(sound_of(opened), all_frames(made))
    assert opened.integrity.recovered_from_journal_s == 2.0
    # Closing may have added to the file what the journal never had.
    assert isinstance(opened.outcome(), DamagedError)
    assert {p.code for p in opened.integrity.problems} == {"unsound"}


def test_a_hole_in_a_journal_is_a_loss_even_if_the_box_signed_it_so(
    made: SessionMaker, out: Path
) -> None:
    part = made.add_part(6, ending="open")
    path = made.folder / "0001.open" / "journal"
    content = bytearray(path.read_bytes())
    start, end = part.journal_ends[4], part.journal_ends[5]
    content[start:end] = bytes(end - start)  # a card that lost a block
    path.write_bytes(content)
    made.sign(clean=False)
    opened = open_made(made, out)
    assert isinstance(opened.outcome(), DamagedError)
    losses = {p.code: p.lost_s for p in opened.integrity.problems}
    assert losses.keys() == {"unsound"}
    n_lost = made.n_rows - len(eeg_of(opened)[0])
    first = opened.integrity.problems[0]
    assert first.path == "0001.open/journal"
    assert first.lost_s is not None
    assert abs(first.lost_s - n_lost / RATE_HZ) < 0.01
    assert n_lost <= 1.5 * RATE_HZ  # up to the next boundary


def test_a_session_nobody_signed_opens_and_says_so(made: SessionMaker, out: Path) -> None:
    made.add_part()
    made.add_part(ending="closing")
    opened = open_made(made, out)
    assert isinstance(opened.outcome(), UnsignedError)
    assert not opened.integrity.signed
    assert opened.integrity.device == made.device
    assert np.array_equal(eeg_of(opened)[1], all_eeg(made))


def test_an_unsigned_folder_of_another_name_tells_its_session_by_its_sheet(
    made: SessionMaker, out: Path
) -> None:
    made.add_part()
    made.folder = made.folder.rename(made.folder.with_name("copy"))
    opened = open_made(made, out)
    assert opened.folder.name == str(made.session)


def test_an_unsigned_folder_that_tells_no_session_is_refused(
    made: SessionMaker, out: Path
) -> None:
    made.add_part()
    (made.folder / "session.json.age").unlink()
    made.folder = made.folder.rename(made.folder.with_name("copy"))
    with pytest.raises(OpenError, match="which session"):
        open_made(made, out)


def test_erased_parts_are_listed_and_never_filled(made: SessionMaker, out: Path) -> None:
    for _ in range(4):
        made.add_part()
    made.erase(2)
    made.erase(3)
    made.sign()
    opened = open_made(made, out)
    assert opened.outcome() is None
    assert opened.integrity.erased == (2, 3)
    stamps, samples = eeg_of(opened)
    kept = [*range(4), *range(12, 16)]
    assert np.array_equal(samples, np.concatenate([made.eeg_uv[n] for n in kept], axis=1))
    assert np.array_equal(sound_of(opened), np.concatenate([made.frames[n] for n in kept]))
    assert stamps[4 * 125] - stamps[4 * 125 - 1] > 3.9


def test_an_erased_part_of_an_unsigned_session_is_never_opened(
    made: SessionMaker, out: Path
) -> None:
    made.add_part()
    made.add_part()
    # The box was cut off after the rename, before it emptied the folder.
    (made.folder / "0002").rename(made.folder / "0002.erased")
    opened = open_made(made, out)
    assert opened.integrity.erased == (2,)
    assert np.array_equal(eeg_of(opened)[1], np.concatenate(made.eeg_uv[:4], axis=1))


def test_a_discarded_session_is_refused(made: SessionMaker, out: Path) -> None:
    (made.folder / "session.json.age").unlink()
    made.sign(discarded=True)
    with pytest.raises(OpenError, match="discarded"):
        open_made(made, out)


# The clock of the sound


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


# Damage


def test_a_flipped_bit_costs_one_sealed_chunk_and_is_named(
    made: SessionMaker, out: Path
) -> None:
    made.add_part(12)
    path = made.folder / "0001" / "eeg.xdf.age"
    made.sign()
    flip(path, path.stat().st_size // 2)
    opened = open_made(made, out)
    assert isinstance(opened.outcome(), DamagedError)
    problem = only_problem(opened)
    assert (problem.code, problem.path, problem.part) == ("differs", "0001/eeg.xdf.age", 1)
    stamps, samples = eeg_of(opened)
    lost = made.n_rows - len(stamps)
    assert 0 < lost < CHUNK / 20
    assert problem.lost_s is not None
    assert abs(problem.lost_s - lost / RATE_HZ) < 0.01
    true = np.concatenate(made.eeg_ns) / 1e9
    place = np.searchsorted(true, stamps - 0.5 / RATE_HZ)
    assert np.array_equal(samples, all_eeg(made)[:, place])


@pytest.mark.parametrize("size", [0, 1, 100, 500, CHUNK, CHUNK + 700, -1])
def test_a_truncated_file_is_opened_up_to_the_cut(
    made: SessionMaker, out: Path, size: int
) -> None:
    made.add_part(6)
    made.add_part()
    made.sign()
    path = made.folder / "0001" / "eeg.xdf.age"
    path.write_bytes(path.read_bytes()[:size])
    opened = open_made(made, out)
    assert isinstance(opened.outcome(), DamagedError)
    problem = next(p for p in opened.integrity.problems if p.code == "differs")
    stamps, samples = eeg_of(opened)
    recorded = all_eeg(made)
    n = len(stamps) - 500
    assert np.array_equal(samples, np.concatenate([recorded[:, :n], recorded[:, 1500:]], 1))
    assert problem.lost_s is not None
    assert abs(problem.lost_s - (1500 - n) / RATE_HZ) < 0.1


def test_a_missing_file_is_named_and_the_rest_delivered(
    made: SessionMaker, out: Path
) -> None:
    for _ in range(3):
        made.add_part()
    made.sign()
    (made.folder / "0002" / "audio.flac.age").unlink()
    opened = open_made(made, out)
    assert isinstance(opened.outcome(), DamagedError)
    problem = only_problem(opened)
    assert (problem.code, problem.part, problem.lost_s) == ("missing", 2, 2.0)
    assert np.array_equal(eeg_of(opened)[1], all_eeg(made))
    recorded = all_frames(made)
    half = 2 * AUDIO_RATE_HZ
    assert np.array_equal(
        sound_of(opened), np.concatenate([recorded[:half], recorded[2 * half :]])
    )


def test_a_missing_part_is_named_file_by_file(made: SessionMaker, out: Path) -> None:
    for _ in range(3):
        made.add_part()
    made.sign()
    shutil.rmtree(made.folder / "0002")
    opened = open_made(made, out)
    assert {(p.code, p.path) for p in opened.integrity.problems} == {
        ("missing", "0002/eeg.xdf.age"),
        ("missing", "0002/audio.flac.age"),
    }
    assert opened.integrity.parts == 3
    assert len(eeg_of(opened)[0]) == made.n_rows - 500


def test_a_damaged_sheet_costs_only_the_sheet(made: SessionMaker, out: Path) -> None:
    made.add_part()
    made.sign()
    flip(made.folder / "session.json.age", -1)
    opened = open_made(made, out)
    assert isinstance(opened.outcome(), DamagedError)
    assert only_problem(opened).path == "session.json.age"
    sheet = json.loads((opened.folder / "session.json").read_text())
    assert sheet == {"device": made.device, "session": str(made.session)}
    assert np.array_equal(eeg_of(opened)[1], all_eeg(made))


@pytest.mark.parametrize("at", [5, 30, 200, 5_000, 100_000])
def test_a_flipped_bit_in_a_journal_is_named(
    made: SessionMaker, out: Path, at: int
) -> None:
    made.add_part()
    made.add_part(ending="open")
    made.sign(clean=False)
    flip(made.folder / "0002.open" / "journal", at)
    opened = open_made(made, out)
    assert isinstance(opened.outcome(), DamagedError)
    assert {p.path for p in opened.integrity.problems} == {"0002.open/journal"}
    stamps, samples = eeg_of(opened)
    true = np.concatenate(made.eeg_ns) / 1e9
    place = np.searchsorted(true, stamps - 0.5 / RATE_HZ)
    assert np.array_equal(samples, all_eeg(made)[:, place])
    assert len(stamps) >= 500


@pytest.mark.parametrize("name", ["eeg.xdf.age", "audio.flac.age"])
def test_bits_flipped_all_over_a_file_never_change_a_sample(
    made: SessionMaker, out: Path, name: str
) -> None:
    made.add_part(3)
    made.add_part()
    made.sign()
    path = made.folder / "0001" / name
    whole = path.read_bytes()
    random = np.random.default_rng(5)
    edges = [0, 25, 150, 320, 400, len(whole) - 1]
    for at in [*edges, *random.integers(0, len(whole), 8).tolist()]:
        path.write_bytes(whole)
        flip(path, at)
        opened = open_made(made, out / str(at))
        assert isinstance(opened.outcome(), DamagedError)
        assert path.parent.name in {p.path[:4] for p in opened.integrity.problems}
        stamps, samples = eeg_of(opened)
        true = np.concatenate(made.eeg_ns) / 1e9
        place = np.searchsorted(true, stamps - 0.5 / RATE_HZ)
        assert np.array_equal(samples, all_eeg(made)[:, place])
        frames = sound_of(opened)
        host_s = np.interp(np.arange(len(frames)), *clock_of(opened).T)
        at_frame = np.rint((host_s - 1000) * AUDIO_RATE_HZ).astype(int)
        assert np.array_equal(frames, all_frames(made)[at_frame])


def test_a_session_with_nothing_sound_in_it_is_refused(
    made: SessionMaker, out: Path
) -> None:
    made.add_part()
    made.sign()
    for path in made.folder.rglob("*.age"):
        path.write_bytes(b"")
    with pytest.raises(OpenError, match="damaged"):
        open_made(made, out)
    assert not out.exists()


# Forgery


def test_a_file_replaced_by_another_that_opens_is_refused(
    made: SessionMaker, out: Path
) -> None:
    part = made.add_part()
    made.sign()
    path = made.folder / "0001" / "eeg.xdf.age"
    path.write_bytes(made.seal(part.xdf))  # anybody has the public keys
    with pytest.raises(ManifestError, match="replaced"):
        open_made(made, out)
    assert not list(out.iterdir())


@pytest.mark.parametrize("name", ["eeg.xdf.age", "audio.flac.age"])
def test_a_part_of_another_session_is_refused_even_if_signed(
    made: SessionMaker, out: Path, tmp_path: Path, name: str
) -> None:
    other = SessionMaker(tmp_path / "other", IDENTITIES, session=UUID(int=5))
    other.add_part()
    made.add_part()
    shutil.copy(other.folder / "0001" / name, made.folder / "0001" / name)
    made.sign()
    with pytest.raises(ManifestError, match="session"):
        open_made(made, out)
    assert not list(out.iterdir())


@pytest.mark.parametrize("signed", [True, False])
def test_parts_swapped_within_a_session_are_refused(
    made: SessionMaker, out: Path, *, signed: bool
) -> None:
    made.add_part()
    made.add_part()
    first, second, aside = (made.folder / name for name in ("0001", "0002", "aside"))
    first.rename(aside)
    second.rename(first)
    aside.rename(second)
    if signed:
        made.sign()
    with pytest.raises(ManifestError, match="part 2, not to 1"):
        open_made(made, out)


def test_another_boxs_recording_signed_as_its_own_is_refused(
    tmp_path: Path, out: Path
) -> None:
    victim = SessionMaker(tmp_path / "victim", IDENTITIES, device="BOX-0001A")
    victim.write_sheet()
    victim.add_part()
    thief = SessionMaker(tmp_path / "thief", IDENTITIES)
    shutil.copytree(victim.folder, thief.folder, dirs_exist_ok=True)
    thief.sign()
    with pytest.raises(ManifestError, match="BOX-0001A"):
        open_made(thief, out)
    (thief.folder / "session.json.age").unlink()
    thief.sign()
    with pytest.raises(ManifestError, match="BOX-0001A"):
        open_made(thief, out)


@pytest.mark.parametrize("name", ["eeg.xdf.age", "audio.flac.age"])
def test_a_file_that_does_not_say_whose_it_is_is_refused(
    made: SessionMaker, out: Path, name: str
) -> None:
    part = made.add_part()
    plain = part.xdf if name.startswith("eeg") else part.flac
    anonymous = re.sub(b"device|FIELDREC", lambda m: b"x" * len(m[0]), plain)
    (made.folder / "0001" / name).write_bytes(made.seal(anonymous))
    made.sign()
    with pytest.raises(ManifestError, match="does not say whose"):
        open_made(made, out)


def test_a_sheet_of_another_session_is_refused(
    made: SessionMaker, out: Path, tmp_path: Path
) -> None:
    other = SessionMaker(tmp_path / "other", IDENTITIES, session=UUID(int=5))
    other.write_sheet()
    made.add_part()
    shutil.copy(other.folder / "session.json.age", made.folder)
    made.sign()
    with pytest.raises(ManifestError, match=r"session\.json\.age"):
        open_made(made, out)


def test_a_part_nobody_signed_is_not_opened(made: SessionMaker, out: Path) -> None:
    made.add_part()
    made.sign()
    made.add_part()
    opened = open_made(made, out)
    assert opened.outcome() is None  # every signed byte opened
    assert {p.code for p in opened.integrity.problems} == {"extra"}
    assert len(eeg_of(opened)[0]) == 500


# The output folder


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


def test_a_part_gone_before_the_box_signed_is_damage(made: SessionMaker, out: Path) -> None:
    for _ in range(3):
        made.add_part(1)
    shutil.rmtree(made.folder / "0002")
    made.sign()
    opened = open_made(made, out)
    problem = only_problem(opened)
    assert (problem.code, problem.path, problem.lost_s) == ("missing", "0002", None)
    assert isinstance(opened.outcome(), DamagedError)


def test_a_session_still_being_recorded_is_refused_in_plain_words(
    made: SessionMaker, out: Path
) -> None:
    part = made.add_part(2, ending="open")
    path = made.folder / "0001.open" / "journal"
    whole = path.read_bytes()
    so_far = part.journal_ends[1]
    path.write_bytes(whole[:so_far] + bytes(len(whole) - so_far))

    def record_on(step: str) -> None:
        if "EEG" in step:
            path.write_bytes(whole)

    with pytest.raises(OpenError, match="part 1 of the session changed while"):
        open_session(
            made.folder,
            out=out,
            identities=made.identities[:1],
            signers=made.signers,
            at=AT,
            progress=record_on,
        )
    assert not list(out.iterdir())
