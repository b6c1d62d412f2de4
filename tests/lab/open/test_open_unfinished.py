"""A session that was cut off, never signed or erased in part opens as far as it may."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from lab.open import open_session
from recorder.errors import (
    DamagedError,
    OpenError,
    UnsignedError,
)
from recorder.format.journal import JournalSealer
from tests.opened_made import all_eeg, all_frames, eeg_of, flip, open_made, sound_of
from tests.session_maker import (
    AT,
    AUDIO_RATE_HZ,
    RATE_HZ,
    SessionMaker,
)

if TYPE_CHECKING:
    from pathlib import Path


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
