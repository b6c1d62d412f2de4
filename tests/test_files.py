"""Small files are old or new, folders whole or absent, private files not read by others."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from recorder.errors import BoxError, KeyFileError
from recorder.files import check_new, create, locked, new_folder, read_private, write_atomic
from tests.house import mode

if TYPE_CHECKING:
    from pathlib import Path


def test_a_replaced_file_has_the_new_content_and_the_asked_mode(tmp_path: Path) -> None:
    path = tmp_path / "register"
    path.write_bytes(b"old")
    write_atomic(path, b"new", mode=0o600)
    assert path.read_bytes() == b"new"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_the_umask_does_not_decide_the_mode(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_atomic(tmp_path / "public", b"", mode=0o644)
    finally:
        os.umask(before)
    assert mode(tmp_path / "public") == 0o644


def test_a_file_that_cannot_be_replaced_leaves_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomic(path, b"new", mode=0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        create(path, b"other", mode=0o600)
    assert path.read_bytes() == b"precious"


@pytest.mark.parametrize("bits", [0o604, 0o640, 0o620, 0o602, 0o610, 0o601, 0o644])
def test_a_private_file_that_others_may_touch_is_refused(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"secret")
    path.chmod(bits)
    with pytest.raises(KeyFileError, match=f"mode {bits:04o}.*chmod 600") as caught:
        read_private(path)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("bits", [0o600, 0o400, 0o700])
def test_a_private_file_of_its_owner_alone_is_read(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"secret")
    path.chmod(bits)
    assert read_private(path) == b"secret"


def test_a_missing_private_file_is_a_key_file_error(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="No such file"):
        read_private(tmp_path / "key")


def test_a_folder_appears_whole_with_its_mode(tmp_path: Path) -> None:
    with new_folder(tmp_path / "deep" / "new", mode=0o755) as folder:
        (folder / "file").write_bytes(b"1")
        (folder / "empty").mkdir()
        assert not (tmp_path / "deep" / "new").exists()
        assert mode(folder) == 0o700
    assert mode(tmp_path / "deep" / "new") == 0o755
    assert sorted(path.name for path in (tmp_path / "deep" / "new").iterdir()) == [
        "empty",
        "file",
    ]


def test_a_folder_that_fails_halfway_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with new_folder(tmp_path / "new", mode=0o700) as folder:
            (folder / "file").write_bytes(b"1")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_takes_the_place_of_an_empty_one_only(tmp_path: Path) -> None:
    place = tmp_path / "new"
    place.mkdir()
    with new_folder(place, mode=0o700) as folder:
        (folder / "file").write_bytes(b"1")
    assert (place / "file").exists()

    def again() -> None:
        with new_folder(place, mode=0o700) as folder:
            (folder / "other").write_bytes(b"2")

    with pytest.raises(OSError, match="not empty"):
        again()
    assert [path.name for path in place.iterdir()] == ["file"]
    assert list(tmp_path.iterdir()) == [place]


def test_a_place_is_new_when_missing_or_an_empty_folder(tmp_path: Path) -> None:
    check_new(tmp_path / "missing", BoxError, hint="")
    check_new(tmp_path, BoxError, hint="")
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "missing")
    for place in (tmp_path, tmp_path / "file", tmp_path / "dangling"):
        with pytest.raises(BoxError, match="exists already"):
            check_new(place, BoxError, hint="")


def test_a_locked_folder_makes_others_wait(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with locked(tmp_path):
            order.append("second")

    waiting = threading.Thread(target=second)
    with locked(tmp_path):
        waiting.start()
        waiting.join(0.2)
        order.append("first")
    waiting.join(60)
    assert order == ["first", "second"]
