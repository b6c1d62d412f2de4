"""``fieldrec-tui`` as it is installed: help, refusals, and a demonstration from nothing."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.service_process import until
from tests.tui.terminal import PROGRAM, screen_in_a_terminal

if TYPE_CHECKING:
    from pathlib import Path


def ask(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=False)


def served(box: Path) -> list[int]:
    """Return the processes of the recorder on ``box``."""
    found = subprocess.run(
        ["pgrep", "-f", f"serve --box {box}"], capture_output=True, text=True, check=False
    )
    return [int(number) for number in found.stdout.split()]


def test_help_shows_examples() -> None:
    done = ask("--help")
    assert done.returncode == 0
    assert "fieldrec-tui --demo" in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [((), "--box"), (("--box", "BOX", "--language", "fr"), "neither ru nor en")],
)
def test_wrong_usage_is_refused(words: tuple[str, ...], says: str) -> None:
    done = ask(*words)
    assert done.returncode == 2
    assert says in done.stderr


@pytest.mark.timeout(180)
def test_a_demonstration_needs_nothing_recovers_and_leaves_nothing(tmp_path: Path) -> None:
    with screen_in_a_terminal("--demo", TMPDIR=str(tmp_path)) as terminal:
        terminal.until_written("УЧЕБНЫЙ ПРИБОР")
        (box,) = tmp_path.glob("fieldrec-demo-*/box")
        (recorder,) = served(box)
        os.kill(recorder, signal.SIGKILL)
        terminal.until_written("Считайте, что НЕ идёт")
        terminal.until_written("УЧЕБНЫЙ ПРИБОР")
        until(lambda: served(box) or None, "the recorder was not started again")
        terminal.write(b"\x11")  # Ctrl-Q
        assert terminal.process.wait(60) == 0
    assert list(tmp_path.glob("fieldrec-demo-*")) == []
    assert served(box) == []


def test_a_screen_whose_terminal_is_closed_ends_in_order(tmp_path: Path) -> None:
    with screen_in_a_terminal("--box", str(tmp_path)) as terminal:
        terminal.until_written("прибор ещё запускается")
        terminal.process.send_signal(signal.SIGHUP)
        assert terminal.process.wait(60) == 0
