"""The mover takes whole sessions, never overwrites one, and survives what boxes send."""

from __future__ import annotations

import json
import os
import pwd
import socket
import subprocess
import sys
import tempfile
import threading
import tracemalloc
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.server.folder import ServerFolder
from lab.server.mover import Mover, Report, keep_moving
from lab.server.taking import MAX_ATTEMPTS
from lab.server.uploads import MAX_MANIFEST_BYTES
from tests.service_process import until
from tests.uploaded import DEVICE, FILES, SESSION, Uploaded, put, tree

if TYPE_CHECKING:
    from collections.abc import Callable

SPARSE_BYTES = 1 << 30


@pytest.fixture
def server(tmp_path: Path) -> ServerFolder:
    return make_server(tmp_path / "server")


def make_server(root: Path) -> ServerFolder:
    folder = ServerFolder(root)
    for path in (folder.intake, folder.staging, folder.up(DEVICE.lower())):
        path.mkdir(parents=True)
    return folder


def up(server: ServerFolder) -> Path:
    return server.up(DEVICE.lower())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def taken(server: ServerFolder, name: str = SESSION) -> Path:
    return server.intake / DEVICE / name


def take(server: ServerFolder) -> Report:
    report = Mover(server).take_all()
    assert list(server.staging.iterdir()) == []
    return report


def refusal(server: ServerFolder) -> str:
    """Let the mover look, see that it changed nothing, and return its reason."""
    before = names(up(server))
    report = take(server)
    assert not report.taken
    assert names(up(server)) == before
    assert not taken(server).exists()
    return report.left[SESSION]


def test_a_finished_session_leaves_the_box_s_reach_as_a_tree(server: ServerFolder) -> None:
    Uploaded().upload(up(server))
    assert take(server).taken == [SESSION]
    assert tree(taken(server)) == Uploaded().all_files()
    assert names(up(server)) == []


def test_the_time_of_taking_is_written_beside_the_session(server: ServerFolder) -> None:
    Uploaded().upload(up(server))
    take(server)
    record = json.loads((server.intake / DEVICE / f"{SESSION}.intake.json").read_bytes())
    assert record["version"] == 1
    assert record["taken_utc"].endswith("Z")
    at = datetime.fromisoformat(record["taken_utc"])
    assert abs(datetime.now(at.tzinfo) - at) < timedelta(minutes=1)


def test_what_was_taken_can_be_written_by_nobody(server: ServerFolder) -> None:
    Uploaded().upload(up(server))
    take(server)
    files = [path for path in taken(server).rglob("*") if path.is_file()]
    assert len(files) == len(Uploaded().all_files())
    assert not any(path.stat().st_mode & 0o222 for path in files)


def test_a_handle_a_box_still_holds_does_not_reach_what_was_taken(
    server: ServerFolder,
) -> None:
    Uploaded().upload(up(server))
    with (up(server) / Uploaded().name("0001/eeg.xdf.age")).open("r+b") as held:
        take(server)
        held.write(b"evil")
    assert tree(taken(server)) == Uploaded().all_files()


@pytest.mark.parametrize("missing", [*FILES, "manifest.json", "manifest.json.sig"])
def test_a_session_with_a_file_missing_stays(server: ServerFolder, missing: str) -> None:
    Uploaded().upload(up(server), without=(missing,))
    report = take(server)
    assert report.taken == []
    assert len(names(up(server))) == len(FILES) + 1
    put(up(server) / Uploaded().name(missing), Uploaded().all_files()[missing])
    assert take(server).taken == [SESSION]


@pytest.mark.parametrize("change", [-1, 1])
def test_a_session_with_a_file_of_another_size_stays(
    server: ServerFolder, change: int
) -> None:
    Uploaded().upload(up(server))
    content = FILES["0001/eeg.xdf.age"]
    wrong = content[:change] if change < 0 else content + b"x"
    put(up(server) / Uploaded().name("0001/eeg.xdf.age"), wrong)
    assert f"{len(wrong)} bytes" in refusal(server)


def test_unfinished_uploads_are_left_alone_however_old(server: ServerFolder) -> None:
    part = up(server) / f"{SESSION}~0001~eeg.xdf.age.part"
    part.write_bytes(b"half")
    os.utime(part, (0, 0))
    Uploaded().upload(up(server), without=("0001/eeg.xdf.age",))
    assert "missing" in refusal(server)
    assert part.read_bytes() == b"half"


