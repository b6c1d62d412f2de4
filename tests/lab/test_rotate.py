"""The lab's signing key changes in two steps; no box is left with a word it can't check."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lab.cli import main
from lab.init import init_lab
from lab.publish import sign_register
from lab.rotate import rotate_receipt_key
from lab.settings import Lab
from recorder.errors import KeyFileError, SignatureError
from recorder.format.manifest import NAMESPACE_CLIENTS, NAMESPACE_RECEIPT
from recorder.format.signers import public_blob
from recorder.format.sshsig import AllowedSigners, verify
from tests.house import exit_code, mode

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    root = init_lab(tmp_path / "lab", recovery_out=tmp_path / "recovery.txt").root
    return Lab.load(root)


def _signers(lab: Lab) -> AllowedSigners:
    return AllowedSigners.parse((lab.public / "allowed_signers").read_text("utf-8"))


def _next(lab: Lab) -> Path:
    return lab.root / "secret" / "receipt_ed25519.next"


def _believes(signers: AllowedSigners, lab: Lab) -> bool:
    """Tell whether a box with ``signers`` believes what the lab signs now."""
    signed = sign_register(lab)
    try:
        verify(
            signed.content,
            signed.signature,
            namespace=NAMESPACE_CLIENTS,
            principal="lab",
            signers=signers,
        )
    except SignatureError:
        return False
    return True


def test_boxes_know_the_next_key_before_it_signs(lab: Lab) -> None:
    former = lab.receipt_key_path.read_bytes()
    assert rotate_receipt_key(lab) == "prepared"
    in_the_field = _signers(lab)
    assert lab.receipt_key_path.read_bytes() == former
    assert mode(_next(lab)) == 0o600
    assert rotate_receipt_key(lab) == "changed"
    assert lab.receipt_key_path.read_bytes() != former
    assert mode(lab.receipt_key_path) == 0o600
    assert not _next(lab).exists()
    assert _believes(in_the_field, lab)
    assert _signers(lab) == in_the_field  # the former key's word counts for now


def test_a_box_that_missed_the_first_step_believes_nothing_of_the_new_key(lab: Lab) -> None:
    missed = _signers(lab)
    rotate_receipt_key(lab)
    assert _believes(missed, lab)
    rotate_receipt_key(lab)
    assert not _believes(missed, lab)


def test_the_next_change_forgets_the_former_key(lab: Lab) -> None:
    former = public_blob(lab.receipt_key())
    for _ in range(3):
        rotate_receipt_key(lab)
    blobs = [signer.key_blob for signer in _signers(lab).signers]
    assert former not in blobs
    assert len(set(blobs)) == 2
    assert blobs[0] == public_blob(lab.receipt_key())


def test_both_keys_sign_receipts_and_registers_only(lab: Lab) -> None:
    rotate_receipt_key(lab)
    for signer in _signers(lab).signers:
        assert signer.principals == ("lab",)
        assert signer.namespaces == (NAMESPACE_RECEIPT, NAMESPACE_CLIENTS)


def test_an_interrupted_first_step_is_finished_before_the_second(lab: Lab) -> None:
    before = (lab.public / "allowed_signers").read_bytes()
    rotate_receipt_key(lab)
    prepared = _next(lab).read_bytes()
    (lab.public / "allowed_signers").write_bytes(before)  # as if cut off here
    assert rotate_receipt_key(lab) == "prepared"
    assert _next(lab).read_bytes() == prepared
    assert rotate_receipt_key(lab) == "changed"
    assert lab.receipt_key_path.read_bytes() == prepared


def test_a_next_key_others_can_read_is_not_taken(lab: Lab) -> None:
    former = lab.receipt_key_path.read_bytes()
    rotate_receipt_key(lab)
    _next(lab).chmod(0o644)
    with pytest.raises(KeyFileError, match="mode 0644"):
        rotate_receipt_key(lab)
    assert lab.receipt_key_path.read_bytes() == former


def test_the_command_says_which_step_it_took(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("rotate", "receipt-key", "--lab", lab.root)
    for say_json, word in (
        ((), "fieldrec-provision publish"),
        (("--json",), "changed"),
        (("--json",), "prepared"),
        ((), "fieldrec-lab receipts"),
    ):
        assert exit_code(main, *arguments, *say_json) == 0
        told = capsys.readouterr().out
        assert (json.loads(told) == {"step": word}) if say_json else (word in told)
