"""Killed at any step and run again, the mover comes to the same result."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lab.server.folder import ServerFolder
from lab.server.mover import Mover
from tests.killed_mover import BIG
from tests.uploaded import DEVICE, SESSION, Uploaded, tree

ROOT = Path(__file__).resolve().parents[2]
SECOND = f"{SESSION}.attempt-1"


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("killed")
    program = ROOT / "tests" / "killed_mover.py"
    subprocess.run(
        [sys.executable, program, folder],
        check=True,
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return folder


def states(killed: Path) -> list[ServerFolder]:
    return [ServerFolder(path) for path in sorted(killed.iterdir())]


def expected(server: ServerFolder) -> Uploaded:
    return Uploaded(files=BIG) if server.root.name == "writing" else Uploaded()


def check_intake(server: ServerFolder) -> None:
    """See that each copy in the intake is whole, the first one unharmed."""
    intake = server.intake / DEVICE
    first = Uploaded(signature=b"the first copy").all_files()
    assert tree(intake / SESSION) == first
    if (intake / SECOND).exists():
        assert tree(intake / SECOND) == expected(server).all_files()
        assert (intake / f"{SECOND}.intake.json").is_file()


def check_end(server: ServerFolder) -> None:
    names = sorted(path.name for path in (server.intake / DEVICE).iterdir())
    assert names == sorted(
        [SESSION, f"{SESSION}.intake.json", SECOND, f"{SECOND}.intake.json"]
    )
    assert list(server.up(DEVICE.lower()).iterdir()) == []
    assert list(server.staging.iterdir()) == []


def test_the_mover_killed_at_any_step_shows_no_half_session_and_ends_when_run_again(
    killed: Path,
) -> None:
    servers = states(killed)
    assert len(servers) > 30
    unfinished = 0
    for server in servers:
        check_intake(server)
        unfinished += any(server.up(DEVICE.lower()).iterdir())
        assert Mover(server).take_all().left == {}
        check_intake(server)
        check_end(server)
    assert unfinished == len(servers) - 1


def test_a_box_that_sends_all_again_after_the_kill_changes_nothing(
    tmp_path: Path,
) -> None:
    program = ROOT / "tests" / "killed_mover.py"
    subprocess.run(
        [sys.executable, program, tmp_path],
        check=True,
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    for server in states(tmp_path):
        expected(server).upload(server.up(DEVICE.lower()))
        assert Mover(server).take_all().left == {}
        check_intake(server)
        check_end(server)
