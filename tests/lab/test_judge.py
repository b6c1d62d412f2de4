"""Every session gets one of four verdicts; none is verified that was not proved whole."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lab.identity import X25519Identity
from lab.judge import Verdict, judge_session
from lab.registry import MAX_SEALED_BYTES, LostBoxError, Registry
from lab.verify import MAX_MANIFEST_BYTES
from recorder.errors import IdentityError, LabError, ManifestError, SignatureError
from recorder.format import manifest as manifests
from recorder.format.age import seal
from recorder.format.sshsig import public_line
from tests.intake_bench import (
    DAY,
    DEVICE,
    OTHER,
    TAKEN,
    IntakeBench,
    both,
    box_key,
    edit,
    flip,
    remove,
    resign,
    session_uuid,
    tree,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> IntakeBench:
    return IntakeBench(tmp_path)


def judge(bench: IntakeBench, folder: Path, taken: datetime = TAKEN) -> Verdict:
    return judge_session(
        folder,
        registry=Registry.load(bench.lab),
        taken=taken,
        identities=bench.identities,
    )


def replaced(path: str, content: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / path).write_bytes(content)

    return change


def test_a_whole_session_is_verified_by_the_bytes_that_were_signed(
    bench: IntakeBench,
) -> None:
    folder = bench.take_in()
    before = tree(folder)
    verdict = judge(bench, folder)
    assert (verdict.status, verdict.files, verdict.reason) == ("verified", (), "")
    content = (folder / "manifest.json").read_bytes()
    assert verdict.manifest_sha256 == manifests.digest(content)
    assert tree(folder) == before, "judging writes nothing, least of all in the clear"


@pytest.mark.parametrize("change", [flip, remove])
def test_bytes_that_are_not_those_signed_are_asked_for_again(
    bench: IntakeBench, change: Callable[[str], Callable[[Path], None]]
) -> None:
    paths = ("0001/audio.flac.age", "session.json.age")
    folder = bench.take_in(change=both(*(change(path) for path in paths)))
    verdict = judge(bench, folder)
    assert (verdict.status, verdict.files) == ("resend", paths)


def test_a_file_replaced_by_another_that_opens_is_asked_for_again(
    bench: IntakeBench,
) -> None:
    recipients = [identity.recipient for identity in bench.identities]
    other = seal(b"anything", recipients)
    folder = bench.take_in(change=replaced("0001/eeg.xdf.age", other))
    assert judge(bench, folder).files == ("0001/eeg.xdf.age",)


def test_extra_files_are_neither_opened_nor_held_against_a_session(
    bench: IntakeBench,
) -> None:
    folder = bench.take_in(change=lambda path: os.mkfifo(path / "pipe"))
    (folder / "0001" / "more.age").write_bytes(b"x")
    assert judge(bench, folder).status == "verified"


def test_a_signed_file_that_does_not_open_is_damaged(bench: IntakeBench) -> None:
    folder = bench.take_in(change=both(flip("0002/eeg.xdf.age"), edit()))
    verdict = judge(bench, folder)
    assert (verdict.status, verdict.files) == ("damaged", ("0002/eeg.xdf.age",))
    assert verdict.manifest_sha256


@pytest.mark.parametrize("path", ["0001/eeg.xdf.age", "0001/audio.flac.age"])
def test_a_file_that_opens_but_is_not_what_it_should_be_is_damaged(
    bench: IntakeBench, path: str
) -> None:
    recipients = [identity.recipient for identity in bench.identities]
    folder = bench.take_in(
        change=both(replaced(path, seal(b"not that" * 99, recipients)), edit())
    )
    assert judge(bench, folder).status in {"damaged", "quarantined"}


def test_a_sheet_that_is_no_sheet_is_damaged(bench: IntakeBench) -> None:
    sheet = seal(b"{}", [identity.recipient for identity in bench.identities])
    folder = bench.take_in(change=both(replaced("session.json.age", sheet), edit()))
    assert judge(bench, folder).files == ("session.json.age",)


def test_a_signed_file_no_box_writes_is_damaged(bench: IntakeBench) -> None:
    folder = bench.take_in()
    (folder / "notes.txt").write_text("x")
    manifest = manifests.parse((folder / "manifest.json").read_bytes())
    entry = manifests.FileEntry(size=1, sha256=manifests.digest(b"x"))
    edit(files={**manifest.files, "notes.txt": entry})(folder)
    verdict = judge(bench, folder)
    assert (verdict.status, verdict.files) == ("damaged", ("notes.txt",))


def test_a_session_that_no_identity_opens_is_damaged_in_all_its_files(
    bench: IntakeBench,
) -> None:
    verdict = judge_session(
        bench.take_in(),
        registry=Registry.load(bench.lab),
        taken=TAKEN,
        identities=[X25519Identity.generate()],
    )
    assert verdict.status == "damaged"
    assert len(verdict.files) == 5


def test_another_sessions_files_signed_as_ones_own_are_quarantined(
    bench: IntakeBench,
) -> None:
    other = (bench.take_in(2) / "0001" / "eeg.xdf.age").read_bytes()
    folder = bench.take_in(change=both(replaced("0001/eeg.xdf.age", other), edit()))
    verdict = judge(bench, folder)
    assert (verdict.status, verdict.cause) == ("quarantined", "content")
    assert str(session_uuid(2)) in verdict.reason


def test_another_boxs_session_signed_as_ones_own_is_quarantined(
    bench: IntakeBench,
) -> None:
    folder = bench.take_in(change=edit(key=box_key(OTHER), device=OTHER))
    verdict = judge(bench, folder)
    assert (verdict.status, verdict.cause) == ("quarantined", "content")


def test_an_outsider_with_all_public_keys_gets_nothing_accepted(
    bench: IntakeBench,
) -> None:
    folder = bench.take_in(change=edit(key=Ed25519PrivateKey.generate()))
    verdict = judge(bench, folder)
    assert (verdict.status, verdict.cause, verdict.manifest_sha256) == (
        "quarantined",
        "word",
        "",
    )
    assert isinstance(verdict.refusal, SignatureError)


def test_a_box_the_fleet_does_not_know_is_quarantined(bench: IntakeBench) -> None:
    bench.register(OTHER)
    assert isinstance(judge(bench, bench.take_in()).refusal, SignatureError)


@pytest.mark.parametrize("name", ["manifest.json", "manifest.json.sig"])
def test_a_session_without_its_signed_word_is_quarantined(
    bench: IntakeBench, name: str
) -> None:
    assert judge(bench, bench.take_in(change=remove(name))).status == "quarantined"


@pytest.mark.parametrize(
    ("days", "status"), [(-1, "verified"), (0, "quarantined"), (1, "quarantined")]
)
def test_what_came_before_the_box_was_lost_counts_and_nothing_later(
    bench: IntakeBench, days: int, status: str
) -> None:
    bench.lose(DEVICE, TAKEN)
    verdict = judge(bench, bench.take_in(), TAKEN + days * DAY)
    assert verdict.status == status
    assert isinstance(verdict.refusal, LostBoxError) == (status == "quarantined")


def test_a_key_on_the_revocation_list_counts_only_before_its_box_was_lost(
    bench: IntakeBench,
) -> None:
    public = bench.root / "box.pub"
    public.write_text(public_line(box_key(DEVICE), "box") + "\n")
    krl = bench.fleet / "krl"
    subprocess.run(["ssh-keygen", "-q", "-k", "-f", krl, public], check=True)
    folder = bench.take_in()
    verdict = judge(bench, folder)
    assert (verdict.status, verdict.cause) == ("quarantined", "lost")
    assert "since when" in verdict.reason
    bench.lose(DEVICE, TAKEN + DAY)
    assert judge(bench, folder).status == "verified"
    assert judge(bench, folder, TAKEN + DAY).status == "quarantined"


def test_an_empty_revocation_list_revokes_nobody(bench: IntakeBench) -> None:
    subprocess.run(["ssh-keygen", "-q", "-k", "-f", bench.fleet / "krl"], check=True)
    assert Registry.load(bench.lab).revoked == frozenset()
    assert judge(bench, bench.take_in()).status == "verified"


@pytest.mark.parametrize("name", ["krl", "lost.json"])
def test_a_registry_that_cant_be_read_stops_everything(
    bench: IntakeBench, name: str
) -> None:
    (bench.fleet / name).write_bytes(b"broken")
    with pytest.raises(LabError, match=name):
        Registry.load(bench.lab)


def test_lost_since_a_time_without_a_zone_is_refused(bench: IntakeBench) -> None:
    bench.lose(DEVICE, datetime(2026, 1, 1))  # noqa: DTZ001 - the point of the test
    with pytest.raises(LabError, match="zone"):
        Registry.load(bench.lab)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../up",
        "0001/../../up",
        "0001//x",
        "./x",
        "a\\b/..",
        "x~y",
        "\u0000",
        "manifest.json",
    ],
)
def test_a_manifest_with_a_path_that_leads_elsewhere_is_refused(
    bench: IntakeBench, path: str
) -> None:
    folder = bench.take_in()
    fields = json.loads((folder / "manifest.json").read_bytes())
    fields["files"][path] = {"sha256": "0" * 64, "size": 1}
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    resign(folder, f"{text}\n".encode(), box_key(DEVICE))
    verdict = judge(bench, folder)
    assert (verdict.status, verdict.cause) == ("quarantined", "word")
    assert isinstance(verdict.refusal, ManifestError)


@pytest.mark.parametrize("path", ["0001/eeg.xdf.age/x", "manifest.json.sig/x"])
def test_a_path_that_is_file_and_folder_at_once_is_refused(
    bench: IntakeBench, path: str
) -> None:
    folder = bench.take_in()
    manifest = manifests.parse((folder / "manifest.json").read_bytes())
    entry = manifests.FileEntry(size=1, sha256="0" * 64)
    edit(files={**manifest.files, path: entry})(folder)
    assert "inside a file" in judge(bench, folder).reason


def test_a_manifest_of_a_million_files_is_refused_unread(bench: IntakeBench) -> None:
    folder = bench.take_in()
    entry = '"0001/{:07d}.age":{{"sha256":"' + "0" * 64 + '","size":1}}'
    with (folder / "manifest.json").open("w") as file:
        file.write('{"files":{')
        file.writelines(f"{entry.format(n)}," for n in range(1_000_000))
    verdict = judge(bench, folder)
    assert str(MAX_MANIFEST_BYTES) in verdict.reason
    assert verdict.status == "quarantined"


def test_a_manifest_of_10_gb_is_refused_unread(bench: IntakeBench) -> None:
    folder = bench.take_in()
    with (folder / "manifest.json").open("r+b") as file:
        file.truncate(10_000_000_000)
    assert "10000000000" in judge(bench, folder).reason
    (folder / "manifest.json.sig").write_bytes(bytes(1 << 20))


def test_a_manifest_nested_without_end_is_refused(bench: IntakeBench) -> None:
    folder = bench.take_in()
    resign(folder, b"[" * 1_000_000, box_key(DEVICE))
    assert isinstance(judge(bench, folder).refusal, ManifestError)


def test_a_file_too_large_for_any_box_is_refused_before_it_is_read(
    bench: IntakeBench,
) -> None:
    folder = bench.take_in()
    entry = manifests.FileEntry(size=MAX_SEALED_BYTES + 1, sha256="0" * 64)
    edit(files={"0001/eeg.xdf.age": entry})(folder)
    assert str(MAX_SEALED_BYTES) in judge(bench, folder).reason


def test_a_discarded_session_is_verified_by_its_word_alone(bench: IntakeBench) -> None:
    def discard(folder: Path) -> None:
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.is_dir():
                path.rmdir()
            elif not path.name.startswith("manifest"):
                path.unlink()
        edit(discarded=True, parts=0, files={})(folder)

    assert judge(bench, bench.take_in(change=discard)).status == "verified"


def test_a_manifest_that_is_a_link_is_refused(bench: IntakeBench) -> None:
    folder = bench.take_in()
    (folder / "manifest.json").rename(bench.root / "elsewhere.json")
    (folder / "manifest.json").symlink_to(bench.root / "elsewhere.json")
    assert judge(bench, folder).status == "quarantined"


def test_a_wrong_identity_does_not_hide_behind_another_error(bench: IntakeBench) -> None:
    verdict = judge_session(
        bench.take_in(),
        registry=Registry.load(bench.lab),
        taken=datetime.now(UTC),
        identities=[X25519Identity.generate()],
    )
    assert "identities opens" in verdict.reason
    assert not isinstance(verdict.refusal, IdentityError)


def test_a_session_that_lost_a_part_before_it_was_signed_is_damaged(
    bench: IntakeBench,
) -> None:
    folder = bench.take_in(change=both(lambda path: shutil.rmtree(path / "0001"), edit()))
    verdict = judge(bench, folder)
    assert (verdict.status, verdict.files) == ("damaged", ("0001",))
    assert "found nothing of it to sign" in verdict.reason


def test_a_lost_part_does_not_hide_bytes_to_be_sent_again(bench: IntakeBench) -> None:
    folder = bench.take_in(
        change=both(
            lambda path: shutil.rmtree(path / "0001"), edit(), flip("0002/eeg.xdf.age")
        )
    )
    verdict = judge(bench, folder)
    assert (verdict.status, verdict.files) == ("resend", ("0002/eeg.xdf.age",))


def test_a_session_cut_off_before_its_sheet_is_verified_for_it_holds_nothing(
    bench: IntakeBench,
) -> None:
    folder = bench.take_in(change=edit(clean=False, parts=0, files={}))
    for path in ("0001", "0002"):
        shutil.rmtree(folder / path)
    (folder / "session.json.age").unlink()
    assert (judge(bench, folder).status, judge(bench, folder).problems) == ("verified", ())
    edit(clean=False, parts=0, files={}, erased=(2,))(folder)
    assert (judge(bench, folder).status, judge(bench, folder).files) == (
        "damaged",
        ("0001",),
    )


def test_what_the_labs_own_computer_cant_read_is_no_verdict_on_the_session(
    bench: IntakeBench,
) -> None:
    folder = bench.take_in()
    # Even root is refused a path of more than 4096 bytes.
    at = os.open(folder, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=at)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)
    with pytest.raises(LabError, match="can't be read"):
        judge(bench, folder)
