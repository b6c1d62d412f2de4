"""What is chosen at the box counts more than box.toml, which no program rewrites."""

from __future__ import annotations

import shutil
import stat
from typing import TYPE_CHECKING

import pytest

from recorder import paired
from recorder.box import Box
from recorder.errors import BoxError
from tests.house import House, make_house

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return make_house(tmp_path_factory.mktemp("house"))


@pytest.fixture
def root(house: House, tmp_path: Path) -> Path:
    box = shutil.copytree(house.box, tmp_path / "box")
    text = (box / "box.toml").read_text()
    text = text.replace('headset = ""', 'headset = "muse"')
    text += 'muse = "ble:00:55:DA:B0:12:34:MUSE_2_BOARD"\n'
    (box / "box.toml").write_text(text)
    return box


def test_without_a_choice_box_toml_counts(root: Path) -> None:
    box = Box.load(root)
    assert (box.default_headset, set(box.paired)) == ("muse", {"muse"})


def test_what_is_paired_is_used_and_box_toml_stays_as_it_was(root: Path) -> None:
    before = (root / "box.toml").read_bytes()
    paired.pair(root, "cyton", "serial:/dev/ttyUSB0:CYTON_BOARD")
    box = Box.load(root)
    assert (box.default_headset, set(box.paired)) == ("cyton", {"muse", "cyton"})
    assert (root / "box.toml").read_bytes() == before
    assert stat.S_IMODE((root / paired.FILE).stat().st_mode) == 0o600


def test_a_headset_of_box_toml_can_be_forgotten_and_named_again(root: Path) -> None:
    paired.forget(root, "muse")
    box = Box.load(root)
    assert (box.default_headset, dict(box.paired)) == ("", {})
    paired.pair(root, "muse", "synthetic")
    assert Box.load(root).paired == {"muse": "synthetic"}


def test_forgetting_another_one_changes_nothing_in_use(root: Path) -> None:
    paired.pair(root, "cyton", "synthetic")
    paired.forget(root, "muse")
    box = Box.load(root)
    assert (box.default_headset, set(box.paired)) == ("cyton", {"cyton"})


def test_headset_and_microphone_are_chosen_one_by_one(root: Path) -> None:
    paired.choose(root, microphone="simulated")
    paired.choose(root, headset="synthetic")
    box = Box.load(root)
    assert (box.default_headset, box.default_microphone) == ("synthetic", "simulated")


@pytest.mark.parametrize("content", ["", "[]", '{"version":2}', '{"speed":1}', "\xff"])
def test_a_broken_choice_is_told_with_what_to_do(root: Path, content: str) -> None:
    (root / paired.FILE).write_text(content, "latin-1")
    with pytest.raises(BoxError, match=r"devices\.json") as caught:
        Box.load(root)
    assert "delete it" in caught.value.hint
