"""The lab signs `verified` for nothing but an equal copy it proved, and signs it once."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from lab.acceptance import accept, acceptances
from lab.receipting import ReceiptReport, hand_out, withdraw_receipt
from lab.rotate import rotate_receipt_key
from recorder.errors import KeyFileError, LabError
from recorder.files import PRIVATE
from recorder.format import manifest as manifests
from recorder.format.receipt import Receipt, parse_receipt, receipt_name
from recorder.format.signers import AllowedSigners
from recorder.format.sshsig import verify
from tests.house import mode, stock_verify
from tests.intake_bench import (
    DAY,
    DEVICE,
    OTHER,
    TAKEN,
    IntakeBench,
    both,
    edit,
    flip,
    session_uuid,
    tree,
)

if TYPE_CHECKING:
    from pathlib import Path

DAMAGED = both(flip("0002/eeg.xdf.age"), edit())


@pytest.fixture
def bench(tmp_path: Path) -> IntakeBench:
    return IntakeBench(tmp_path)


def read(bench: IntakeBench, number: int = 1) -> Receipt:
    """Read a receipt as its box does: by name, after checking the signature."""
    content = (bench.intake(number) / "manifest.json").read_bytes()
    name = receipt_name(str(session_uuid(number)), manifests.digest(content))
    path = bench.receipts() / name
    signers = AllowedSigners.parse((bench.lab.public / "allowed_signers").read_text())
    verify(
        path.read_bytes(),
        path.with_name(f"{name}.sig").read_text(),
        namespace=manifests.NAMESPACE_RECEIPT,
        principal="lab",
        signers=signers,
    )
    receipt = parse_receipt(path.read_bytes())
    assert receipt.manifest_sha256 == manifests.digest(content)
    assert receipt.device == DEVICE
    return receipt


def test_a_verified_session_gets_a_receipt_its_box_believes(bench: IntakeBench) -> None:
    bench.take_in()
    bench.pull()
    report = bench.sign_and_hand_out()
    assert (len(report.signed), len(report.written), report.failures) == (1, 1, [])
    assert read(bench).status == "verified"
    assert read(bench).lab_sequence == 1


def test_stock_ssh_keygen_accepts_the_receipt(bench: IntakeBench) -> None:
    bench.take_in()
    bench.pull()
    bench.sign_and_hand_out()
    (path,) = bench.receipts().glob("*.json")
    assert stock_verify(
        path.read_bytes(),
        path.with_name(f"{path.name}.sig"),
        signers=bench.lab.public / "allowed_signers",
        principal="lab",
        namespace="fieldrec-receipt",
    )


def test_a_receipt_that_got_lost_or_forged_is_written_again_byte_for_byte(
    bench: IntakeBench,
) -> None:
    bench.take_in()
    bench.pull()
    bench.sign_and_hand_out()
    before = tree(bench.receipts())
    assert bench.sign_and_hand_out().written == []
    first, second = sorted(bench.receipts().iterdir())
    first.unlink()
    content = second.read_bytes()
    second.write_bytes(content[:-9] + b"forged!!\n")
    report = bench.sign_and_hand_out()
    assert (len(report.signed), len(report.written)) == (0, 1)
    assert tree(bench.receipts()) == before


def test_a_session_asked_for_again_is_verified_by_a_later_receipt(
    bench: IntakeBench,
) -> None:
    bench.take_in(change=flip("0001/eeg.xdf.age"))
    bench.pull()
    bench.sign_and_hand_out()
    assert read(bench).status == "resend"
    assert read(bench).files == ("0001/eeg.xdf.age",)
    bench.take_in(attempt=1)
    bench.pull()
    bench.sign_and_hand_out()
    assert (read(bench).status, read(bench).lab_sequence) == ("verified", 2)


def test_what_came_again_and_is_wrong_again_is_asked_for_by_a_new_receipt(
    bench: IntakeBench,
) -> None:
    bench.take_in(change=flip("0001/eeg.xdf.age"))
    bench.pull()
    bench.sign_and_hand_out()
    bench.pull()
    assert bench.sign_and_hand_out().signed == [], "nothing came since"
    bench.take_in(attempt=1, change=flip("0001/eeg.xdf.age", at=-40))
    bench.pull()
    bench.sign_and_hand_out()
    assert (read(bench).status, read(bench).lab_sequence) == ("resend", 2)


def test_a_quarantined_session_gets_no_receipt_at_all(bench: IntakeBench) -> None:
    bench.lose(DEVICE, TAKEN)
    bench.take_in()
    bench.pull()
    bench.sign_and_hand_out()
    assert list(bench.receipts().iterdir()) == []


def test_no_receipt_is_signed_once_the_labs_copy_is_no_longer_equal(
    bench: IntakeBench,
) -> None:
    bench.take_in()
    bench.pull()
    flip("0001/eeg.xdf.age")(bench.home())
    report = bench.sign_and_hand_out()
    assert [name for name, _ in report.failures] == [str(session_uuid(1))]
    assert list(bench.receipts().iterdir()) == []


def test_a_damaged_session_is_verified_only_by_a_signed_act(bench: IntakeBench) -> None:
    bench.take_in(change=DAMAGED)
    bench.pull()
    bench.sign_and_hand_out()
    assert (read(bench).status, read(bench).files) == ("damaged", ("0002/eeg.xdf.age",))
    with bench.catalogue() as catalogue:
        act = accept(
            bench.lab,
            bench.archive,
            catalogue,
            str(session_uuid(1)),
            reason="worn card",
            who="data manager",
        )
        assert act.files == ("0002/eeg.xdf.age",)
        (row,) = catalogue.actions("accept")
    assert row.who == "data manager"
    signature = bench.root / "act.sig"
    signature.write_text(row.signature)
    line = (bench.lab.public / "allowed_signers").read_text().splitlines()[-1]
    signers = bench.root / "signers"
    signers.write_text("lab " + line[line.index("ssh-ed25519") :] + "\n")
    assert stock_verify(
        row.details.encode(),
        signature,
        signers=signers,
        principal="lab",
        namespace="fieldrec-act",
    )
    bench.sign_and_hand_out()
    assert (read(bench).status, read(bench).lab_sequence) == ("verified", 2)
    assert bench.status() == "damaged", "the catalogue keeps the truth"


def test_an_act_that_the_labs_key_did_not_sign_accepts_nothing(bench: IntakeBench) -> None:
    bench.take_in(change=DAMAGED)
    bench.pull()
    with bench.catalogue() as catalogue:
        accept(bench.lab, bench.archive, catalogue, str(session_uuid(1)), reason="x")
        (row,) = catalogue.actions("accept")
        details = json.loads(row.details) | {"files": ["0001/eeg.xdf.age"]}
        catalogue._database.execute("DROP TRIGGER actions_stay")
        catalogue._database.execute(
            "UPDATE actions SET details = ?", (json.dumps(details),)
        )
        with pytest.raises(LabError, match="not what the lab's key signed"):
            acceptances(bench.lab, catalogue)


@pytest.mark.parametrize("reason", ["", "  "])
def test_an_act_needs_a_reason(bench: IntakeBench, reason: str) -> None:
    bench.take_in(change=DAMAGED)
    bench.pull()
    with bench.catalogue() as catalogue, pytest.raises(LabError, match="reason"):
        accept(bench.lab, bench.archive, catalogue, str(session_uuid(1)), reason=reason)


def test_what_is_neither_damaged_nor_lost_cant_be_accepted(bench: IntakeBench) -> None:
    bench.take_in(1)
    bench.take_in(2, change=flip("manifest.json.sig", at=250))
    bench.pull()
    for number in (1, 2, 3):
        with bench.catalogue() as catalogue, pytest.raises(LabError, match="neither"):
            accept(
                bench.lab,
                bench.archive,
                catalogue,
                str(session_uuid(number)),
                reason="x",
            )


def test_a_session_of_a_lost_box_is_believed_after_a_signed_act(bench: IntakeBench) -> None:
    bench.lose(DEVICE, TAKEN)
    source = bench.take_in(1, taken=TAKEN + DAY)
    bench.take_in(2, taken=TAKEN + DAY)
    bench.pull()
    assert set(bench.causes().values()) == {"lost"}
    with bench.catalogue() as catalogue:
        accept(bench.lab, bench.archive, catalogue, str(session_uuid(1)), reason="found")
    bench.pull()
    assert bench.status(1) == "verified"
    assert tree(bench.home()) == tree(source)
    assert bench.causes() == {str(session_uuid(2)): "lost"}


def test_withdrawn_is_the_last_word(bench: IntakeBench) -> None:
    bench.take_in()
    bench.pull()
    bench.sign_and_hand_out()
    with bench.catalogue() as catalogue:
        row = catalogue.find(str(session_uuid(1)))
        withdraw_receipt(bench.lab, catalogue, row)
        hand_out(bench.place, catalogue, ReceiptReport())
    assert (read(bench).status, read(bench).lab_sequence) == ("withdrawn", 2)
    assert bench.sign_and_hand_out().signed == []
    assert read(bench).status == "withdrawn"


def test_a_box_without_a_mailbox_does_not_keep_others_from_theirs(
    bench: IntakeBench,
) -> None:
    bench.take_in(1)
    bench.take_in(1, device=OTHER)
    bench.pull()
    bench.receipts(OTHER).rmdir()
    report = bench.sign_and_hand_out()
    assert [name for name, _ in report.failures] == [OTHER]
    assert read(bench).status == "verified"


def test_a_signing_key_others_can_read_signs_nothing(bench: IntakeBench) -> None:
    bench.take_in()
    bench.pull()
    key = bench.root / "lab" / "secret" / "receipt_ed25519"
    assert key.stat().st_mode & 0o777 == PRIVATE
    key.chmod(0o640)
    with pytest.raises(Exception, match="chmod 600"):
        bench.sign_and_hand_out()
    assert list(bench.receipts().iterdir()) == []


def test_killed_between_signing_and_writing_the_same_receipt_is_written(
    bench: IntakeBench,
) -> None:
    class Cut(BaseException):
        pass

    class CutPlace:
        name = "cut"

        def __getattr__(self, name: str) -> object:
            return getattr(bench.place, name)

        def put_receipts(self, device: str, files: dict[str, bytes]) -> None:
            first = dict(list(files.items())[:1])
            bench.place.put_receipts(device, first)
            raise Cut

    bench.take_in()
    bench.pull()
    with pytest.raises(Cut):
        bench.sign_and_hand_out(CutPlace())  # type: ignore[arg-type]  # a place by delegation
    report = bench.sign_and_hand_out()
    assert (len(report.signed), len(report.written)) == (0, 1)
    assert read(bench).lab_sequence == 1


def test_an_acceptance_outlives_the_key_that_signed_it(bench: IntakeBench) -> None:
    bench.take_in(change=DAMAGED)
    bench.pull()
    with bench.catalogue() as catalogue:
        act = accept(bench.lab, bench.archive, catalogue, str(session_uuid(1)), reason="x")
        for _ in range(5):
            rotate_receipt_key(bench.lab)
            assert acceptances(bench.lab, catalogue) == (act,)
    bench.sign_and_hand_out()
    assert read(bench).status == "verified"
    bench.pull()
    assert mode(bench.lab.act_signers_path) == PRIVATE
    lines = bench.lab.act_signers_path.read_text().splitlines()
    assert len(lines) == 3, "a head, and the two keys before the present one"


def test_who_signed_acts_is_not_taken_from_a_file_others_can_touch(
    bench: IntakeBench,
) -> None:
    bench.take_in(change=DAMAGED)
    bench.pull()
    with bench.catalogue() as catalogue:
        accept(bench.lab, bench.archive, catalogue, str(session_uuid(1)), reason="x")
        for _ in range(2):
            rotate_receipt_key(bench.lab)
        bench.lab.act_signers_path.chmod(0o664)
        with pytest.raises(KeyFileError, match="0664"):
            acceptances(bench.lab, catalogue)
        bench.lab.act_signers_path.unlink()
        with pytest.raises(LabError, match="not what the lab's key signed"):
            acceptances(bench.lab, catalogue)


def test_a_box_may_delete_a_session_that_holds_nothing(bench: IntakeBench) -> None:
    bench.take_in(change=edit(clean=False, parts=0, files={}))
    bench.pull()
    bench.sign_and_hand_out()
    assert read(bench).status == "verified"


def test_a_session_that_lost_a_part_is_told_its_box_as_damaged(bench: IntakeBench) -> None:
    bench.take_in(change=both(lambda path: shutil.rmtree(path / "0001"), edit()))
    bench.pull()
    bench.sign_and_hand_out()
    assert (read(bench).status, read(bench).files) == ("damaged", ("0001",))
