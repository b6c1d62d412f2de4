"""What the server took in comes to the lab whole, once, and however often it is cut."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from lab.archive import read_taken, taken_path
from lab.intake_place import parse_copy
from recorder.errors import LabError
from tests.intake_bench import (
    DAY,
    DEVICE,
    OTHER,
    TAKEN,
    CutPlace,
    IntakeBench,
    edit,
    flip,
    remove,
    session_uuid,
    tree,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lab.joining import Step


@pytest.fixture
def bench(tmp_path: Path) -> IntakeBench:
    return IntakeBench(tmp_path)


def test_a_session_comes_whole_and_is_verified(bench: IntakeBench) -> None:
    source = bench.take_in()
    before = tree(bench.server)
    report = bench.pull()
    assert [verdict.status for verdict in report.judged] == ["verified"]
    assert tree(bench.home()) == tree(source)
    assert bench.status() == "verified"
    assert tree(bench.server) == before, "the server's folder is only read"
    assert list((bench.archive.incoming / DEVICE).iterdir()) == []


def test_a_second_pull_finds_everything_known(bench: IntakeBench) -> None:
    bench.take_in()
    bench.pull()
    report = bench.pull()
    assert (report.known, report.judged) == (1, [])


def test_sessions_of_two_boxes_keep_apart(bench: IntakeBench) -> None:
    bench.take_in(1)
    bench.take_in(1, device=OTHER)
    bench.take_in(2)
    assert len(bench.pull(jobs=4).judged) == 3
    assert bench.home(1).is_dir()
    assert bench.home(1, device=OTHER).is_dir()
    assert bench.status(2) == "verified"


class Killed(BaseException):
    """A kill in the middle."""


@pytest.mark.parametrize("step", range(1, 6))
def test_killed_at_any_step_and_run_again_the_result_is_the_same(
    bench: IntakeBench, step: int
) -> None:
    source = bench.take_in(change=flip("0002/eeg.xdf.age"))
    n_steps = 0

    def tell(told: Step) -> None:
        nonlocal n_steps
        n_steps += 1
        if n_steps == step:
            raise Killed(told)

    with pytest.raises(Killed):
        bench.pull(jobs=1, tell=tell)
    bench.pull()
    assert tree(bench.home()) == tree(source)
    assert bench.status() == "resend"
    bench.take_in(attempt=1)
    n_steps = 0
    with pytest.raises(Killed):
        bench.pull(jobs=1, tell=tell)
    bench.pull()
    assert tree(bench.home()) == tree(bench.intake(attempt=1))
    assert bench.status() == "verified"
    assert [p.name for p in (bench.archive.incoming / DEVICE).iterdir()] == []
    assert bench.causes() == {}


@pytest.mark.parametrize("n_files", range(8))
def test_cut_after_any_file_only_the_rest_is_fetched(
    bench: IntakeBench, n_files: int
) -> None:
    source = bench.take_in()
    code = f"""
        import os, pathlib
        from tests.intake_bench import IntakeBench
        from lab import intake_folder
        bench = IntakeBench.__new__(IntakeBench)
        bench.root = pathlib.Path({str(bench.root)!r})
        bench.server = bench.root / "server"
        left = {n_files}
        def stop(event, arguments):
            global left
            if event == "os.rename" and str(arguments[0]).endswith("~part"):
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), 9)
        import sys
        sys.addaudithook(stop)
        bench.pull(jobs=1)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], check=False, capture_output=True
    )
    assert done.returncode == -9, done.stderr.decode()
    assert not bench.home().exists()
    assert bench.pull().judged[0].status == "verified"
    assert tree(bench.home()) == tree(source)


def test_a_bit_lost_on_the_way_is_asked_for_again_and_then_joined(
    bench: IntakeBench,
) -> None:
    bench.take_in(change=flip("0001/audio.flac.age"))
    (verdict,) = bench.pull().judged
    assert (verdict.status, verdict.files) == ("resend", ("0001/audio.flac.age",))
    bench.take_in(attempt=1)
    (verdict,) = bench.pull().judged
    assert verdict.status == "verified"
    assert bench.status() == "verified"


def test_two_copies_each_with_another_fault_make_a_whole_one(bench: IntakeBench) -> None:
    bench.take_in(change=flip("0001/audio.flac.age"))
    bench.take_in(attempt=1, change=remove("0002/eeg.xdf.age"))
    assert [verdict.status for verdict in bench.pull().judged] == ["verified"]


def test_what_the_lab_itself_lost_comes_again_from_the_server(bench: IntakeBench) -> None:
    source = bench.take_in()
    bench.pull()
    shutil.rmtree(bench.home())
    assert [verdict.status for verdict in bench.pull().judged] == ["verified"]
    assert tree(bench.home()) == tree(source)


def test_a_manifest_that_rotted_at_the_lab_is_replaced(bench: IntakeBench) -> None:
    source = bench.take_in()
    bench.pull()
    flip("manifest.json")(bench.home())
    bench.take_in(attempt=1)
    assert [verdict.status for verdict in bench.pull().judged] == ["verified"]
    assert tree(bench.home()) == tree(source)


