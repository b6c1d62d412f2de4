"""A new lab has all it needs, keeps no recovery key, and is made whole or not at all."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from lab.cli import main
from lab.identity import read_identities
from lab.init import init_lab
from lab.settings import Lab
from lab.unseal import unseal
from recorder.errors import KeyFileError, LabError
from recorder.format.age import (
    HybridRecipient,
    X25519Recipient,
    check_recipients,
    parse_recipients,
    seal,
)
from recorder.format.codebook import parse_codebook
from recorder.format.sshsig import sign
from tests.house import exit_code, mode, stock_verify


def test_a_lab_seals_for_two_post_quantum_keys_that_both_open(tmp_path: Path) -> None:
    made = init_lab(tmp_path / "lab", recovery_out=tmp_path / "recovery.txt")
    lab = Lab.load(made.root)
    recipients = parse_recipients((lab.public / "recipients.txt").read_text())
    check_recipients(recipients)
    assert all(isinstance(recipient, HybridRecipient) for recipient in recipients)
    sealed = seal(b"speech", recipients)
    for path in (lab.identity_path, made.recovery):
        assert unseal(sealed, read_identities(path)) == b"speech"


def test_a_lab_with_x25519_keys_is_opened_by_the_age_program(tmp_path: Path) -> None:
    code = exit_code(
        main, "init", tmp_path / "lab", "--recovery-out", tmp_path / "r", "--x25519"
    )
    assert code == 0
    lab = Lab.load(tmp_path / "lab")
    recipients = parse_recipients((lab.public / "recipients.txt").read_text())
    assert all(isinstance(recipient, X25519Recipient) for recipient in recipients)
    for identity in (lab.identity_path, tmp_path / "r"):
        opened = subprocess.run(
            ["age", "-d", "-i", identity],
            input=seal(b"speech", recipients),
            capture_output=True,
            check=True,
        )
        assert opened.stdout == b"speech"


@pytest.mark.parametrize("umask", [0o002, 0o077])
def test_secrets_are_private_and_the_rest_can_be_handed_over(
    tmp_path: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        init_lab(tmp_path / "lab", recovery_out=tmp_path / "recovery.txt")
    finally:
        os.umask(before)
    modes = {
        path.relative_to(tmp_path).as_posix(): mode(path) for path in tmp_path.rglob("*")
    }
    assert modes == {
        "lab": 0o755,
        "lab/secret": 0o700,
        "lab/secret/identity.txt": 0o600,
        "lab/secret/receipt_ed25519": 0o600,
        "lab/clients.json": 0o600,
        "lab/lab.toml": 0o644,
        "lab/dataset.toml": 0o644,
        "lab/consent.toml": 0o644,
        "lab/public": 0o755,
        "lab/public/recipients.txt": 0o644,
        "lab/public/allowed_signers": 0o644,
        "lab/public/codebook.toml": 0o644,
        "lab/public/study.toml": 0o644,
        "recovery.txt": 0o600,
        "recovery.txt.sheet.txt": 0o600,
    }
    for path in (tmp_path / "lab" / "public").iterdir():
        assert "SECRET-KEY" not in path.read_text()
        assert "PRIVATE" not in path.read_text()


def test_the_recovery_key_is_outside_the_lab_only(tmp_path: Path) -> None:
    made = init_lab(tmp_path / "lab", recovery_out=tmp_path / "recovery.txt")
    (recovery,) = read_identities(made.recovery)
    secret = recovery.to_text()
    assert secret in made.sheet.read_text().splitlines()
    for path in made.root.rglob("*"):
        assert path.is_dir() or secret not in path.read_text()


def test_ssh_keygen_believes_the_lab_for_its_two_namespaces_only(tmp_path: Path) -> None:
    init_lab(tmp_path / "lab", recovery_out=tmp_path / "recovery.txt")
    lab = Lab.load(tmp_path / "lab")
    signature = tmp_path / "sig"
    for namespace, believed in (
        ("fieldrec-receipt", True),
        ("fieldrec-clients", True),
        ("fieldrec-manifest", False),
    ):
        signature.write_text(sign(b"word", lab.receipt_key(), namespace=namespace))
        assert believed is stock_verify(
            b"word",
            signature,
            signers=lab.public / "allowed_signers",
            principal="lab",
            namespace=namespace,
        )


def test_the_default_codebook_is_one(tmp_path: Path) -> None:
    init_lab(tmp_path / "lab", recovery_out=tmp_path / "recovery.txt")
    text = (tmp_path / "lab" / "public" / "codebook.toml").read_text("utf-8")
    assert parse_codebook(text).get("suds").kind == "value"


@pytest.mark.parametrize("inside", ["lab/recovery.txt", "lab", "lab/secret/../r.txt"])
def test_a_recovery_key_inside_the_lab_is_refused(
    tmp_path: Path, inside: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = exit_code(
        main, "init", tmp_path / "lab", "--recovery-out", f"{tmp_path}/{inside}"
    )
    assert code == LabError.code
    assert "inside the lab's folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("taken", ["recovery.txt", "recovery.txt.sheet.txt", "lab/file"])
def test_nothing_that_exists_is_overwritten(
    tmp_path: Path, taken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / taken
    path.parent.mkdir(exist_ok=True)
    path.write_text("precious")
    code = exit_code(
        main, "init", tmp_path / "lab", "--recovery-out", tmp_path / "recovery.txt"
    )
    assert code == LabError.code
    error = capsys.readouterr().err
    assert error.startswith("fieldrec-lab: ")
    assert error.count("\n") == 1
    assert path.read_text() == "precious"
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [path]


def test_a_recovery_key_that_cannot_be_written_leaves_no_lab(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no folder"):
        init_lab(tmp_path / "lab", recovery_out=tmp_path / "missing" / "recovery.txt")
    with pytest.raises(KeyFileError, match="can't be written"):
        init_lab(tmp_path / "lab", recovery_out=Path("/proc/fieldrec-recovery.txt"))
    with pytest.raises(OSError, match="name too long"):  # the sheet's name is longer
        init_lab(tmp_path / "lab", recovery_out=tmp_path / ("x" * 250))
    assert list(tmp_path.iterdir()) == []


def test_a_lab_that_cannot_be_made_leaves_no_recovery_key(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        init_lab(tmp_path / "file" / "lab", recovery_out=tmp_path / "recovery.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_is_no_lab_is_refused(tmp_path: Path) -> None:
    init_lab(tmp_path / "lab", recovery_out=tmp_path / "recovery.txt")
    for missing in ("lab.toml", "public", "secret"):
        broken = shutil.copytree(tmp_path / "lab", tmp_path / f"no-{missing}")
        path = broken / missing
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        with pytest.raises(LabError, match=f"{missing} is missing"):
            Lab.load(broken)


def test_a_lab_that_knows_no_fleet_says_how_to_name_it(tmp_path: Path) -> None:
    init_lab(tmp_path / "lab", recovery_out=tmp_path / "recovery.txt")
    with pytest.raises(LabError, match="fieldrec-lab publish"):
        _ = Lab.load(tmp_path / "lab").device_signers_path
