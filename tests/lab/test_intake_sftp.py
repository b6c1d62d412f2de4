"""Over SFTP the lab sees, fetches and writes the same as in a folder of its own."""

from __future__ import annotations

import subprocess
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from lab.intake_sftp import SftpPlace
from lab.sftp_batch import SftpAddress, SftpBatch
from recorder.errors import AccessError, HostKeyError, LabError, LinkError, UploadError
from tests.intake_bench import (
    DEVICE,
    OTHER,
    IntakeBench,
    flip,
    remove,
    session_uuid,
    tree,
)
from tests.lab_account import LabAccount, lab_account

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabAccount]:
    with lab_account(tmp_path_factory.mktemp("sshd") / "root") as running:
        yield running


@pytest.fixture
def bench(tmp_path: Path) -> IntakeBench:
    return IntakeBench(tmp_path / 'a "folder" [x] \\ *')


def place(bench: IntakeBench, account: LabAccount) -> SftpPlace:
    return SftpPlace(PurePosixPath(bench.server), account.batch)


def test_it_sees_the_same_copies_as_the_folder_has(
    bench: IntakeBench, account: LabAccount
) -> None:
    bench.take_in(1)
    bench.take_in(2, attempt=1)
    bench.take_in(1, device=OTHER)
    (bench.server / "intake" / DEVICE / "odd name").mkdir()
    (bench.server / "intake" / "lost+found").mkdir()
    (bench.server / "intake" / DEVICE / str(session_uuid(9))).symlink_to("/etc")
    assert place(bench, account).copies() == bench.place.copies()
    assert len(bench.place.copies()) == 3


def test_a_server_without_sessions_is_empty_and_a_wrong_folder_is_refused(
    bench: IntakeBench, account: LabAccount
) -> None:
    assert place(bench, account).copies() == ()
    (bench.server / "intake").rmdir()
    with pytest.raises(LabError, match="no intake"):
        place(bench, account).copies()


def test_sessions_come_whole_in_parallel_and_receipts_go_back(
    bench: IntakeBench, account: LabAccount
) -> None:
    for number in (1, 2, 3):
        bench.take_in(number)
    bench.take_in(4, change=remove("0001/eeg.xdf.age"))
    there = place(bench, account)
    report = bench.pull(place=there, jobs=4)
    assert sorted(verdict.status for verdict in report.judged) == [
        "resend",
        "verified",
        "verified",
        "verified",
    ]
    assert tree(bench.home(1)) == tree(bench.intake(1))
    assert tree(bench.home(4)) == tree(bench.intake(4))
    assert len(bench.sign_and_hand_out(there).written) == 4
    before = tree(bench.receipts())
    assert len(before) == 8
    assert bench.sign_and_hand_out(there).written == []
    (bench.receipts() / min(before)).write_bytes(b"forged")
    assert len(bench.sign_and_hand_out(there).written) == 1
    assert tree(bench.receipts()) == before
    assert bench.sign_and_hand_out().written == []


def test_a_file_that_was_cut_goes_on_where_it_stopped(
    bench: IntakeBench, account: LabAccount
) -> None:
    source = bench.take_in()
    whole = (source / "0001" / "audio.flac.age").read_bytes()
    files = bench.archive.incoming / DEVICE / f".{source.name}" / "files" / "0001"
    files.mkdir(parents=True)
    # What lies there is told from a new copy by a byte that only a continued one keeps.
    begun = bytes([whole[0] ^ 1]) + whole[1:5000]
    (files / "audio.flac.age~part").write_bytes(begun)
    (files / "eeg.xdf.age~part").write_bytes(b"longer than the file" * 9999)
    (verdict,) = bench.pull(place=place(bench, account)).judged
    assert (verdict.status, verdict.files) == ("resend", ("0001/audio.flac.age",))
    assert (bench.home() / "0001" / "audio.flac.age").read_bytes() == begun + whole[5000:]


def test_a_manifest_larger_than_any_is_not_fetched(
    bench: IntakeBench, account: LabAccount
) -> None:
    source = bench.take_in()
    with (source / "manifest.json").open("r+b") as file:
        file.truncate(10_000_000_000)
    bench.pull(place=place(bench, account))
    assert bench.causes() == {source.name: "word"}


