"""Whatever goes wrong, a user sees one line and the shell sees a stable code."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import typer

from recorder.cli_errors import examples, run
from recorder.errors import ConsentError, KeyFileError
from tests.house import exit_code

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def _program(raised: BaseException | None) -> Callable[[], None]:
    app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)

    @app.command(epilog=examples("prog --number 1", "prog"))
    def command(number: int = 0) -> None:
        """Do it."""
        if raised is not None:
            raise raised
        typer.echo(number)

    return lambda: run(app, name="prog")


def test_success_is_zero(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(_program(None), "--number", "5") == 0
    assert capsys.readouterr().out == "5\n"


def test_our_errors_give_one_line_with_the_hint_and_their_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    program = _program(KeyFileError("key file k\nhas mode 0644", hint="chmod 600 k"))
    assert exit_code(program) == KeyFileError.code
    assert capsys.readouterr().err == "prog: key file k has mode 0644; chmod 600 k\n"
    assert exit_code(_program(ConsentError("no"))) == ConsentError.code
    assert capsys.readouterr().err == "prog: no\n"


def test_wrong_usage_is_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(_program(None), "--number", "many") == 2
    assert "'--number'" in capsys.readouterr().err


def test_an_interrupt_is_130() -> None:
    assert exit_code(_program(KeyboardInterrupt())) == 130


def test_a_refusing_disk_is_named_with_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/there/file")
    assert exit_code(_program(full)) == 50
    assert capsys.readouterr().err == "prog: /there/file: No space left on device\n"
    denied = PermissionError(errno.EACCES, "Permission denied", "/there/file")
    assert exit_code(_program(denied)) == 52
    assert capsys.readouterr().err.startswith("prog: /there/file: Permission denied; ")


def test_our_own_fault_shows_the_place_but_no_values(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FIELDREC_TRACEBACK", raising=False)
    assert exit_code(_program(ValueError("client K7QX3"))) == 1
    text = capsys.readouterr().err
    assert text.startswith("prog: a fault of ours: ValueError at test_cli_errors.py:")
    assert text.count("\n") == 1
    assert "K7QX3" not in text
    monkeypatch.setenv("FIELDREC_TRACEBACK", "1")
    assert exit_code(_program(ValueError("client K7QX3"))) == 1
    assert "Traceback" in capsys.readouterr().err


def test_help_ends_with_the_examples_as_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(_program(None), "--help") == 0
    text = capsys.readouterr().out
    assert text.rstrip().endswith("Examples:\n    prog --number 1\n    prog")
