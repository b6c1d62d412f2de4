"""What is not what the box signed, or another session's, is refused."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from recorder.errors import (
    ManifestError,
)
from tests.opened_made import IDENTITIES, eeg_of, open_made
from tests.session_maker import (
    SessionMaker,
)

if TYPE_CHECKING:
    from pathlib import Path


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