def test_a_file_of_another_size_than_signed_is_not_fetched(
    bench: IntakeBench, account: LabAccount
) -> None:
    source = bench.take_in()
    with (source / "0001" / "eeg.xdf.age").open("r+b") as file:
        file.truncate(1_000_000_000_000)
    (verdict,) = bench.pull(place=place(bench, account)).judged
    assert verdict.files == ("0001/eeg.xdf.age",)
    assert not (bench.home() / "0001" / "eeg.xdf.age").exists()


def test_a_server_with_another_host_key_is_refused(
    bench: IntakeBench, account: LabAccount, tmp_path: Path
) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"],
        check=True,
    )
    kind, key, _ = (tmp_path / "other.pub").read_text().split(maxsplit=2)
    hosts = tmp_path / "hosts"
    hosts.write_text(f"[127.0.0.1]:{account.port} {kind} {key}\n")
    batch = SftpBatch("127.0.0.1", account.port, account.user, account.key, hosts)
    with pytest.raises(HostKeyError):
        SftpPlace(place(bench, account).root, batch).copies()


def test_a_key_the_server_does_not_know_is_refused(
    bench: IntakeBench, account: LabAccount, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    batch = SftpBatch("127.0.0.1", account.port, account.user, key, account.known_hosts)
    with pytest.raises(AccessError):
        SftpPlace(place(bench, account).root, batch).copies()


def test_a_server_that_is_not_there_is_a_link_that_may_come_back(
    bench: IntakeBench, account: LabAccount
) -> None:
    batch = SftpBatch("127.0.0.1", 1, account.user, account.key, account.known_hosts)
    with pytest.raises(LinkError) as refused:
        SftpPlace(place(bench, account).root, batch).copies()
    assert refused.value.temporary


def test_a_mailbox_that_cant_be_written_is_named(
    bench: IntakeBench, account: LabAccount
) -> None:
    bench.take_in()
    bench.pull()
    bench.receipts().rmdir()
    there = place(bench, account)
    ((name, error),) = bench.sign_and_hand_out(there).failures
    assert (name, type(error)) == (DEVICE, LabError)
    with pytest.raises(UploadError):
        there.put_receipts(DEVICE, {"x.json": b""})


def test_a_bit_flipped_at_the_server_is_found(
    bench: IntakeBench, account: LabAccount
) -> None:
    bench.take_in(change=flip("session.json.age"))
    (verdict,) = bench.pull(place=place(bench, account)).judged
    assert verdict.files == ("session.json.age",)


@pytest.mark.parametrize(
    "text",
    [
        "sftp://host/x",
        "sftp://user@/x",
        "sftp://user@host",
        "sftp://user@host/",
        "sftp://user:secret@host/x",
        "sftp://user@host:99999/x",
        "sftp://-oProxyCommand=x@host/x",
        "sftp://user@-oProxyCommand=x/x",
        "sftp://user@host/x?y",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(LabError):
        SftpAddress.parse(text)


def test_an_address_names_user_host_port_and_folder() -> None:
    parsed = SftpAddress.parse("sftp://lab@intake.example:2222/srv/field%20rec")
    assert (parsed.user, parsed.host, parsed.port) == ("lab", "intake.example", 2222)
    assert str(parsed.folder) == "/srv/field rec"
    assert SftpAddress.parse("sftp://lab@[::1]/x").host == "::1"


def test_a_withdrawn_copy_is_deleted_and_no_other(
    bench: IntakeBench, account: LabAccount
) -> None:
    bench.take_in(1)
    bench.take_in(1, attempt=1)
    bench.take_in(2)
    there = place(bench, account)
    gone = [copy for copy in there.copies() if copy.session == str(session_uuid(1))]
    assert len(gone) == 2
    there.delete(gone[0])
    bench.place.delete(gone[1])
    left = {path.name for path in (bench.server / "intake" / DEVICE).iterdir()}
    name = str(session_uuid(2))
    assert left == {name, f"{name}.intake.json"}
    with pytest.raises(UploadError):
        there.delete(gone[0])
