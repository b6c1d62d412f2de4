"""What may not be published is refused or left out by name; a tree is whole or absent."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lab.acceptance import accept
from lab.clients import block_client, set_consent
from lab.dataset.export import TreeOptions
from lab.judging import Judging
from lab.verifying import verify_folder
from recorder.box import Box
from recorder.errors import ConsentError, FormatError, LabError
from tests.compressed import Who, recording
from tests.dataset_world import World, make_world
from tests.intake_bench import both, edit, flip

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

SIMULATED = TreeOptions(simulated=True)


def brief(world: World, client: str, **facts: object) -> UUID:
    """Record three seconds of a client on the first box."""
    who = replace(Who(client), **facts)  # type: ignore[arg-type]  # fields of Who
    with recording(world.box(1), who, channels=1) as session:
        session.go(3)
    return session.session


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, list[str], str]:
    """Return a world with one good session, its codes, and that session."""
    world, codes = make_world(tmp_path_factory.mktemp("sel") / "w", n_boxes=1, n_clients=3)
    good = brief(world, codes[0])
    world.pull()
    return world, codes, str(good)


@pytest.fixture
def world(prepared: tuple[World, list[str], str], tmp_path: Path) -> World:
    return prepared[0].copy(tmp_path / "world")


def test_a_session_without_consent_to_sharing_is_left_out_and_refused_by_name(
    prepared: tuple[World, list[str], str], world: World, tmp_path: Path
) -> None:
    _, codes, good = prepared
    closed = str(brief(world, codes[1], scopes=("eeg", "audio")))
    world.pull()
    report = world.export(tmp_path / "tree", SIMULATED)
    assert report.sessions == (good,)
    (left,) = report.left_out
    assert left.session == closed
    assert "no consent to sharing" in left.reason
    with pytest.raises(ConsentError, match=closed):
        world.export(tmp_path / "named", replace(SIMULATED, only=(closed,)))
    assert not (tmp_path / "named").exists()


def test_consent_narrowed_or_blocked_later_counts(
    prepared: tuple[World, list[str], str], world: World, tmp_path: Path
) -> None:
    _, codes, _ = prepared
    set_consent(world.lab, codes[0], frozenset({"eeg", "audio"}), "2026-2")
    with pytest.raises(ConsentError, match="sharing"):
        world.export(tmp_path / "tree", SIMULATED)
    set_consent(world.lab, codes[0], frozenset({"eeg", "sharing"}), "2026-3")
    report = world.export(tmp_path / "silent", SIMULATED)
    assert not list(report.path.rglob("*physio*")), "no consent to audio, no voice"
    block_client(world.lab, codes[0])
    with pytest.raises(ConsentError):
        world.export(tmp_path / "blocked", SIMULATED)


def test_a_session_of_an_unknown_codebook_is_left_out(
    prepared: tuple[World, list[str], str], world: World, tmp_path: Path
) -> None:
    _, codes, good = prepared
    unknown = str(brief(world, codes[1], codebook="7"))
    world.pull()
    report = world.export(tmp_path / "tree", SIMULATED)
    assert [left.session for left in report.left_out] == [unknown]
    assert "codebook, version '7'" in report.left_out[0].reason
    text = (world.lab.public / "codebook.toml").read_text()
    folder = world.lab.root / "codebooks"
    folder.mkdir()
    (folder / "7.toml").write_text(text.replace('version = "1"', 'version = "7"', 1))
    report = world.export(tmp_path / "both", SIMULATED)
    assert set(report.sessions) == {good, unknown}


def test_a_session_with_a_missing_part_waits_until_it_is_accepted(
    prepared: tuple[World, list[str], str], world: World, tmp_path: Path
) -> None:
    _, _, good = prepared
    folder = world.archive.session(Box.load(world.box(1)).device, good)
    whole = (folder / "0001" / "audio.flac.age").read_bytes()
    (folder / "0001" / "audio.flac.age").write_bytes(whole[:-30])
    with world.catalogue() as catalogue:
        verify_folder(folder, judging=Judging.of(world.lab, catalogue), catalogue=catalogue)
    with pytest.raises(LabError, match="resend, not verified"):
        world.export(tmp_path / "tree", SIMULATED)


def test_a_damaged_session_that_was_accepted_is_exported_with_its_loss_named(
    prepared: tuple[World, list[str], str], world: World, tmp_path: Path
) -> None:
    _, codes, good = prepared
    with recording(world.box(1), Who(codes[1]), channels=1, part_length_s=5) as session:
        session.go(12)
    name = str(session.session)
    key = Box.load(world.box(1)).signing_key()
    spoil = both(flip("0002/eeg.xdf.age", at=300), edit(key))
    spoil(world.box(1) / "sessions" / name)
    world.pull()
    assert world.export(tmp_path / "before", SIMULATED).sessions == (good,)
    with world.catalogue() as catalogue:
        accept(world.lab, world.archive, catalogue, name, reason="worn card", who="me")
    report = world.export(tmp_path / "after", SIMULATED)
    assert set(report.sessions) == {good, name}
    (events,) = (
        text
        for path in report.path.rglob("*events.tsv")
        if "bad_lost" in (text := path.read_text())
    )
    (lost,) = (line.split("\t") for line in events.splitlines() if "bad_lost" in line)
    assert [float(value) for value in lost[:2]] == pytest.approx([5, 5], abs=0.02)


def test_two_sessions_with_one_number_are_both_left_out(
    prepared: tuple[World, list[str], str], world: World, tmp_path: Path
) -> None:
    _, codes, good = prepared
    twin = world.root / "twin"
    shutil.copytree(world.box(1), twin, symlinks=True)
    first = brief(world, codes[1])
    shutil.move(world.box(1), world.root / "aside")
    shutil.move(twin, world.box(1))
    second = brief(world, codes[1])
    world.take_in()
    shutil.rmtree(world.box(1))
    shutil.move(world.root / "aside", world.box(1))
    world.pull()
    report = world.export(tmp_path / "tree", SIMULATED)
    left = {one.session: one.reason for one in report.left_out}
    assert set(left) == {str(first), str(second)}
    assert all("has its number" in reason for reason in left.values())
    assert report.sessions == (good,)


def test_what_nobody_vouches_for_is_never_exported(
    prepared: tuple[World, list[str], str], world: World, tmp_path: Path
) -> None:
    _, codes, good = prepared
    strange = brief(world, codes[1])
    signature = world.box(1) / "sessions" / str(strange) / "manifest.json.sig"
    other = world.box(1) / "sessions" / good / "manifest.json.sig"
    shutil.copy(other, signature)
    world.pull()
    report = world.export(tmp_path / "tree", SIMULATED)
    assert report.sessions == (good,)
    with pytest.raises(LabError, match="no verified session"):
        world.export(tmp_path / "named", replace(SIMULATED, only=(str(strange),)))


def test_simulated_sessions_go_into_no_real_dataset(world: World, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="simulated"):
        world.export(tmp_path / "tree", TreeOptions())


def test_a_codebook_whose_hed_is_not_valid_stops_the_export(
    world: World, tmp_path: Path
) -> None:
    path = world.lab.public / "codebook.toml"
    path.write_text(path.read_text().replace("Label/Alliance-repair", "Allianz/Repair"))
    with pytest.raises(FormatError, match="'repair' is not valid under HED"):
        world.export(tmp_path / "tree", SIMULATED)
    assert list(tmp_path.glob("*tree*")) == []


def test_a_full_disk_in_mid_export_leaves_nothing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        del descriptor
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)  # the disk, not a module of ours
    with pytest.raises(OSError, match="No space"):
        world.export(tmp_path / "tree", SIMULATED)
    monkeypatch.undo()
    assert not (tmp_path / "tree").exists()
    assert list(tmp_path.glob(".tree*")) == []


def test_a_tree_is_never_written_over(world: World, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "mine").write_text("kept")
    with pytest.raises(LabError, match="not an empty folder"):
        world.export(tmp_path / "tree", SIMULATED)
    assert (tmp_path / "tree" / "mine").read_text() == "kept"


def test_numbers_of_sessions_stay_when_an_earlier_one_comes_late(
    prepared: tuple[World, list[str], str], world: World, tmp_path: Path
) -> None:
    _, codes, good = prepared
    world.export(tmp_path / "before", SIMULATED)
    late = brief(world, codes[0], day=-3)
    again = brief(world, codes[0], day=2)
    run = brief(world, codes[0], day=2, continues=again)
    world.pull()
    world.export(tmp_path / "after", SIMULATED)
    with world.catalogue() as catalogue:
        numbers = catalogue.study.numbers()
    found = {
        name: (numbers[str(s)].number, numbers[str(s)].run)
        for name, s in {"good": good, "late": late, "again": again, "run": run}.items()
    }
    assert found["good"] == (1, 1)
    assert found["late"] == (2, 1)
    assert found["run"] == (found["again"][0], 2)
