"""The intake as it is typed: each command's lines, JSON, exit code and memory."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from lab.cli import main
from recorder.errors import DamagedError, LabError, ManifestError, SignatureError
from tests.house import exit_code
from tests.intake_bench import (
    DEVICE,
    IntakeBench,
    both,
    edit,
    flip,
    session_uuid,
    tree,
)
from tests.lab_account import lab_account

PROGRAM = Path(sys.executable).with_name("fieldrec-lab")
DAMAGED = both(flip("0002/eeg.xdf.age"), edit())


@pytest.fixture
def bench(tmp_path: Path) -> IntakeBench:
    return IntakeBench(tmp_path)


class Typed:
    """What a command printed and how it ended."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> None:
        capsys.readouterr()
        self.code = exit_code(main, *arguments)
        self.out, self.err = capsys.readouterr()

    @property
    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.out.splitlines()]


def test_pull_verify_and_receipts_as_a_data_manager_types_them(
    bench: IntakeBench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.take_in(1)
    bench.take_in(2, change=flip("manifest.json.sig", at=250))
    lab = ("--lab", bench.root / "lab", "--json")
    pulled = Typed(capsys, "pull", "--from", bench.server, *lab)
    assert pulled.code == 0, pulled.err
    by_status = {line["status"]: line for line in pulled.lines[:-1]}
    assert by_status["verified"]["session"] == str(session_uuid(1))
    assert by_status["quarantined"]["copy"] == str(session_uuid(2))
    assert pulled.lines[-1] == {"known": 0, "judged": 1, "quarantined": 1, "failed": 0}
    again = Typed(capsys, "pull", *lab)
    assert again.lines == [{"known": 2, "judged": 0, "quarantined": 0, "failed": 0}]
    verified = Typed(capsys, "verify", bench.root / "lab" / "sessions", *lab)
    assert (verified.code, verified.lines[0]["status"]) == (0, "verified")
    signed = Typed(capsys, "receipts", *lab)
    assert signed.lines[-1] == {"signed": 1, "written": 1, "failed": 0}
    assert len(list(bench.receipts().iterdir())) == 2
    listed = json.loads(Typed(capsys, "sessions", *lab).out)
    assert [row["receipt"] for row in listed["sessions"]] == ["verified"]
    assert [row["cause"] for row in listed["quarantined"]] == ["word"]


def test_people_read_lines(bench: IntakeBench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.take_in(1, change=flip("0001/eeg.xdf.age"))
    lab = ("--lab", bench.root / "lab")
    assert Typed(capsys, "sessions", *lab).out == "no sessions\n"
    pulled = Typed(capsys, "pull", "--from", bench.server, *lab)
    assert "resend" in pulled.out
    assert "0001/eeg.xdf.age" in pulled.out
    assert "1 judged" in pulled.out
    assert f"{DEVICE}  {session_uuid(1)}  resend" in Typed(capsys, "receipts", *lab).out
    assert "receipt resend" in Typed(capsys, "sessions", *lab).out


def test_verify_ends_with_the_code_of_the_worst(
    bench: IntakeBench, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [
        bench.take_in(1),
        bench.take_in(2, change=flip("0001/eeg.xdf.age")),
        bench.take_in(3, change=DAMAGED),
        bench.take_in(4, change=flip("manifest.json.sig", at=250)),
    ]
    codes = [0, ManifestError.code, DamagedError.code, SignatureError.code]
    for n, code in enumerate(codes, start=1):
        typed = Typed(capsys, "verify", *folders[:n], "--lab", bench.root / "lab")
        assert typed.code == code, typed.err
        assert len(typed.out.splitlines()) == n
        assert "Traceback" not in typed.err
    assert list(bench.archive.sessions.iterdir()) == [], "they are not the lab's own"


def test_verify_finds_sessions_by_uuid_and_refuses_what_holds_none(
    bench: IntakeBench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.take_in()
    lab = ("--lab", bench.root / "lab")
    empty = Typed(capsys, "verify", str(session_uuid(1)), *lab)
    assert empty.code == LabError.code
    bench.pull()
    assert Typed(capsys, "verify", str(session_uuid(1)), *lab).code == 0
    assert Typed(capsys, "verify", bench.fleet, *lab).code == LabError.code


def test_a_copy_that_rotted_at_the_lab_comes_again_with_the_next_pull(
    bench: IntakeBench, capsys: pytest.CaptureFixture[str]
) -> None:
    source = bench.take_in()
    bench.pull()
    flip("0001/eeg.xdf.age")(bench.home())
    lab = ("--lab", bench.root / "lab")
    assert Typed(capsys, "verify", bench.home(), *lab).code == ManifestError.code
    assert bench.status() == "resend"
    assert Typed(capsys, "pull", "--from", bench.server, *lab).code == 0
    assert bench.status() == "verified"
    assert tree(bench.home()) == tree(source)


def test_a_session_nobody_vouches_for_any_more_goes_to_quarantine(
    bench: IntakeBench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.take_in()
    bench.pull()
    bench.register("BOX-0008W")
    typed = Typed(capsys, "verify", bench.home(), "--lab", bench.root / "lab")
    assert typed.code == SignatureError.code
    assert not bench.home().exists()
    assert (bench.archive.quarantine / DEVICE / str(session_uuid(1))).is_dir()
    assert bench.status() == ""
    bench.register(DEVICE)
    assert bench.pull().judged[0].status == "verified"


def test_accept_and_drill_as_typed(
    bench: IntakeBench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.take_in(1, change=DAMAGED)
    bench.take_in(2)
    bench.pull()
    lab = ("--lab", bench.root / "lab")
    session = str(session_uuid(1))
    assert Typed(capsys, "accept", session, *lab).code == 2, "a reason is needed"
    accepted = Typed(capsys, "accept", session, *lab, "--reason", "worn", "--by", "me")
    assert accepted.out == f"accepted: {DEVICE} {session}, 1 damaged file(s)\n"
    first = Typed(capsys, "drill", *lab, "--identity", bench.recovery)
    assert first.code == 0, first.err
    assert "never" in first.out
    assert "all 5 files" in first.out
    second = Typed(capsys, "drill", *lab, "--identity", bench.recovery, "--json")
    assert second.lines[0]["last_utc"]
    assert second.lines[0]["session"] == str(session_uuid(2))


def test_a_place_never_named_is_asked_for(
    bench: IntakeBench, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = Typed(capsys, "pull", "--lab", bench.root / "lab")
    assert typed.code == LabError.code
    assert "--from" in typed.err
    typed = Typed(
        capsys, "pull", "--lab", bench.root / "lab", "--from", "sftp://lab@127.0.0.1/x"
    )
    assert typed.code == LabError.code
    assert "--known-hosts" in typed.err


@pytest.mark.parametrize("place", ["nowhere", "sftp://lab@127.0.0.1", "sftp://a:b@c/d"])
def test_a_mistyped_place_is_not_remembered(
    bench: IntakeBench, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    bench.take_in()
    lab = ("--lab", bench.root / "lab", "--json")
    assert Typed(capsys, "pull", "--from", bench.server, *lab).code == 0
    assert Typed(capsys, "pull", "--from", place, *lab).code == LabError.code
    assert Typed(capsys, "receipts", "--to", place, *lab).code == LabError.code
    assert Typed(capsys, "pull", *lab).lines[-1]["known"] == 1
    assert Typed(capsys, "receipts", *lab).lines[-1]["written"] == 1


def test_over_sftp_key_and_host_key_are_remembered(
    bench: IntakeBench, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bench.take_in(1)
    lab = ("--lab", bench.root / "lab", "--json")
    with lab_account(tmp_path / "sshd") as account:
        keys = ("--key", account.key, "--known-hosts", account.known_hosts)
        first = Typed(capsys, "pull", "--from", account.address(bench.server), *keys, *lab)
        assert first.code == 0, first.err
        assert first.lines[-1]["judged"] == 1
        assert Typed(capsys, "receipts", *lab).lines[-1]["written"] == 1
    gone = Typed(capsys, "pull", *lab)
    assert gone.code == 76
    assert len(gone.err.splitlines()) == 1


def test_a_box_without_a_mailbox_is_named_and_ends_with_its_code(
    bench: IntakeBench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.take_in(1)
    bench.pull()
    bench.receipts().rmdir()
    lab = ("--lab", bench.root / "lab", "--json")
    typed = Typed(capsys, "receipts", "--to", bench.server, *lab)
    assert typed.code == LabError.code
    assert DEVICE in typed.err
    assert typed.lines[-1] == {"signed": 1, "written": 0, "failed": 1}


def test_a_gap_in_a_boxs_chain_is_told(
    bench: IntakeBench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.take_in(1, change=edit(sequence=3, previous="0" * 64))
    lab = ("--lab", bench.root / "lab")
    typed = Typed(capsys, "pull", "--from", bench.server, *lab)
    assert typed.code == 0, "a gap is no fault of this session"
    assert "numbers 1-2" in typed.err
    assert "gap" in Typed(capsys, "sessions", *lab).out


def test_open_finds_a_session_by_its_uuid(
    bench: IntakeBench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.take_in()
    bench.pull()
    out = bench.root / "out"
    typed = Typed(
        capsys, "open", str(session_uuid(1)), "--lab", bench.root / "lab", "--out", out
    )
    assert typed.code == 0, typed.err
    assert (out / str(session_uuid(1)) / "eeg.xdf").is_file()
    facts = json.loads((out / str(session_uuid(1)) / "integrity.json").read_text())
    assert facts["problems"] == []


def test_a_terminal_sees_progress(bench: IntakeBench) -> None:
    bench.take_in()
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [PROGRAM, "pull", "--lab", bench.root / "lab", "--from", bench.server],
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
        text=True,
    )
    os.close(theirs)
    shown = read_to_the_end(ours)
    os.close(ours)
    assert "1 done" in shown
    assert str(session_uuid(1)) in done.stdout


def read_to_the_end(terminal: int) -> str:
    """Return all that was shown: one look may come before the rest has."""
    shown = b""
    with contextlib.suppress(OSError):  # how a terminal says that nobody writes any more
        while piece := os.read(terminal, 10_000):
            shown += piece
    return shown.decode()
