"""The working key changes; what was sealed before opens, and so does what comes after."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lab.cli import main
from lab.identity import read_identities
from lab.init import init_lab
from lab.rotate_identity import rotate_identity
from lab.settings import Lab
from lab.unseal import unseal
from provisioning.publish import publish_to_box
from provisioning.registry import read_utc
from recorder.box import Box
from recorder.errors import LabError
from recorder.format.age import parse_recipients, recipient_text, seal
from tests.house import House, exit_code, make_house, mode

if TYPE_CHECKING:
    from pathlib import Path


def recipients_of(lab: Lab) -> tuple[str, ...]:
    text = (lab.public / "recipients.txt").read_text("ascii")
    return tuple(map(recipient_text, parse_recipients(text)))


@pytest.mark.parametrize("post_quantum", [True, False])
def test_old_and_new_recordings_open(tmp_path: Path, *, post_quantum: bool) -> None:
    recovery = tmp_path / "recovery.txt"
    root = init_lab(tmp_path / "lab", recovery_out=recovery, post_quantum=post_quantum).root
    lab = Lab.load(root)
    before = parse_recipients((lab.public / "recipients.txt").read_text("ascii"))
    old = seal(b"old", before)
    public = rotate_identity(lab)
    after = parse_recipients((lab.public / "recipients.txt").read_text("ascii"))
    new = seal(b"new", after)
    own = read_identities(lab.identity_path)
    assert unseal(old, own) == b"old"
    assert unseal(new, own) == b"new"
    for sealed in (old, new):
        assert unseal(sealed, read_identities(recovery))
    assert recipients_of(lab) == (public, recipient_text(before[1]))
    assert mode(lab.identity_path) == 0o600


def test_it_can_be_changed_again(tmp_path: Path) -> None:
    root = init_lab(tmp_path / "lab", recovery_out=tmp_path / "recovery.txt").root
    keys = {rotate_identity(Lab.load(root)) for _ in range(3)}
    assert len(keys) == 3
    assert len(read_identities(Lab.load(root).identity_path)) == 4


def test_recipients_that_are_not_the_labs_own_are_left_alone(tmp_path: Path) -> None:
    root = init_lab(tmp_path / "lab", recovery_out=tmp_path / "recovery.txt").root
    lab = Lab.load(root)
    path = lab.public / "recipients.txt"
    foreign = init_lab(tmp_path / "other", recovery_out=tmp_path / "other.txt").root
    path.write_bytes((foreign / "public" / "recipients.txt").read_bytes())
    before = path.read_bytes()
    with pytest.raises(LabError, match="0 keys of this lab and 2 others"):
        rotate_identity(lab)
    assert path.read_bytes() == before
    assert len(read_identities(lab.identity_path)) == 1


def test_a_box_in_the_field_seals_for_the_new_key(tmp_path: Path) -> None:
    house: House = make_house(tmp_path)
    assert exit_code(main, "rotate", "identity", "--lab", house.lab, "--json") == 0
    publish_to_box(house.load_fleet(), house.box, now=read_utc())
    sealed_for = [recipient_text(each) for each in Box.load(house.box).recipients]
    assert sealed_for == list(recipients_of(house.load_lab()))


def test_the_command_says_what_comes_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = init_lab(tmp_path / "lab", recovery_out=tmp_path / "recovery.txt").root
    assert exit_code(main, "rotate", "identity", "--lab", root, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "public_key": recipients_of(Lab.load(root))[0]
    }
    assert exit_code(main, "rotate", "identity", "--lab", root) == 0
    assert "fieldrec-provision publish" in capsys.readouterr().out
