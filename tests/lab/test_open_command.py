"""`fieldrec-lab open` as it is typed: each error one line, each code as documented."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lab.identity import read_identities
from lab.init import init_lab
from lab.settings import Lab
from tests.session_maker import SessionMaker

PROGRAM = Path(sys.executable).with_name("fieldrec-lab")


class Bench:
    """A lab, its fleet's list of boxes, and one session of three parts."""

    def __init__(self, root: Path) -> None:
        self.lab, self.recovery = root / "lab", root / "recovery.txt"
        init_lab(self.lab, recovery_out=self.recovery, post_quantum=False)
        working = read_identities(Lab.load(self.lab).identity_path)
        identities = (working[0], read_identities(self.recovery)[0])
        self.made = SessionMaker(root / "sessions", identities)
        self.made.write_sheet()
        self.made.add_part(1)
        self.made.add_part(1, ending="open")
        fleet = root / "fleet"
        fleet.mkdir()
        (fleet / "allowed_signers").write_text(self.made.signers_text)
        Lab.load(self.lab).remember_fleet(fleet)
        self.out = root / "out"

    def open(self, *options: str | Path) -> subprocess.CompletedProcess[str]:
        command: list[str | Path] = [PROGRAM, "open", self.made.folder, "--lab", self.lab]
        command += ["--out", self.out, *options]
        return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def last_line(text: str) -> str:
    return text.splitlines()[-1]


def test_a_signed_session_opens_with_code_0(bench: Bench) -> None:
    bench.made.sign(clean=False)
    done = bench.open()
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == bench.out / str(bench.made.session)


def test_json_prints_the_integrity(bench: Bench) -> None:
    bench.made.sign(clean=False)
    done = bench.open("--json")
    printed = json.loads(done.stdout)
    folder = bench.out / str(bench.made.session)
    assert printed == json.loads((folder / "integrity.json").read_text())
    assert printed["recovered_from_journal_s"] == 1.0


def test_an_unsigned_session_opens_with_code_73(bench: Bench) -> None:
    done = bench.open()
    assert done.returncode == 73
    assert "no box ever signed" in last_line(done.stderr)
    assert (bench.out / str(bench.made.session) / "eeg.xdf").is_file()


def test_a_damaged_session_opens_with_code_74(bench: Bench) -> None:
    bench.made.sign(clean=False)
    (bench.made.folder / "0001" / "audio.flac.age").unlink()
    done = bench.open()
    assert done.returncode == 74
    assert "0001/audio.flac.age" in last_line(done.stderr)
    assert (bench.out / str(bench.made.session) / "eeg.xdf").is_file()


def test_a_forged_manifest_is_refused_with_code_62(bench: Bench) -> None:
    bench.made.sign(clean=False)
    (bench.made.folder / "manifest.json.sig").write_text("forged")
    done = bench.open()
    assert done.returncode == 62
    assert not bench.out.exists()


def test_the_recovery_identity_opens_without_the_labs_secrets(bench: Bench) -> None:
    bench.made.sign(clean=False)
    shutil.rmtree(bench.lab / "secret")
    assert bench.open().returncode == 85
    done = bench.open("--identity", bench.recovery)
    assert done.returncode == 0, done.stderr


def test_a_wrong_identity_is_refused_with_code_71(bench: Bench, tmp_path: Path) -> None:
    bench.made.sign(clean=False)
    init_lab(tmp_path / "other", recovery_out=tmp_path / "other.txt", post_quantum=False)
    done = bench.open("--identity", tmp_path / "other.txt")
    assert done.returncode == 71
    assert "Traceback" not in done.stderr
    assert not bench.out.exists()


def test_an_identity_others_can_read_is_refused_with_code_11(bench: Bench) -> None:
    bench.made.sign(clean=False)
    bench.recovery.chmod(0o644)
    assert bench.open("--identity", bench.recovery).returncode == 11


def test_what_is_no_session_is_refused_with_code_70(bench: Bench) -> None:
    shutil.rmtree(bench.made.folder)
    done = bench.open()
    assert done.returncode == 70
    assert len(done.stderr.splitlines()) <= 2


def test_a_full_disk_leaves_nothing_and_says_so(bench: Bench) -> None:
    bench.made.sign(clean=False)
    limited = f"ulimit -f 20; exec {PROGRAM} open {bench.made.folder}"
    done = subprocess.run(
        ["bash", "-c", f"{limited} --lab {bench.lab} --out {bench.out}"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode in (50, 70)
    assert "Traceback" not in done.stderr
    assert not list(bench.out.iterdir())