def test_an_identical_copy_is_dropped(server: ServerFolder) -> None:
    Uploaded().upload(up(server))
    take(server)
    Uploaded().upload(up(server))
    report = take(server)
    assert report.known == [SESSION]
    assert report.taken == []
    assert names(up(server)) == []
    assert names(server.intake / DEVICE) == [SESSION, f"{SESSION}.intake.json"]


def test_a_differing_copy_is_kept_beside_and_nothing_is_overwritten(
    server: ServerFolder,
) -> None:
    copies = [
        Uploaded(),
        Uploaded(files=FILES | {"0001/eeg.xdf.age": b"other"}),
        Uploaded(signature=b"another signature"),
    ]
    given = [SESSION, f"{SESSION}.attempt-1", f"{SESSION}.attempt-2"]
    for _ in range(2):  # the second time each is known
        for copy in copies:
            copy.upload(up(server))
            take(server)
    for copy, name in zip(copies, given, strict=True):
        assert tree(taken(server, name)) == copy.all_files()
        assert (server.intake / DEVICE / f"{name}.intake.json").is_file()
    assert len(list((server.intake / DEVICE).iterdir())) == 6


def test_bytes_that_differ_at_the_same_size_are_taken_for_the_lab_to_judge(
    server: ServerFolder,
) -> None:
    Uploaded().upload(up(server))
    put(up(server) / Uploaded().name("session.json.age"), b"SHEET")
    assert take(server).taken == [SESSION]
    assert tree(taken(server))["session.json.age"] == b"SHEET"


def test_only_the_files_asked_for_again_need_to_be_sent_again(
    server: ServerFolder,
) -> None:
    Uploaded().upload(up(server))
    put(up(server) / Uploaded().name("session.json.age"), b"SHEET")
    take(server)
    unasked = tuple(path for path in FILES if path != "session.json.age")
    Uploaded().upload(up(server), without=unasked)
    assert take(server).taken == [f"{SESSION}.attempt-1"]
    assert tree(taken(server, f"{SESSION}.attempt-1")) == Uploaded().all_files()


def test_a_file_is_completed_only_by_the_bytes_its_manifest_names(
    server: ServerFolder,
) -> None:
    Uploaded().upload(up(server))
    take(server)
    other = Uploaded(files=FILES | {"session.json.age": b"SHEET"})
    other.upload(up(server), without=("session.json.age",))
    report = take(server)
    assert "session.json.age is missing" in report.left[SESSION]


def test_a_session_can_be_sent_in_so_many_versions_and_no_more(
    server: ServerFolder,
) -> None:
    for n in range(MAX_ATTEMPTS + 1):
        Uploaded(signature=b"%d" % n).upload(up(server))
        take(server)
    Uploaded(signature=b"one more").upload(up(server))
    assert f"{MAX_ATTEMPTS + 1} different copies" in take(server).left[SESSION]
    assert len(list((server.intake / DEVICE).iterdir())) == 2 * (MAX_ATTEMPTS + 1)


def test_each_box_s_sessions_are_taken_and_a_bad_one_holds_up_no_other(
    server: ServerFolder,
) -> None:
    other = "BOX-0007Y"
    server.up(other.lower()).mkdir(parents=True)
    Uploaded(device=other).upload(server.up(other.lower()))
    put(up(server) / f"{SESSION}~manifest.json.sig", b"")
    put(up(server) / f"{SESSION}~manifest.json", b"{")
    report = take(server)
    assert report.taken == [SESSION]
    assert (server.intake / other / SESSION).is_dir()
    assert SESSION in report.left


# What a hostile box may sign and send.


