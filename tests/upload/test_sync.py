"""Sessions reach the lab's server whole and in order, and are deleted only on its word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from recorder.commands.sessions import list_sessions
from recorder.errors import BoxError, StoreBusyError, StoreError
from recorder.store.disk import RealDisk
from recorder.store.layout import UPLOAD_FILE
from recorder.store.receipts import Lab
from recorder.store.sessions import Lock
from recorder.upload.room import sync_lock
from tests.flaky_proxy import FlakyProxy
from tests.upload_rig import (
    SMALL,
    World,
    add_session,
    assert_arrived,
    connect_box,
    give_receipt,
    sign_folder,
    signed,
    taken,
)

if TYPE_CHECKING:
    from pathlib import Path

    from recorder.box import Box
    from tests.house import House
    from tests.sftp_server import IntakeServer

KEPT = ["manifest.json", "manifest.json.sig", "receipt.json", "receipt.json.sig"]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_session_arrives_as_it_was_signed(
    box: Box, server: IntakeServer, world: World
) -> None:
    folders = [add_session(box, seed=seed) for seed in range(3)]
    outcome = world.sync(box.root)
    assert outcome.tally.sent == [folder.name for folder in folders]
    assert len(server.take().taken) == 3
    for folder in folders:
        assert_arrived(server, folder)


@pytest.mark.parametrize("size", [0, 1, 32_767, 32_768, 32_769, 64 * 32_768 + 1])
def test_a_file_of_any_size_arrives(
    size: int, box: Box, server: IntakeServer, world: World
) -> None:
    folder = add_session(box, {"session.json.age": size})
    world.sync(box.root)
    server.take()
    assert_arrived(server, folder)


def test_the_signature_is_the_last_thing_to_arrive(
    box: Box, server: IntakeServer, world: World
) -> None:
    folder = add_session(box)
    up = server.folder.up(box.device.lower())
    looks: list[set[str]] = []
    with FlakyProxy(server.port, watch=lambda: looks.append(set(names(up)))) as link:
        connect_box(box.root, server, port=link.port)
        world.sync(box.root)
    manifest, signature = (f"{folder.name}~manifest.json{end}" for end in ("", ".sig"))
    everything = {f"{folder.name}~{path.replace('/', '~')}" for path in SMALL}
    assert set(names(up)) == {*everything, manifest, signature}
    assert all(everything <= look for look in looks if manifest in look)
    assert all({*everything, manifest} <= look for look in looks if signature in look)
    assert [look for look in looks if look]


def test_the_oldest_session_goes_first(box: Box, world: World) -> None:
    folders = [add_session(box, {"session.json.age": 10}, seed=n) for n in range(4)]
    assert world.sync(box.root).tally.sent == [folder.name for folder in folders]


def test_what_was_sent_is_not_sent_again(
    box: Box, server: IntakeServer, world: World
) -> None:
    add_session(box)
    world.sync(box.root)
    server.take()
    assert world.sync(box.root).tally.sent == []
    assert list(server.folder.up(box.device.lower()).iterdir()) == []


def test_a_discarded_sessions_tombstone_arrives_too(
    box: Box, server: IntakeServer, world: World
) -> None:
    folder = box.sessions / "7e57ab1e-0000-4000-8000-000000000001.discarded"
    folder.mkdir()
    sign_folder(box, folder, discarded=True)
    world.sync(box.root)
    server.take()
    assert_arrived(server, folder)
    give_receipt_and_sync_twice(folder, box, server, world)


def give_receipt_and_sync_twice(
    folder: Path, box: Box, server: IntakeServer, world: World
) -> None:
    give_receipt(server, folder)
    assert world.sync(box.root, delete_verified=True).tally.verified == [
        signed(folder).manifest.session
    ]
    assert names(folder) == KEPT
    assert world.sync(box.root).tally.sent == []


def test_a_session_without_a_signature_stays_where_it_is(
    box: Box, server: IntakeServer, world: World
) -> None:
    folder = add_session(box)
    (folder / "manifest.json.sig").unlink()
    lock = Lock(box.sessions)  # the recorder is at work: nothing is scanned
    try:
        with pytest.raises(StoreBusyError, match="being recorded"):
            world.sync(box.root)
    finally:
        lock.close()
    assert list(server.folder.up(box.device.lower()).iterdir()) == []


def test_a_dead_boxs_crashed_session_is_signed_and_sent(
    box: Box, server: IntakeServer, world: World
) -> None:
    folder = box.sessions / "7e57ab1e-0000-4000-8000-000000000002"
    (folder / "0001.open").mkdir(parents=True)
    (folder / "0001.open" / "journal").write_bytes(bytes(1000))
    assert world.sync(box.root).tally.sent == [folder.name]
    server.take()
    assert signed(folder).manifest.clean is False
    assert_arrived(server, folder)


def test_a_dead_box_with_a_spoilt_manifest_sends_all_the_others(
    box: Box, server: IntakeServer, world: World
) -> None:
    sound, spoilt = add_session(box, seed=1), add_session(box, seed=2)
    (spoilt / "manifest.json").write_bytes(b"{}")
    crashed = box.sessions / "7e57ab1e-0000-4000-8000-000000000002"
    (crashed / "0001.open").mkdir(parents=True)
    with pytest.raises(StoreError, match=f"{crashed.name} can't be signed"):
        world.sync(box.root)
    server.take()
    assert_arrived(server, sound)
    lab = Lab.read(box.device, box.signers_path)
    states = {
        row.session: row.state for row in list_sessions(RealDisk(), box.sessions, lab)
    }
    assert states == {
        sound.name: "sent",
        spoilt.name: "unreadable",
        crashed.name: "cut off",
    }


def test_a_recorder_that_only_idles_does_not_stop_sync(box: Box, world: World) -> None:
    add_session(box)
    lock = Lock(box.sessions)
    try:
        assert len(world.sync(box.root).tally.sent) == 1
    finally:
        lock.close()


def test_two_syncs_never_run_at_once(box: Box, world: World) -> None:
    with sync_lock(box.sessions), pytest.raises(StoreBusyError, match="uploads"):
        world.sync(box.root)


def test_a_box_without_a_server_says_so(house: House, world: World) -> None:
    with pytest.raises(BoxError, match="names no server"):
        world.sync(house.box)


def test_a_file_that_the_box_lost_holds_back_only_its_session(
    box: Box, server: IntakeServer, world: World
) -> None:
    spoilt, sound = add_session(box, seed=1), add_session(box, seed=2)
    (spoilt / "0001/eeg.xdf.age").write_bytes(b"short")
    with pytest.raises(StoreError, match="5 bytes, signed were 700"):
        world.sync(box.root)
    server.take()
    assert_arrived(server, sound)
    assert not taken(server, spoilt).exists()
    up = names(server.folder.up(box.device.lower()))
    assert up == [f"{spoilt.name}~0001~audio.flac.age", f"{spoilt.name}~session.json.age"]


def test_a_lost_upload_json_costs_no_data(
    box: Box, server: IntakeServer, world: World
) -> None:
    folder = add_session(box)
    world.sync(box.root)
    server.take()
    (folder / UPLOAD_FILE).unlink()
    world.sync(box.root)
    assert server.take().known == [folder.name]
    assert_arrived(server, folder)


@pytest.mark.parametrize("spoilt", [b"", b"{", b"[" * 100_000, b'{"version":2}'])
def test_a_broken_upload_json_costs_no_data(
    spoilt: bytes, box: Box, server: IntakeServer, world: World
) -> None:
    folder = add_session(box)
    (folder / UPLOAD_FILE).write_bytes(spoilt)
    world.sync(box.root)
    server.take()
    assert_arrived(server, folder)


def test_the_last_answer_may_be_lost(box: Box, server: IntakeServer, world: World) -> None:
    """The server took the session away, but the box heard only of its manifest."""
    folder = add_session(box)
    world.sync(box.root)
    server.take()
    state = (folder / UPLOAD_FILE).read_text()
    without = state.replace('"manifest.json.sig",', "").replace(',"manifest.json.sig"', "")
    assert without != state
    start = without.index('"sent_s":')
    end = without.index(",", start)
    (folder / UPLOAD_FILE).write_text(without[:start] + '"sent_s":0' + without[end:])
    assert world.sync(box.root).tally.sent == [folder.name]
    assert list(server.folder.up(box.device.lower()).iterdir()) == []


def test_a_server_that_lost_everything_gets_it_again(
    box: Box, server: IntakeServer, world: World
) -> None:
    folder = add_session(box)
    world.sync(box.root)
    for path in server.folder.up(box.device.lower()).iterdir():
        path.unlink()
    for _day in range(3):
        world.wall_s += 25 * 3600
        world.sync(box.root)
        server.take()
    assert_arrived(server, folder)


def test_asking_again_costs_only_the_manifest(
    box: Box, server: IntakeServer, world: World
) -> None:
    folder = add_session(box, SMALL)
    world.sync(box.root)
    server.take()
    world.wall_s += 25 * 3600
    world.sync(box.root)
    assert names(server.folder.up(box.device.lower())) == [
        f"{folder.name}~manifest.json",
        f"{folder.name}~manifest.json.sig",
    ]
    assert server.take().known == [folder.name]
