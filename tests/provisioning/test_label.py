"""A label says who the box is, at the size of the tape, and nothing secret."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from provisioning.cli import main
from provisioning.label import make_label, payload
from tests.house import House, exit_code, make_house

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return make_house(tmp_path_factory.mktemp("house"))


def test_it_has_the_size_of_the_tape(house: House) -> None:
    made = make_label(house.load_fleet().device("BOX-00019"))
    picture = Image.open(io.BytesIO(made.png))
    assert picture.size == (732, 343)  # 62 x 29 mm at 300 dpi
    found = re.search(rb"/MediaBox \[ *([0-9. ]+)\]", made.pdf)
    assert found is not None
    size_mm = [float(one) * 25.4 / 72 for one in found[1].split()[2:]]
    assert size_mm == pytest.approx([62, 29], abs=0.1)


def test_something_is_drawn_left_and_right(house: House) -> None:
    picture = Image.open(io.BytesIO(make_label(house.load_fleet().device("BOX-00019")).png))
    inverted = picture.convert("L").point(lambda value: 255 - value)
    left, top, right, bottom = inverted.getbbox() or (0, 0, 0, 0)
    assert left < 40
    assert right > 600
    assert 0 <= top < bottom <= picture.height


def test_the_code_says_id_and_fingerprint_and_no_secret(house: House) -> None:
    device = house.load_fleet().device("BOX-00019")
    said = payload(device)
    assert said.startswith("FIELDREC1:BOX-00019:")
    assert len(said.rpartition(":")[2]) == 16
    key = (house.box / "ssh_ed25519").read_text()
    assert not any(line in said for line in key.splitlines() if line)


def test_the_command_writes_both_files(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("label", "BOX-00019", "--fleet", house.fleet, "--out", tmp_path / "labels")
    assert exit_code(main, *words, "--dry-run") == 0
    assert not (tmp_path / "labels").exists()
    capsys.readouterr()
    assert exit_code(main, *words, "--json") == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert [name.rpartition(".")[2] for name in files] == ["pdf", "png"]
    assert (tmp_path / "labels" / "BOX-00019.pdf").read_bytes().startswith(b"%PDF")
