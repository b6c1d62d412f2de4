"""A box can upload to the deployed server and read its own receipts, and nothing else.

Real users, chroot and sshd; the attackers are paramiko and OpenSSH's own clients with a
genuine key and certificate, as someone has who took a box apart.
"""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import paramiko  # noqa: TID251 - a stranger's client, to attack with
import pytest
from paramiko import sftp as wire  # noqa: TID251 - a stranger's client, to attack with

from tests.locked_server import locked_server  # noqa: F401 - fixture
from tests.uploaded import FILES, Uploaded, tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.locked_server import LockedServer

ROOT = Path(__file__).resolve().parents[2]
DONE = b"sealed bytes of a finished upload"

pytestmark = pytest.mark.system


@pytest.fixture
def server(locked_server: LockedServer) -> LockedServer:  # noqa: F811 - fixture
    return locked_server


@pytest.fixture
def box(server: LockedServer) -> Iterator[paramiko.SFTPClient]:
    with server.sftp() as client:
        yield client


@pytest.fixture
def done(box: paramiko.SFTPClient) -> str:
    """Upload a file and return its name."""
    name = f"up/{uuid4()}~session.json.age"
    upload(box, name, DONE)
    return name


def upload(box: paramiko.SFTPClient, name: str, content: bytes) -> None:
    """Upload as a box does: under .part, then renamed."""
    with box.open(f"{name}.part", "ab") as file:
        file.write(content)
    box.rename(f"{name}.part", name)


def on_disk(server: LockedServer, name: str) -> Path:
    return server.folder.boxes / server.user / name


def denied(act: Callable[[], object]) -> None:
    """See that the server refuses; it may say that it is denied or that it failed."""
    with pytest.raises(OSError, match=r"Permission denied|Failure|Operation unsupported"):
        act()


