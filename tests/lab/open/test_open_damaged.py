"""Whatever is damaged or gone is named, and everything sound is delivered."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from recorder.errors import (
    DamagedError,
    OpenError,
)
from tests.opened_made import (
    all_eeg,
    all_frames,
    clock_of,
    eeg_of,
    flip,
    only_problem,
    open_made,
    sound_of,
)
from tests.session_maker import (
    AUDIO_RATE_HZ,
    RATE_HZ,
    SessionMaker,
)

if TYPE_CHECKING:
    from pathlib import Path


CHUNK = 64 * 1024


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


def test_a_part_gone_before_the_box_signed_is_damage(made: SessionMaker, out: Path) -> None:
    for _ in range(3):
        made.add_part(1)
    shutil.rmtree(made.folder / "0002")
    made.sign()
    opened = open_made(made, out)
    problem = only_problem(opened)
    assert (problem.code, problem.path, problem.lost_s) == ("missing", "0002", None)
    assert isinstance(opened.outcome(), DamagedError)