def replace_manifest(server: ServerFolder, content: bytes) -> None:
    Uploaded().upload(up(server))
    put(up(server) / f"{SESSION}~manifest.json", content)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace(b'"0001/eeg', b'"/etc/eeg'),
        lambda text: text.replace(b'"0001/eeg', b'"../../eeg'),
        lambda text: text.replace(b'"0001/eeg', b'"0001/../../eeg'),
        lambda text: text.replace(b'"0001/eeg', b'"0001~eeg'),
        lambda text: text.replace(b'"0001/eeg', b'"0001\\u0000eeg'),
        lambda text: text.replace(b'"0001/eeg.xdf.age"', b'"manifest.json"'),
        lambda text: text.replace(b'"0001/eeg.xdf.age"', b'"manifest.json.sig/x"'),
        lambda text: text.replace(b'"0001/eeg.xdf.age"', b'"0001/audio.flac.age/x"'),
        lambda text: text.replace(DEVICE.encode(), b"BOX-0007Y"),
        lambda text: text.replace(SESSION.encode(), str(UUID(int=5)).encode()),
        lambda text: text[:-10],
        lambda _: b"",
        lambda _: b"\xff" * 1000,
        lambda _: b"[" * MAX_MANIFEST_BYTES,
        lambda _: b'{"version":1,"files":' + b"[" * 100_000,
    ],
)
def test_a_manifest_that_is_none_is_refused_and_its_session_stays(
    server: ServerFolder, spoil: Callable[[bytes], bytes]
) -> None:
    replace_manifest(server, spoil(Uploaded().manifest))
    assert "manifest" in refusal(server)


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=300))
def test_no_bytes_for_a_manifest_stop_the_mover(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    server = make_server(tmp_path_factory.mktemp("mover") / "server")
    put(up(server) / f"{SESSION}~manifest.json.sig", b"")
    put(up(server) / f"{SESSION}~manifest.json", content)
    assert refusal(server)


def test_a_manifest_of_10_gb_is_refused_in_little_memory(server: ServerFolder) -> None:
    Uploaded().upload(up(server))
    manifest = up(server) / f"{SESSION}~manifest.json"
    manifest.unlink()
    with manifest.open("wb") as file:
        file.write(b" " * (MAX_MANIFEST_BYTES * 2))
    reason, peak_bytes = measure(lambda: refusal(server))
    assert f"more than {MAX_MANIFEST_BYTES} bytes" in reason
    assert peak_bytes < 3 * MAX_MANIFEST_BYTES
    os.truncate(manifest, 10 << 30)
    reason, peak_bytes = measure(lambda: refusal(server))
    assert "holes" in reason
    assert peak_bytes < MAX_MANIFEST_BYTES


def test_a_manifest_of_a_million_entries_is_refused_in_little_memory(
    server: ServerFolder,
) -> None:
    entry = '"%d":{"sha256":"' + "0" * 64 + '","size":0}'
    entries = ",".join(entry % n for n in range(1_000_000)).encode()
    head, tail = Uploaded(files={}).manifest.split(b"{}")
    replace_manifest(server, head + b"{" + entries + b"}" + tail)
    reason, peak_bytes = measure(lambda: refusal(server))
    assert "bytes" in reason
    assert peak_bytes < 3 * MAX_MANIFEST_BYTES


def test_the_manifest_of_the_longest_session_is_read_in_little_memory(
    server: ServerFolder,
) -> None:
    parts = [f"{n:04d}" for n in range(1, 9999)]
    paths = [f"{n}/{file}" for n in parts for file in ("eeg.xdf.age", "audio.flac.age")]
    manifest = Uploaded(files=dict.fromkeys(paths, b"")).manifest
    assert len(manifest) < MAX_MANIFEST_BYTES
    replace_manifest(server, manifest)
    reason, peak_bytes = measure(lambda: refusal(server))
    assert "its manifest says 0" in reason
    assert peak_bytes < 50 << 20


def measure(act: Callable[[], str]) -> tuple[str, int]:
    tracemalloc.start()
    try:
        return act(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_signature_of_any_length_is_refused_before_it_is_read(
    server: ServerFolder,
) -> None:
    Uploaded(signature=b"x" * (1 << 14)).upload(up(server))
    assert take(server).taken == [SESSION]
    other = Uploaded(session=str(UUID(int=7)), signature=b"x" * ((1 << 14) + 1))
    other.upload(up(server))
    assert "more than" in take(server).left[other.session]


def test_a_file_with_holes_is_refused_since_a_copy_would_fill_the_disk(
    server: ServerFolder,
) -> None:
    sheet = up(server) / Uploaded().name("session.json.age")
    content = Uploaded().manifest.replace(b'"size":5}', b'"size":%d}' % SPARSE_BYTES)
    replace_manifest(server, content)
    sheet.unlink()
    sheet.touch()
    os.truncate(sheet, SPARSE_BYTES)
    assert "holes" in refusal(server)


# What no box can make over SFTP, but a broken-into server may hold.


def plant_link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def plant_pipe(path: Path) -> None:
    os.mkfifo(path)


def plant_folder(path: Path) -> None:
    path.mkdir()


def plant_socket(path: Path) -> None:
    parent = os.open(path.parent, os.O_PATH)  # the whole path is too long for a socket
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"/proc/self/fd/{parent}/{path.name}")
    finally:
        os.close(parent)


@pytest.mark.parametrize("plant", [plant_link, plant_pipe, plant_folder, plant_socket])
@pytest.mark.parametrize("at", ["session.json.age", "manifest.json", "manifest.json.sig"])
def test_links_pipes_folders_and_sockets_are_neither_followed_nor_waited_for(
    server: ServerFolder, plant: Callable[[Path], None], at: str
) -> None:
    Uploaded().upload(up(server))
    path = up(server) / Uploaded().name(at)
    path.unlink()
    plant(path)
    assert refusal(server)


def test_names_of_any_bytes_in_the_uploads_are_passed_over(server: ServerFolder) -> None:
    for name in (b"\xff\xfe", b"-rf", b"a\nb", b"~manifest.json.sig", b".." * 20):
        (up(server) / os.fsdecode(name)).write_bytes(b"")
    Uploaded().upload(up(server))
    report = take(server)
    assert report == Report(taken=[SESSION])
    assert len(names(up(server))) == 5


def test_a_folder_that_is_no_box_s_is_passed_over(server: ServerFolder) -> None:
    stranger = server.boxes / "box-00018" / "up"  # a wrong check character
    stranger.mkdir(parents=True)
    Uploaded(device="BOX-00018").upload(stranger)
    assert take(server) == Report()


def test_a_file_that_changes_while_it_is_copied_is_taken_in_its_full_size_or_not(
    server: ServerFolder,
) -> None:
    big = b"x" * (4 << 20)
    Uploaded(files=FILES | {"0001/eeg.xdf.age": big}).upload(up(server))
    path = up(server) / Uploaded().name("0001/eeg.xdf.age")
    stop = threading.Event()

    def breathe() -> None:
        while not stop.is_set():
            os.ftruncate(held.fileno(), len(big) // 2)
            os.pwrite(held.fileno(), big, 0)

    with path.open("r+b") as held:
        thread = threading.Thread(target=breathe)
        thread.start()
        try:
            reports = [take(server) for _ in range(10)]
        finally:
            stop.set()
            thread.join()
    if any(report.taken for report in reports):
        assert len((taken(server) / "0001/eeg.xdf.age").read_bytes()) == len(big)
    else:
        assert take(server).taken == [SESSION]


@pytest.mark.system
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: becomes another user")
def test_a_mover_without_rights_takes_uploads_that_nobody_may_read() -> None:
    """In a trial the uploads belong to the mover's own user, but their mode is 0240."""
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory() as folder:  # tmp_path is closed to others
        server = make_server(Path(folder) / "server")
        Uploaded().upload(up(server))
        for path in (Path(folder), *Path(folder).rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        root = Path(__file__).resolve().parents[2]
        subprocess.run(
            [sys.executable, root / "tests/moves_as.py", "nobody", server.root],
            check=True,
            env={"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
        )
        assert tree(taken(server)) == Uploaded().all_files()
        assert names(up(server)) == []


def test_two_movers_at_once_take_a_session_once(server: ServerFolder) -> None:
    Uploaded().upload(up(server))
    reports: list[Report] = []
    threads = [
        threading.Thread(target=lambda: reports.append(Mover(server).take_all()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [name for report in reports for name in report.taken] == [SESSION]


def test_the_mover_in_the_background_says_what_it_left_once(server: ServerFolder) -> None:
    told: list[str] = []
    Uploaded().upload(up(server), without=("session.json.age",))
    with keep_moving(server, look_s=0.01, tell=told.append):
        until(lambda: bool(told) or None, "nothing was told")
        put(up(server) / Uploaded().name("session.json.age"), FILES["session.json.age"])
        until(lambda: taken(server).is_dir() or None, "it was never taken")
    assert [text.split(":")[0] for text in told] == ["left", "taken"]


def test_a_full_disk_leaves_the_session_and_frees_what_was_copied(
    server: ServerFolder,
) -> None:
    """A limit on the size of files stands for the full disk: writing fails as it does."""
    import resource  # noqa: PLC0415 - of this test alone
    import signal  # noqa: PLC0415 - of this test alone

    big = replace(Uploaded(), files=FILES | {"0001/eeg.xdf.age": b"x" * (2 << 20)})
    big.upload(up(server))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        reason = refusal(server)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert "large" in reason
    assert take(server).taken == [SESSION]