def move(server: LockedServer) -> dict[str, dict[str, str]]:
    """Let the mover run once as the user without rights it has when deployed."""
    ran = subprocess.run(
        [sys.executable, ROOT / "tests/moves_as.py", server.owner, server.folder.root],
        check=True,
        capture_output=True,
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    report: dict[str, dict[str, str]] = json.loads(ran.stdout)
    return report


# What it can do.


def test_a_box_can_upload_and_see_how_much_has_arrived(
    server: LockedServer, box: paramiko.SFTPClient, done: str
) -> None:
    assert box.stat(done).st_size == len(DONE)
    assert on_disk(server, done).read_bytes() == DONE


def test_openssh_s_own_client_can_upload(server: LockedServer, tmp_path: Path) -> None:
    source = tmp_path / "file"
    source.write_bytes(DONE)
    name = f"up/{uuid4()}"
    ran = server.ssh("sftp", "-b", "-", script=f"put {source} {name}.part\n")
    assert on_disk(server, f"{name}.part").read_bytes() == DONE, ran.stderr


def test_an_interrupted_upload_can_be_continued(
    server: LockedServer, box: paramiko.SFTPClient
) -> None:
    name = f"up/{uuid4()}"
    for piece in (b"first ", b"second"):
        with box.open(f"{name}.part", "ab") as file:
            file.write(piece)
    box.rename(f"{name}.part", name)
    assert on_disk(server, name).read_bytes() == b"first second"


def test_a_box_reads_its_receipt_by_exact_name(
    server: LockedServer, box: paramiko.SFTPClient
) -> None:
    server.leave_receipt("exact.json", b"signed word")
    with box.open("receipts/exact.json") as file:
        assert file.read() == b"signed word"


def test_a_receipt_that_is_not_there_is_simply_not_there(
    box: paramiko.SFTPClient,
) -> None:
    with pytest.raises(FileNotFoundError):
        box.stat("receipts/none.json")


# What it can't do with SFTP.


@pytest.mark.parametrize("folder", [".", "/", "up", "receipts", ".."])
def test_no_folder_can_be_listed(box: paramiko.SFTPClient, folder: str) -> None:
    denied(lambda: box.listdir(folder))


def test_openssh_s_own_client_cannot_list(server: LockedServer, done: str) -> None:
    ran = server.ssh("sftp", "-b", "-", script="ls up\nls receipts\n")
    assert ran.returncode != 0
    assert Path(done).name not in ran.stdout


def test_an_upload_cannot_be_read_back(box: paramiko.SFTPClient, done: str) -> None:
    denied(lambda: box.open(done, "rb"))
    denied(lambda: box.open(done, "r+b"))


def test_an_unfinished_upload_cannot_be_read_back(box: paramiko.SFTPClient) -> None:
    with box.open("up/half.part", "ab") as file:
        file.write(b"half")
    denied(lambda: box.open("up/half.part", "rb"))


def test_openssh_s_own_client_cannot_read_an_upload_back(
    server: LockedServer, done: str, tmp_path: Path
) -> None:
    got = tmp_path / "got"
    ran = server.ssh("sftp", "-b", "-", script=f"get {done} {got}\n")
    assert ran.returncode != 0
    assert not got.exists() or got.read_bytes() == b""


def test_nothing_can_be_renamed_over_a_finished_upload(
    server: LockedServer, box: paramiko.SFTPClient, done: str
) -> None:
    with box.open("up/evil.part", "ab") as file:
        file.write(b"evil")
    denied(lambda: box.rename("up/evil.part", done))
    denied(lambda: box.posix_rename("up/evil.part", done))
    assert on_disk(server, done).read_bytes() == DONE


@pytest.mark.parametrize(
    "act",
    [
        lambda box, name: box.remove(name),
        lambda box, _: box.rmdir("up"),
        lambda box, name: box.chmod(name, 0o666),
        lambda box, name: box.chown(name, 0, 0),
        lambda box, name: box.utime(name, (0, 0)),
        lambda box, name: box.truncate(name, 0),
        lambda box, name: box.open(name, "ab").chmod(0o666),
        lambda box, name: box.open(name, "ab").truncate(0),
        lambda box, name: box.symlink(name, "up/link"),
        lambda box, _: box.symlink("/etc/passwd", "up/link"),
        lambda box, name: box.readlink(name),
        lambda box, _: box.mkdir("up/folder"),
        lambda box, _: box.mkdir("folder"),
        lambda box, _: box.mkdir("../folder"),
        lambda box, _: box.mkdir("receipts/folder"),
    ],
    ids=[
        *("remove", "rmdir", "chmod", "chown", "utime", "truncate"),
        *("fchmod", "ftruncate", "symlink", "symlink-out", "readlink"),
        *("mkdir", "mkdir-outside", "mkdir-above", "mkdir-receipts"),
    ],
)
def test_requests_that_change_what_is_there_are_denied(
    server: LockedServer,
    box: paramiko.SFTPClient,
    done: str,
    act: Callable[[paramiko.SFTPClient, str], object],
) -> None:
    before = sorted(os.listdir(server.up))  # noqa: PTH208 - names to compare
    denied(lambda: act(box, done))
    assert sorted(os.listdir(server.up)) == before  # noqa: PTH208 - names to compare
    assert on_disk(server, done).read_bytes() == DONE
    assert on_disk(server, done).stat().st_mode & 0o777 == 0o240


def test_openssh_s_own_client_cannot_change_what_is_there(
    server: LockedServer, done: str
) -> None:
    script = (
        f"-rm {done}\n-chmod 666 {done}\n-chown 0 {done}\n-rmdir up\n-mkdir up/d\n"
        "-mkdir d\n"
        f"-ln {done} up/hard\n-symlink {done} up/soft\n-rename {done} /stolen\n"
        f"-rename {done} receipts/stolen\n-df up\n"
    )
    ran = server.ssh("sftp", "-b", "-", script=script)
    assert on_disk(server, done).read_bytes() == DONE
    names = {path.name for path in (server.folder.boxes / server.user).rglob("*")}
    assert names.isdisjoint({"d", "hard", "soft", "stolen"}), ran.stderr


@pytest.mark.parametrize(
    "extension",
    [
        *("posix-rename@openssh.com", "hardlink@openssh.com", "lsetstat@openssh.com"),
        *("statvfs@openssh.com", "limits@openssh.com", "expand-path@openssh.com"),
        *("copy-data", "home-directory", "users-groups-by-id@openssh.com"),
    ],
)
def test_every_extension_but_fsync_is_denied(
    box: paramiko.SFTPClient, done: str, extension: str
) -> None:
    denied(lambda: box._request(wire.CMD_EXTENDED, extension, done, f"{done}.copy"))


@pytest.mark.parametrize(
    "place",
    [
        *("evil", "/evil", "../evil", "../../evil", "receipts/evil", "up/../evil"),
        *("up/../../evil", "/srv/evil", "/etc/evil", "../../intake/evil"),
    ],
)
def test_nothing_can_be_written_or_renamed_to_outside_the_uploads(
    server: LockedServer, box: paramiko.SFTPClient, done: str, place: str
) -> None:
    with pytest.raises(OSError, match=r"Permission denied|No such file"):
        box.open(place, "ab")
    with pytest.raises(OSError, match=r"Permission denied|No such file|Failure"):
        box.rename(done, place)
    assert on_disk(server, done).read_bytes() == DONE
    assert list(server.folder.root.rglob("evil")) == []
    assert not any(Path(folder, "evil").exists() for folder in ("/", "/etc", "/srv"))


@pytest.mark.parametrize(
    "path",
    [
        *("/etc/passwd", "../../../../etc/passwd", "up/../../../etc/passwd"),
        *("../../host_key", "/srv", "/proc/self/environ", "../../intake"),
    ],
)
def test_the_rest_of_the_server_does_not_exist_for_a_box(
    box: paramiko.SFTPClient, path: str
) -> None:
    with pytest.raises(FileNotFoundError):
        box.stat(path)
    with pytest.raises(FileNotFoundError):
        box.open(path, "rb")


def test_other_boxes_uploads_and_receipts_do_not_exist_for_a_box(
    server: LockedServer, box: paramiko.SFTPClient
) -> None:
    other = server.other.lower()
    server.leave_receipt("theirs.json", b"not yours", user=other)
    for path in (f"../{other}/receipts/theirs.json", f"/boxes/{other}", f"../{other}/up"):
        with pytest.raises(FileNotFoundError):
            box.stat(path)
    with pytest.raises(FileNotFoundError):
        box.open(f"../{other}/up/evil", "ab")


def test_a_receipt_can_be_neither_written_nor_forged_nor_stolen(
    server: LockedServer, box: paramiko.SFTPClient, done: str
) -> None:
    receipt = server.leave_receipt("mine.json", b"signed word")
    for mode in ("ab", "wb", "r+b"):
        denied(lambda mode=mode: box.open("receipts/mine.json", mode))  # type: ignore[misc]
    denied(lambda: box.open("receipts/new.json", "ab"))
    denied(lambda: box.rename(done, "receipts/forged.json"))
    denied(lambda: box.rename("receipts/mine.json", "up/mine.json"))
    denied(lambda: box.remove("receipts/mine.json"))
    assert receipt.read_bytes() == b"signed word"
    assert not (server.receipts / "forged.json").exists()


# The one hole of an allow-list of requests: it does not see open's flags.


def test_opening_with_truncate_empties_a_finished_upload_but_not_one_the_mover_took(
    server: LockedServer, box: paramiko.SFTPClient
) -> None:
    session = Uploaded(session=str(uuid4()), device=server.device)
    for path, content in session.all_files().items():
        upload(box, f"up/{session.name(path)}", content)
    held = box.open(f"up/{session.name('0001/eeg.xdf.age')}", "ab")
    assert session.session in move(server)["taken"]
    held.write(b"evil")
    for name in session.all_files():
        with box.open(f"up/{session.name(name)}", "wb") as file:
            file.write(b"evil")
    move(server)
    intake = server.folder.intake / server.device
    assert tree(intake / session.session) == session.all_files()
    assert not (intake / f"{session.session}.attempt-1").exists()


def test_a_session_emptied_before_the_mover_came_is_not_taken_until_it_is_whole_again(
    server: LockedServer, box: paramiko.SFTPClient
) -> None:
    session = Uploaded(session=str(uuid4()), device=server.device)
    for path, content in session.all_files().items():
        upload(box, f"up/{session.name(path)}", content)
    eeg = f"up/{session.name('0001/eeg.xdf.age')}"
    box.open(eeg, "wb").close()
    assert "0 bytes" in move(server)["left"][session.session]
    with box.open(eeg, "ab") as file:
        file.write(FILES["0001/eeg.xdf.age"])
    assert session.session in move(server)["taken"]
    taken = server.folder.intake / server.device / session.session
    assert tree(taken) == session.all_files()


def test_what_the_mover_took_is_its_own_and_its_group_s_to_read(
    server: LockedServer, box: paramiko.SFTPClient
) -> None:
    session = Uploaded(session=str(uuid4()), device=server.device)
    for path, content in session.all_files().items():
        upload(box, f"up/{session.name(path)}", content)
    move(server)
    owner = pwd.getpwnam(server.owner)
    taken = server.folder.intake / server.device / session.session
    for each in (taken, *taken.rglob("*")):
        status = each.stat()
        assert (status.st_uid, status.st_gid) == (owner.pw_uid, owner.pw_gid)
        assert status.st_mode & 0o777 == (0o750 if each.is_dir() else 0o440)