def test_another_manifest_for_a_known_session_never_replaces_it(
    bench: IntakeBench,
) -> None:
    source = bench.take_in()
    bench.pull()
    bench.take_in(attempt=1, change=edit(clean=False))
    report = bench.pull()
    assert [row.cause for row in report.quarantined] == ["fork"]
    assert tree(bench.home()) == tree(source)
    assert bench.status() == "verified"
    assert bench.pull().known == 1


def test_a_session_through_the_account_of_another_box_is_quarantined(
    bench: IntakeBench,
) -> None:
    source = bench.take_in()
    target = bench.intake(device=OTHER)
    target.parent.mkdir()
    source.rename(target)
    assert [row.cause for row in bench.pull().quarantined] == ["word"]
    assert bench.status() == ""
    assert bench.status(device=OTHER) == ""


def test_quarantine_keeps_the_word_and_leaves_the_rest_at_the_server(
    bench: IntakeBench,
) -> None:
    source = bench.take_in(change=flip("manifest.json.sig", at=250))
    bench.pull()
    kept = bench.archive.quarantine / DEVICE / str(session_uuid(1))
    assert {path.name for path in kept.iterdir()} == {"manifest.json", "manifest.json.sig"}
    assert (source / "0001" / "eeg.xdf.age").is_file()
    assert bench.pull().known == 1, "nothing changed, so nothing is looked at again"


@pytest.mark.parametrize(
    "change", [flip("manifest.json.sig", 250), remove("0001/eeg.xdf.age")]
)
def test_a_server_that_lost_a_copy_may_give_its_name_to_another(
    bench: IntakeBench, change: Callable[[Path], None]
) -> None:
    first = bench.take_in(change=change)
    bench.pull()
    assert bench.pull().known == 1
    shutil.rmtree(first)
    bench.take_in(taken=TAKEN + DAY)
    assert [verdict.status for verdict in bench.pull().judged] == ["verified"]
    assert bench.causes() == {}


def test_a_box_registered_late_leaves_quarantine_by_itself(bench: IntakeBench) -> None:
    bench.register(OTHER)
    bench.take_in()
    assert [row.cause for row in bench.pull().quarantined] == ["word"]
    bench.register(DEVICE, OTHER)
    assert [verdict.status for verdict in bench.pull().judged] == ["verified"]
    assert bench.causes() == {}
    assert list((bench.archive.quarantine / DEVICE).iterdir()) == []


def test_links_and_odd_names_at_the_server_are_never_followed(bench: IntakeBench) -> None:
    source = bench.take_in()
    secret = bench.root / "secret"
    secret.write_bytes((source / "0001" / "eeg.xdf.age").read_bytes())
    (source / "0001" / "eeg.xdf.age").unlink()
    (source / "0001" / "eeg.xdf.age").symlink_to(secret)
    (source.parent / "..hidden").mkdir()
    (source.parent / "nonsense").mkdir()
    (bench.server / "intake" / "../evil").mkdir()
    (bench.server / "intake" / "lost+found").mkdir()
    (verdict,) = bench.pull().judged
    assert (verdict.status, verdict.files) == ("resend", ("0001/eeg.xdf.age",))


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("..", str(session_uuid(1))),
        (DEVICE, "../x"),
        (DEVICE, f"{session_uuid(1)}/.."),
        (DEVICE, f"{session_uuid(1)}.attempt-0"),
        (DEVICE, f"{session_uuid(1)}.attempt-99999"),
        (DEVICE, f"{session_uuid(1)}\n"),
        (DEVICE.lower(), str(session_uuid(1))),
    ],
)
def test_names_the_mover_never_gives_are_no_copies(device: str, name: str) -> None:
    assert parse_copy(device, name) is None


def test_one_session_that_fails_lets_the_others_come(bench: IntakeBench) -> None:
    bench.take_in(1)
    bench.take_in(2)
    report = bench.pull(place=CutPlace(bench.server))
    assert [copy.session for copy, _ in report.failures] == [str(session_uuid(1))]
    assert (bench.status(1), bench.status(2)) == ("", "verified")
    assert [verdict.status for verdict in bench.pull().judged] == ["verified"]


@pytest.mark.parametrize(
    "record",
    [
        "",
        "[" * 4000,
        "{}",
        '{"version": 2, "taken_utc": "2026-11-20T12:00:00Z"}',
        '{"version": 1, "taken_utc": "2026-11-20T12:00:00"}',
        " " * 5000 + '{"version": 1, "taken_utc": "2026-11-20T12:00:00Z"}',
    ],
)
def test_a_time_of_intake_that_cant_be_read_is_now(bench: IntakeBench, record: str) -> None:
    source = bench.take_in(1)
    source.with_name(f"{source.name}.intake.json").write_text(record)
    before = datetime.now(UTC)
    assert [verdict.status for verdict in bench.pull().judged] == ["verified"]
    with bench.catalogue() as catalogue:
        assert catalogue.find(source.name).taken_utc >= before


def test_a_time_of_intake_is_kept_beside_the_session(bench: IntakeBench) -> None:
    bench.take_in()
    bench.pull()
    with bench.catalogue() as catalogue:
        assert catalogue.find(str(session_uuid(1))).taken_utc == TAKEN
    assert taken_path(bench.home()).is_file()
    assert read_taken(bench.home()) == TAKEN


def test_a_folder_that_is_no_servers_is_refused(bench: IntakeBench) -> None:
    shutil.rmtree(bench.server / "intake")
    with pytest.raises(LabError, match="no intake"):
        bench.pull()
