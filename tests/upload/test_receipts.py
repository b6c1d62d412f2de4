"""The box believes only the lab's own word about exactly this session, and obeys it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recorder.errors import ReceiptError, UploadError
from recorder.format.manifest import NAMESPACE_CLIENTS
from recorder.format.receipt import receipt_name
from recorder.store.disk import RealDisk
from recorder.store.layout import TRASH
from recorder.store.receipts import Lab, count_deletable_bytes
from recorder.upload.receipts import delete_verified
from recorder.upload.room import make_room, sync_lock
from tests.upload_rig import (
    World,
    add_session,
    assert_arrived,
    give_receipt,
    signed,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from recorder.box import Box
    from tests.sftp_server import IntakeServer

KEPT = ["manifest.json", "manifest.json.sig", "receipt.json", "receipt.json.sig"]


@pytest.fixture
def sent(box: Box, server: IntakeServer, world: World) -> Path:
    """Send one session; the server has taken it."""
    folder = add_session(box)
    world.sync(box.root)
    server.take()
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def is_whole(folder: Path) -> bool:
    return all((folder / path).is_file() for path in signed(folder).manifest.files)


def test_verified_stays_until_space_is_needed(
    box: Box, server: IntakeServer, world: World, sent: Path
) -> None:
    give_receipt(server, sent)
    outcome = world.sync(box.root)
    assert (outcome.tally.verified, outcome.tally.deleted) == ([sent.name], [])
    assert is_whole(sent)
    world.wanted_free_bytes = 1 << 62
    assert world.sync(box.root).tally.deleted == [sent.name]
    assert names(sent) == KEPT


def test_verified_goes_when_asked(
    box: Box, server: IntakeServer, world: World, sent: Path
) -> None:
    give_receipt(server, sent)
    assert world.sync(box.root, delete_verified=True).tally.deleted == [sent.name]
    assert names(sent) == KEPT
    outcome = world.sync(box.root, delete_verified=True)
    assert (outcome.tally.sent, outcome.tally.deleted) == ([], [])


def test_only_as_many_go_as_space_is_needed_the_oldest_first(
    box: Box, server: IntakeServer, world: World
) -> None:
    folders = [add_session(box, seed=n) for n in range(3)]
    world.sync(box.root)
    for number, folder in enumerate(folders, start=1):
        give_receipt(server, folder, number=number)
    world.disk = PoorDisk(box.sessions, room_after=2)
    world.wanted_free_bytes = 1000
    assert world.sync(box.root).tally.deleted == [folder.name for folder in folders[:2]]
    assert is_whole(folders[2])


class PoorDisk(RealDisk):
    """A disk that has room once some sessions were deleted."""

    def __init__(self, sessions: Path, *, room_after: int) -> None:
        self._sessions = sessions
        self._room_after = room_after

    def free_bytes(self, folder: Path) -> int:
        emptied = sum(names(each) == KEPT for each in folder.iterdir() if each.is_dir())
        return 10_000 if emptied >= self._room_after else 10


def test_resend_sends_the_named_files_again(
    box: Box, server: IntakeServer, world: World, sent: Path
) -> None:
    give_receipt(server, sent, "resend", files=["0001/eeg.xdf.age"])
    outcome = world.sync(box.root)
    assert (outcome.tally.resend, outcome.tally.sent) == ([sent.name], [sent.name])
    up = names(server.folder.up(box.device.lower()))
    assert up == [
        f"{sent.name}~0001~eeg.xdf.age",
        f"{sent.name}~manifest.json",
        f"{sent.name}~manifest.json.sig",
    ]


def test_resend_is_obeyed_once(
    box: Box, server: IntakeServer, world: World, sent: Path
) -> None:
    give_receipt(server, sent, "resend", files=["session.json.age"])
    world.sync(box.root)
    server.take()
    assert world.sync(box.root).tally.sent == []
    give_receipt(server, sent, "resend", files=["session.json.age"], number=2)
    assert world.sync(box.root).tally.sent == [sent.name]


def test_resend_takes_back_what_was_verified(
    box: Box, server: IntakeServer, world: World, sent: Path
) -> None:
    give_receipt(server, sent, number=1)
    world.sync(box.root)
    give_receipt(server, sent, "resend", files=["session.json.age"], number=2)
    outcome = world.sync(box.root, delete_verified=True)
    assert outcome.tally.deleted == []
    assert is_whole(sent)
    assert not (sent / "receipt.json").exists()


def test_damaged_is_kept_until_the_lab_accepts(
    box: Box, server: IntakeServer, world: World, sent: Path
) -> None:
    world.wanted_free_bytes = 1 << 62
    give_receipt(server, sent, "damaged", files=["session.json.age"])
    outcome = world.sync(box.root, delete_verified=True)
    assert (outcome.tally.damaged, outcome.tally.deleted) == ([sent.name], [])
    assert is_whole(sent)
    give_receipt(server, sent, number=2)
    assert world.sync(box.root, delete_verified=True).tally.deleted == [sent.name]


def test_withdrawn_goes_at_once(
    box: Box, server: IntakeServer, world: World, sent: Path
) -> None:
    give_receipt(server, sent, "withdrawn")
    outcome = world.sync(box.root)
    assert (outcome.tally.withdrawn, outcome.tally.deleted) == ([sent.name], [sent.name])
    assert names(sent) == KEPT


def test_withdrawn_after_verified_goes_at_once(
    box: Box, server: IntakeServer, world: World, sent: Path
) -> None:
    give_receipt(server, sent)
    world.sync(box.root)
    give_receipt(server, sent, "withdrawn", number=2)
    assert world.sync(box.root).tally.deleted == [sent.name]


def test_an_older_receipt_played_again_does_nothing(
    box: Box, server: IntakeServer, world: World, sent: Path
) -> None:
    give_receipt(server, sent, "damaged", number=5)
    world.sync(box.root)
    give_receipt(server, sent, number=4)
    outcome = world.sync(box.root, delete_verified=True)
    assert (outcome.tally.verified, outcome.tally.deleted) == ([], [])
    assert is_whole(sent)


@pytest.mark.parametrize(
    "change",
    [
        {"session": "7e57ab1e-0000-4000-8000-000000000009"},
        {"device": "BOX-0007Y"},
        {"manifest_sha256": "0" * 64},
    ],
    ids=["session", "device", "manifest"],
)
@pytest.mark.parametrize("status", ["verified", "withdrawn"])
def test_a_receipt_that_speaks_of_another_thing_deletes_nothing(
    status: str,
    change: Mapping[str, object],
    box: Box,
    server: IntakeServer,
    world: World,
    sent: Path,
) -> None:
    give_receipt(server, sent, change={**change, "status": status})
    with pytest.raises(ReceiptError, match="another box, session or manifest"):
        world.sync(box.root, delete_verified=True)
    assert is_whole(sent)


def test_a_receipt_by_a_stranger_deletes_nothing(
    box: Box, server: IntakeServer, world: World, sent: Path
) -> None:
    for key in (Ed25519PrivateKey.generate(), box.signing_key()):
        give_receipt(server, sent, "withdrawn", key=key)
        with pytest.raises(ReceiptError, match="unknown key"):
            world.sync(box.root, delete_verified=True)
        assert is_whole(sent)


def test_a_word_of_the_lab_about_something_else_is_no_receipt(
    box: Box, server: IntakeServer, world: World, sent: Path
) -> None:
    give_receipt(server, sent, "withdrawn", namespace=NAMESPACE_CLIENTS)
    with pytest.raises(ReceiptError, match="fieldrec-clients"):
        world.sync(box.root)
    assert is_whole(sent)


def spoil(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "a bit":
        content[len(content) // 2] ^= 1
    elif how == "cut":
        del content[-1:]
    elif how == "empty":
        content.clear()
    elif how == "deep":
        content[:] = b"[" * 200_000
    path.write_bytes(content)


@pytest.mark.parametrize("which", ["", ".sig"])
@pytest.mark.parametrize("how", ["a bit", "cut", "empty", "deep"])
def test_a_spoilt_receipt_deletes_nothing(
    how: str,
    which: str,
    box: Box,
    server: IntakeServer,
    world: World,
    sent: Path,
) -> None:
    path = give_receipt(server, sent, "withdrawn")
    spoil(path.with_name(path.name + which), how)
    if (how, which) == ("cut", ".sig"):
        assert world.sync(box.root).tally.deleted  # only the newline after the armor
        return
    with pytest.raises(UploadError):
        world.sync(box.root)
    assert is_whole(sent)


def test_a_receipt_without_a_signature_deletes_nothing(
    box: Box, server: IntakeServer, world: World, sent: Path
) -> None:
    path = give_receipt(server, sent, "withdrawn")
    path.with_name(path.name + ".sig").unlink()
    with pytest.raises(ReceiptError, match="no signature"):
        world.sync(box.root)
    assert is_whole(sent)


def test_a_receipt_of_ten_gigabytes_is_not_read(
    box: Box, server: IntakeServer, world: World, sent: Path
) -> None:
    path = give_receipt(server, sent)
    with path.open("r+b") as file:
        file.truncate(10 << 30)
    with pytest.raises(UploadError, match="larger than"):
        world.sync(box.root)
    path.unlink()
    assert is_whole(sent)


def test_one_bad_receipt_does_not_stop_the_others(
    box: Box, server: IntakeServer, world: World, sent: Path
) -> None:
    good, new = add_session(box, seed=1), add_session(box, seed=2)
    give_receipt(server, sent, key=Ed25519PrivateKey.generate())
    give_receipt(server, good)
    with pytest.raises(ReceiptError):
        world.sync(box.root, delete_verified=True)
    assert names(good) == KEPT
    server.take()
    assert_arrived(server, new)


def test_a_forged_receipt_on_the_boxs_own_disk_deletes_nothing(
    box: Box, world: World, sent: Path
) -> None:
    (sent / "receipt.json").write_bytes(b"{}")
    (sent / "receipt.json.sig").write_bytes(b"")
    assert world.sync(box.root, delete_verified=True).tally.deleted == []
    assert is_whole(sent)


class StoppingDisk(RealDisk):
    """Pulls the plug before its n-th change."""

    def __init__(self, left: int) -> None:
        self.left = left

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise PlugPulledError

    def rename(self, old: Path, new: Path) -> None:
        self._count()
        super().rename(old, new)

    def remove_file(self, path: Path) -> None:
        self._count()
        super().remove_file(path)

    def remove_folder(self, path: Path) -> None:
        self._count()
        super().remove_folder(path)


class PlugPulledError(Exception):
    """No OSError: nobody may catch it."""


def test_a_deletion_cut_off_anywhere_is_finished(
    box: Box, server: IntakeServer, world: World, sent: Path
) -> None:
    lab = Lab.read(box.device, box.signers_path)
    give_receipt(server, sent)
    world.sync(box.root)
    steps = 0
    while True:
        disk = StoppingDisk(steps)
        restore(sent)
        try:
            list_and_delete(disk, box, lab)
        except PlugPulledError:
            state = {path.name for path in box.sessions.iterdir() if path.is_dir()}
            assert state in ({sent.name}, {sent.name + TRASH})
            world.sync(box.root, delete_verified=True)
            assert names(sent) == KEPT
            steps += 1
        else:
            break
    assert steps >= 6


def restore(folder: Path) -> None:
    (folder / "0001").mkdir(exist_ok=True)
    for path, entry in signed(folder).manifest.files.items():
        (folder / path).write_bytes(bytes(entry.size))


def list_and_delete(disk: StoppingDisk, box: Box, lab: Lab) -> None:
    assert count_deletable_bytes(RealDisk(), box.sessions, lab)
    delete_verified(disk, box.sessions, lab)


def test_the_receipts_name_is_exact(
    box: Box, server: IntakeServer, world: World, sent: Path
) -> None:
    path = give_receipt(server, sent)
    session = signed(sent)
    assert path.name == receipt_name(session.manifest.session, session.sha256)
    path.rename(path.with_name(f"{sent.name}.json"))
    assert world.sync(box.root, delete_verified=True).tally.deleted == []


def test_a_new_session_gets_the_room_of_verified_ones(
    box: Box, server: IntakeServer, world: World, sent: Path
) -> None:
    kept = add_session(box, seed=1)
    lab = Lab.read(box.device, box.signers_path)
    assert count_deletable_bytes(RealDisk(), box.sessions, lab) == 0
    give_receipt(server, sent)
    world.sync(box.root)
    assert count_deletable_bytes(RealDisk(), box.sessions, lab) == signed(sent).size_bytes
    assert make_room(box, RealDisk(), wanted_bytes=1) == 0
    with sync_lock(box.sessions):  # a sync at work sees to it itself
        assert make_room(box, RealDisk(), wanted_bytes=1 << 62) == 0
    assert make_room(box, RealDisk(), wanted_bytes=1 << 62) == 1
    assert names(sent) == KEPT
    assert is_whole(kept)
