"""A mailbox holds a word and its signature together, and is made by whom it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from recorder.errors import LabError
from recorder.mailbox import deliver, find_mailbox
from tests.house import mode

if TYPE_CHECKING:
    from pathlib import Path


def test_a_folder_to_be_copied_gets_the_mailbox_it_lacks(tmp_path: Path) -> None:
    mailbox = find_mailbox(tmp_path, "BOX-00019", LabError)
    assert mailbox == tmp_path / "boxes" / "box-00019" / "receipts"
    assert mailbox.is_dir()
    assert find_mailbox(tmp_path, "BOX-00019", LabError) == mailbox


def test_a_servers_mailboxes_are_made_by_its_own_script(tmp_path: Path) -> None:
    (tmp_path / "sshd_config").touch()
    with pytest.raises(LabError, match="no mailbox for BOX-00019") as refused:
        find_mailbox(tmp_path, "BOX-00019", LabError)
    assert "add-device box-00019" in refused.value.hint
    assert not (tmp_path / "boxes").exists()


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="there is no folder"):
        find_mailbox(tmp_path / "none", "BOX-00019", LabError)


def test_delivered_files_can_be_read_by_name_and_nothing_else_stays(tmp_path: Path) -> None:
    for content, signature in ((b"first", b"by me"), (b"second", b"by me too")):
        deliver(tmp_path, "fleet.json", content, signature)
        assert (tmp_path / "fleet.json").read_bytes() == content
        assert (tmp_path / "fleet.json.sig").read_bytes() == signature
    names = {path.name: mode(path) for path in tmp_path.iterdir()}
    assert names == {"fleet.json": 0o644, "fleet.json.sig": 0o644}


def test_the_same_again_touches_nothing(tmp_path: Path) -> None:
    deliver(tmp_path, "fleet.json", b"word", b"signature")
    before = {path.name: path.stat() for path in tmp_path.iterdir()}
    deliver(tmp_path, "fleet.json", b"word", b"signature")
    after = {path.name: path.stat() for path in tmp_path.iterdir()}
    assert {name: status.st_ino for name, status in after.items()} == {
        name: status.st_ino for name, status in before.items()
    }


def test_a_lost_signature_is_replaced(tmp_path: Path) -> None:
    deliver(tmp_path, "fleet.json", b"word", b"signature")
    (tmp_path / "fleet.json.sig").unlink()
    deliver(tmp_path, "fleet.json", b"word", b"signature")
    assert (tmp_path / "fleet.json.sig").read_bytes() == b"signature"
