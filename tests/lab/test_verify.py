"""Only what the box signed is taken for the session; a forged manifest never is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lab.verify import Checked, check_session, hash_file
from recorder.errors import ManifestError, OpenError, SignatureError
from recorder.format.manifest import FileEntry
from recorder.format.signers import AllowedSigners, allowed_signers_line, public_line
from tests.session_maker import AT, SessionMaker, new_identities

if TYPE_CHECKING:
    from collections.abc import Iterator

IDENTITIES = new_identities()
_NOBODY = 65534


@pytest.fixture
def made(tmp_path: Path) -> SessionMaker:
    maker = SessionMaker(tmp_path, IDENTITIES, audio=None)
    maker.write_sheet()
    maker.add_part(0.5)
    return maker


def check(made: SessionMaker) -> Checked:
    return check_session(made.folder, signers=made.signers, at=AT)


def codes(checked: Checked) -> set[tuple[str, str]]:
    return {(problem.code, problem.path) for problem in checked.problems}


def test_a_signed_session_has_no_problems(made: SessionMaker) -> None:
    manifest = made.sign()
    checked = check(made)
    assert checked.manifest == manifest
    assert checked.device == made.device
    assert checked.problems == ()
    assert set(checked.sealed) == {"session.json.age", "0001/eeg.xdf.age"}


def test_stock_ssh_keygen_accepts_what_we_accept(
    made: SessionMaker, tmp_path: Path
) -> None:
    made.sign()
    line = allowed_signers_line(
        made.device, public_line(made.key, "test"), namespaces=["fieldrec-manifest"]
    )
    signers = tmp_path / "allowed_signers"
    signers.write_text(f"{line}\n")
    command: list[str | Path] = [
        "ssh-keygen",
        "-Y",
        "verify",
        "-f",
        signers,
        "-I",
        made.device,
    ]
    command += ["-n", "fieldrec-manifest", "-s", made.folder / "manifest.json.sig"]
    with (made.folder / "manifest.json").open("rb") as manifest:
        subprocess.run(command, stdin=manifest, check=True, stdout=subprocess.DEVNULL)
    check_session(made.folder, signers=AllowedSigners.parse(line), at=AT)


def test_a_flipped_bit_anywhere_in_the_manifest_is_refused(made: SessionMaker) -> None:
    made.sign()
    path = made.folder / "manifest.json"
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        content = bytearray(whole)
        content[at] ^= 1
        path.write_bytes(content)
        with pytest.raises((SignatureError, ManifestError)):
            check(made)


def test_an_edited_manifest_is_refused(made: SessionMaker) -> None:
    made.sign()
    path = made.folder / "manifest.json"
    fields: dict[str, Any] = json.loads(path.read_text())
    fields["clean"] = False
    content = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    path.write_text(f"{content}\n")
    with pytest.raises(SignatureError):
        check(made)


def test_a_manifest_signed_by_a_stranger_is_refused(made: SessionMaker) -> None:
    signers = made.signers
    made.key = Ed25519PrivateKey.generate()
    made.sign()
    with pytest.raises(SignatureError, match="unknown key"):
        check_session(made.folder, signers=signers, at=AT)


def test_a_manifest_of_one_box_signed_by_another_is_refused(made: SessionMaker) -> None:
    line = allowed_signers_line("BOX-0008X", public_line(made.key, "x"), namespaces=[])
    made.sign()
    with pytest.raises(SignatureError, match=made.device):
        check_session(made.folder, signers=AllowedSigners.parse(line), at=AT)


def test_a_key_not_yet_valid_is_refused(made: SessionMaker) -> None:
    made.sign()
    early = datetime(2019, 1, 1, tzinfo=UTC)
    with pytest.raises(SignatureError, match="not valid"):
        check_session(made.folder, signers=made.signers, at=early)


def test_a_manifest_without_signature_is_refused(made: SessionMaker) -> None:
    made.sign()
    (made.folder / "manifest.json.sig").unlink()
    with pytest.raises(SignatureError, match="no signature"):
        check(made)


def test_a_signature_without_manifest_is_refused(made: SessionMaker) -> None:
    made.sign()
    (made.folder / "manifest.json").unlink()
    with pytest.raises(ManifestError, match=r"manifest\.json"):
        check(made)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"not armor", b"-----BEGIN SSH"])
def test_a_broken_signature_is_refused(made: SessionMaker, content: bytes) -> None:
    made.sign()
    (made.folder / "manifest.json.sig").write_bytes(content)
    with pytest.raises(SignatureError):
        check(made)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"version":2}', b"\xff"])
def test_what_is_no_manifest_is_refused(made: SessionMaker, content: bytes) -> None:
    made.sign()
    (made.folder / "manifest.json").write_bytes(content)
    with pytest.raises(ManifestError):
        check(made)


def test_without_a_list_of_boxes_no_signature_holds(made: SessionMaker) -> None:
    made.sign()
    with pytest.raises(SignatureError) as caught:
        check_session(made.folder, signers=None, at=AT)
    assert "publish" in caught.value.hint


def test_a_session_moved_into_another_sessions_folder_is_refused(
    made: SessionMaker,
) -> None:
    made.sign()
    made.folder = made.folder.rename(
        made.folder.with_name("00000000-0000-4000-8000-000000000009")
    )
    with pytest.raises(ManifestError, match="folder"):
        check(made)


def test_a_copy_under_any_other_name_is_taken(made: SessionMaker) -> None:
    made.sign()
    made.folder = made.folder.rename(made.folder.with_name("copy of a session"))
    assert check(made).session == str(made.session)


def test_other_bytes_of_any_size_are_named(made: SessionMaker) -> None:
    made.sign()
    path = made.folder / "0001" / "eeg.xdf.age"
    whole = path.read_bytes()
    for content in (b"", whole[:-1], whole + b"\x00", whole[:-1] + bytes([whole[-1] ^ 1])):
        path.write_bytes(content)
        checked = check(made)
        assert codes(checked) == {("differs", "0001/eeg.xdf.age")}
        assert checked.differing == {"0001/eeg.xdf.age"}


def test_a_missing_file_is_named_with_its_part(made: SessionMaker) -> None:
    made.sign()
    (made.folder / "0001" / "eeg.xdf.age").unlink()
    (problem,) = check(made).problems
    assert (problem.code, problem.part, problem.lost_s) == ("missing", 1, None)


def test_files_nobody_signed_are_named_and_not_opened(made: SessionMaker) -> None:
    made.sign()
    (made.folder / "receipt.json").write_bytes(b"{}")  # the lab's own word
    (made.folder / "0002").mkdir()
    (made.folder / "0002" / "eeg.xdf.age").write_bytes(b"x")
    (made.folder / "note.txt").write_bytes(b"x")
    checked = check(made)
    assert codes(checked) == {("extra", "0002/eeg.xdf.age"), ("extra", "note.txt")}
    assert [part.number for part in checked.parts] == [1]


def test_links_are_never_followed(made: SessionMaker, tmp_path: Path) -> None:
    made.sign()
    path = made.folder / "0001" / "eeg.xdf.age"
    moved = path.rename(tmp_path / "moved")
    path.symlink_to(moved)
    (made.folder / "0009").symlink_to(made.folder / "0001")
    checked = check(made)
    assert codes(checked) == {
        ("missing", "0001/eeg.xdf.age"),
        ("extra", "0001/eeg.xdf.age"),
        ("extra", "0009"),
    }
    assert "0001/eeg.xdf.age" not in checked.sealed


def test_a_manifest_may_name_files_this_version_does_not_know(made: SessionMaker) -> None:
    (made.folder / "later.age").write_bytes(b"new")
    manifest = made.sign()
    assert manifest.files["later.age"] == FileEntry(3, hash_file(made.folder / "later.age"))
    assert check(made).problems == ()


def test_a_discarded_session_is_refused(made: SessionMaker) -> None:
    made.sign(discarded=True)
    with pytest.raises(OpenError, match="discarded"):
        check(made)


def test_the_erased_parts_are_those_the_manifest_says(made: SessionMaker) -> None:
    manifest = made.sign()
    made.write_manifest(msgspec.structs.replace(manifest, erased=(4, 7)))
    assert check(made).erased == (4, 7)


def test_an_unsigned_folder_is_taken_as_it_is(made: SessionMaker) -> None:
    checked = check(made)
    assert checked.manifest is None
    assert checked.device == ""
    assert checked.problems == ()


def test_gaps_in_an_unsigned_folder_are_named(tmp_path: Path) -> None:
    made = SessionMaker(tmp_path, IDENTITIES)
    made.write_sheet()
    for _ in range(4):
        made.add_part(0.5)
    made.add_part(0.5, ending="open")
    made.erase(1)
    (made.folder / "0002" / "audio.flac.age").unlink()
    (made.folder / "0003" / "eeg.xdf.age").unlink()
    for path in (made.folder / "0004").iterdir():
        path.unlink()
    checked = check(made)
    assert codes(checked) == {
        ("missing", "0002/audio.flac.age"),
        ("missing", "0003/eeg.xdf.age"),
        ("missing", "0004"),
    }
    assert checked.erased == (1,)
    assert [part.number for part in checked.parts] == [2, 3, 5]


def test_a_closed_part_goes_before_an_open_one_of_its_number(made: SessionMaker) -> None:
    (made.folder / "0001.open").mkdir()
    (made.folder / "0001.open" / "journal").write_bytes(b"")
    (part,) = check(made).parts
    assert not part.is_open


def test_what_is_no_session_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(OpenError):
            check_session(folder, signers=None, at=AT)


@pytest.fixture
def readable() -> Iterator[Path]:
    """Give a folder that another user than root reaches, and be such a user."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def without_root() -> Iterator[None]:
    """Give up what root may read beyond its rights."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(was)


@pytest.mark.parametrize("path", ["0001", "0001/eeg.xdf.age", "note.txt", "0001.open"])
@pytest.mark.parametrize("signed", [True, False])
def test_what_this_user_cant_read_is_an_error_and_not_left_out(
    readable: Path, path: str, *, signed: bool
) -> None:
    made = SessionMaker(readable, IDENTITIES, audio=None)
    made.write_sheet()
    made.add_part(0.5)
    (made.folder / "note.txt").write_bytes(b"x")
    (made.folder / "0001.open").mkdir()
    if signed:
        made.sign()
    check(
        made
    )  # loads what is only imported when it is needed: another user may not read it
    for each in (made.folder, *made.folder.rglob("*")):
        each.chmod(0o755)  # whatever the umask is: one path alone can't be read
    (made.folder / path).chmod(0)
    try:
        with without_root(), pytest.raises(OpenError, match=f"{path} can't be read"):
            check(made)
    finally:
        (made.folder / path).chmod(0o755)


@pytest.mark.parametrize("gone", [1, 2])
def test_a_part_gone_before_the_box_signed_is_named(tmp_path: Path, gone: int) -> None:
    made = SessionMaker(tmp_path, IDENTITIES, audio=None)
    made.write_sheet()
    for _ in range(3):
        made.add_part(0.5)
    shutil.rmtree(made.folder / f"{gone:04d}")
    made.sign()
    (problem,) = check(made).problems
    assert (problem.code, problem.path, problem.part) == ("missing", f"{gone:04d}", gone)
    assert not problem.is_harmless


def test_a_file_gone_before_the_box_signed_is_named(tmp_path: Path) -> None:
    made = SessionMaker(tmp_path, IDENTITIES)
    made.write_sheet()
    for _ in range(2):
        made.add_part(0.5)
    (made.folder / "0001" / "eeg.xdf.age").unlink()
    (made.folder / "0002" / "audio.flac.age").unlink()
    made.sign()
    assert codes(check(made)) == {
        ("missing", "0001/eeg.xdf.age"),
        ("missing", "0002/audio.flac.age"),
    }


def test_erased_parts_are_not_missing_wherever_they_were(tmp_path: Path) -> None:
    made = SessionMaker(tmp_path, IDENTITIES, audio=None)
    made.write_sheet()
    for _ in range(5):
        made.add_part(0.5)
    for number in (1, 3, 5):
        made.erase(number)
    made.sign()
    assert check(made).problems == ()


def test_a_part_nobody_signed_makes_none_before_it_missing(made: SessionMaker) -> None:
    made.sign()
    (made.folder / "0009").mkdir()
    (made.folder / "0009" / "eeg.xdf.age").write_bytes(b"x")
    assert codes(check(made)) == {("extra", "0009/eeg.xdf.age")}


def test_a_session_that_ended_before_its_sheet_holds_nothing(tmp_path: Path) -> None:
    made = SessionMaker(tmp_path, IDENTITIES)
    made.sign(clean=False)
    with pytest.raises(OpenError, match="holds nothing"):
        check(made)
