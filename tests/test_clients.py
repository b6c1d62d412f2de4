"""Nobody is recorded without a consent that covers it, and none comes back by rollback."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from lab.clients import new_clients, read_register, write_register
from lab.publish import publish_to_box
from recorder.box import Box
from recorder.clients import Clients, Consent
from recorder.errors import ClientCodeError, ConsentError, KeyFileError, RegisterError
from recorder.format.registers import parse_scopes
from recorder.format.sshsig import load_private_key, sign
from recorder.identifiers import check_character, new_client_code
from tests.house import House, make_house, mode

if TYPE_CHECKING:
    from pathlib import Path

    from lab.settings import Lab

EEG = frozenset({"eeg"})
BOTH = frozenset({"eeg", "audio"})
FORM = "2026-1"


@dataclass(frozen=True, slots=True)
class Desk:
    """A lab that publishes to one box, and that box's registers."""

    lab: Lab
    box: Path
    pooled: str
    known: str

    @property
    def clients(self) -> Clients:
        return Clients.of(Box.load(self.box))

    def publish(self) -> None:
        publish_to_box(self.lab, self.box)

    def block(self, code: str) -> None:
        register = read_register(self.lab)
        blocked = type(register)(
            serial=register.serial,
            pool=register.pool,
            clients=register.clients,
            blocked=(code,),
        )
        write_register(self.lab, blocked)

    def ask(
        self,
        code: str,
        scopes: frozenset[str] | None = None,
        form: str | None = None,
        needs: frozenset[str] = EEG,
    ) -> Consent:
        return self.clients.authorise(code, scopes=scopes, form=form, needs=needs)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return make_house(tmp_path_factory.mktemp("house"))


@pytest.fixture
def desk(house: House, tmp_path: Path) -> Desk:
    copied = House(
        lab=shutil.copytree(house.lab, tmp_path / "lab"),
        fleet=house.fleet,
        box=shutil.copytree(house.box, tmp_path / "box"),
        recovery=house.recovery,
    )
    lab = copied.load_lab()
    (pooled,) = new_clients(lab, count=1)
    (known,) = new_clients(lab, count=1, scopes=parse_scopes("eeg,audio"), form=FORM)
    desk = Desk(lab, copied.box, pooled, known)
    desk.publish()
    return desk


def test_a_client_from_the_pool_is_recorded_with_a_consent(desk: Desk) -> None:
    consent = desk.ask(desk.pooled, BOTH, FORM, BOTH)
    assert consent == Consent(desk.pooled, parse_scopes("eeg,audio"), FORM, 0)


def test_the_box_remembers_that_consent(desk: Desk) -> None:
    desk.ask(desk.pooled, BOTH, FORM)
    assert desk.ask(desk.pooled, needs=BOTH).form == FORM
    assert mode(desk.box / "clients.json") == 0o600


def test_the_code_is_typed_in_any_case(desk: Desk) -> None:
    assert desk.ask(f" {desk.known.lower()} ").code == desk.known


def test_a_client_the_lab_knows_needs_no_consent_on_the_box(desk: Desk) -> None:
    assert desk.ask(desk.known, needs=BOTH).scopes == BOTH


def test_a_new_client_without_a_consent_is_refused(desk: Desk) -> None:
    with pytest.raises(ConsentError, match=r"no consent on file; .*--consent") as caught:
        desk.ask(desk.pooled)
    assert not isinstance(caught.value, ClientCodeError)
    assert desk.pooled not in str(caught.value)


@pytest.mark.parametrize(
    ("scopes", "form"),
    [(BOTH, None), (BOTH, ""), (None, FORM), (frozenset[str](), FORM)],
)
def test_half_a_consent_is_refused(
    desk: Desk, scopes: frozenset[str] | None, form: str | None
) -> None:
    with pytest.raises(ConsentError, match="both its scopes and the version"):
        desk.ask(desk.pooled, scopes, form)


def test_an_unknown_scope_is_refused(desk: Desk) -> None:
    with pytest.raises(ConsentError, match="'video' is unknown"):
        desk.ask(desk.pooled, frozenset({"eeg", "video"}), FORM)


def test_a_session_that_needs_more_than_the_consent_is_refused(desk: Desk) -> None:
    with pytest.raises(ConsentError, match=r"no consent to audio; .* agreed to eeg;"):
        desk.ask(desk.pooled, EEG, FORM, BOTH)
    with pytest.raises(ConsentError, match="no consent on file"):
        desk.ask(desk.pooled)
    assert desk.ask(desk.pooled, BOTH, FORM, BOTH).scopes == BOTH


def test_the_narrower_of_box_and_lab_counts(desk: Desk) -> None:
    assert desk.ask(desk.known, EEG, FORM).scopes == EEG
    with pytest.raises(ConsentError, match="no consent to audio"):
        desk.ask(desk.known, needs=BOTH)
    wider = frozenset({"eeg", "audio", "transcript", "sharing"})
    assert desk.ask(desk.known, wider, "2026-2").scopes == BOTH


def test_signing_the_same_form_again_never_widens(desk: Desk) -> None:
    desk.ask(desk.pooled, EEG, FORM)
    assert desk.ask(desk.pooled, BOTH, FORM).scopes == EEG
    assert desk.ask(desk.pooled, BOTH, "2026-2").scopes == BOTH


def test_a_narrower_consent_stays_also_when_the_session_is_refused(desk: Desk) -> None:
    desk.ask(desk.pooled, BOTH, FORM)
    with pytest.raises(ConsentError, match="no consent to audio"):
        desk.ask(desk.pooled, EEG, "2026-2", BOTH)
    assert desk.ask(desk.pooled).scopes == EEG


@pytest.mark.parametrize("code", ["", "ABC", "ABCDEF"])
def test_a_code_of_another_length_is_refused(desk: Desk, code: str) -> None:
    with pytest.raises(ClientCodeError, match="codes have 5"):
        desk.ask(code)


@pytest.mark.parametrize("code", ["AB D2", "AB-D2", "ЖЖЖЖЖ"])
def test_a_code_in_other_letters_is_told_so(desk: Desk, code: str) -> None:
    with pytest.raises(ClientCodeError, match="keyboard set to Latin letters"):
        desk.ask(code)


def test_every_single_wrong_character_is_refused(desk: Desk) -> None:
    code = desk.pooled
    for at in range(5):
        for wrong in {"2", "K", "Z"} - {code[at]}:
            with pytest.raises(ClientCodeError, match="check character"):
                desk.ask(code[:at] + wrong + code[at + 1 :], BOTH, FORM)


def test_a_code_nobody_gave_out_is_refused(desk: Desk) -> None:
    stranger = new_client_code([desk.pooled, desk.known])
    with pytest.raises(ClientCodeError, match="unknown to this box and to the lab"):
        desk.ask(stranger, BOTH, FORM)


def test_a_blocked_code_is_refused_also_when_known_here(desk: Desk) -> None:
    desk.ask(desk.known)
    desk.block(desk.known)
    desk.publish()
    with pytest.raises(ClientCodeError, match="blocked by the lab"):
        desk.ask(desk.known)


def test_an_older_register_cannot_unblock(desk: Desk) -> None:
    old = shutil.copytree(desk.box / "lab", desk.box.parent / "old")
    desk.block(desk.known)
    desk.publish()
    with pytest.raises(ClientCodeError, match="blocked"):
        desk.ask(desk.known)
    shutil.copytree(old, desk.box / "lab", dirs_exist_ok=True)
    with pytest.raises(RegisterError, match="serial 1, older than 2"):
        desk.ask(desk.known)


def test_taking_the_register_away_is_refused_once_there_was_one(desk: Desk) -> None:
    desk.ask(desk.known)
    (desk.box / "lab" / "clients.json").unlink()
    (desk.box / "lab" / "clients.json.sig").unlink()
    with pytest.raises(RegisterError, match=r"clients\.json"):
        desk.ask(desk.known)


def test_a_box_without_any_register_knows_nobody(house: House, tmp_path: Path) -> None:
    box = shutil.copytree(house.box, tmp_path / "box")
    code = "K7Q2" + check_character("K7Q2")
    with pytest.raises(ClientCodeError, match="unknown"):
        Clients.of(Box.load(box)).authorise(code, scopes=BOTH, form=FORM, needs=EEG)


def test_a_changed_register_is_forged(desk: Desk) -> None:
    path = desk.box / "lab" / "clients.json"
    register = json.loads(path.read_bytes())
    register["pool"].append("K7QX3")
    path.write_text(json.dumps(register))
    with pytest.raises(RegisterError, match="bad signature") as caught:
        desk.ask(desk.known)
    assert "fieldrec-lab publish" in str(caught.value)


def test_a_register_signed_by_the_box_itself_is_forged(desk: Desk) -> None:
    path = desk.box / "lab" / "clients.json"
    key = load_private_key((desk.box / "ssh_ed25519").read_bytes())
    signature = sign(path.read_bytes(), key, namespace="fieldrec-clients")
    path.with_name("clients.json.sig").write_text(signature)
    with pytest.raises(RegisterError, match="unknown key"):
        desk.ask(desk.known)


def test_a_signature_made_for_something_else_is_refused(desk: Desk) -> None:
    path = desk.box / "lab" / "clients.json"
    receipt = sign(path.read_bytes(), desk.lab.receipt_key(), namespace="fieldrec-receipt")
    path.with_name("clients.json.sig").write_text(receipt)
    with pytest.raises(RegisterError, match="fieldrec-receipt"):
        desk.ask(desk.known)


def test_a_register_without_its_signature_is_refused(desk: Desk) -> None:
    (desk.box / "lab" / "clients.json.sig").unlink()
    with pytest.raises(RegisterError, match=r"clients\.json\.sig"):
        desk.ask(desk.known)


def test_sessions_are_counted(desk: Desk) -> None:
    desk.ask(desk.pooled, BOTH, FORM)
    assert [desk.clients.count_session(desk.pooled, uuid4()) for _ in range(3)] == [1, 2, 3]
    assert desk.ask(desk.pooled).sessions == 3
    assert desk.ask(desk.pooled, EEG, "2026-2").sessions == 3


def test_a_session_of_an_unauthorised_client_is_not_counted(desk: Desk) -> None:
    with pytest.raises(ClientCodeError, match="nobody authorised"):
        desk.clients.count_session(desk.pooled, uuid4())


def test_the_newest_session_is_continued_with_its_client_only(desk: Desk) -> None:
    desk.ask(desk.known)
    desk.ask(desk.pooled, BOTH, FORM)
    older, newest = uuid4(), uuid4()
    desk.clients.count_session(desk.known, older)
    desk.clients.count_session(desk.pooled, newest)
    desk.clients.check_continued(desk.pooled.lower(), newest)
    for code, session, why in (
        (desk.known, newest, "another client's"),
        (desk.known, older, "does not know whose"),
        (desk.pooled, older, "does not know whose"),
    ):
        with pytest.raises(ClientCodeError, match=why) as caught:
            desk.clients.check_continued(code, session)
        assert desk.known not in str(caught.value)
        assert desk.pooled not in str(caught.value)


def test_whose_session_ended_well_is_forgotten(desk: Desk) -> None:
    desk.ask(desk.pooled, BOTH, FORM)
    session = uuid4()
    desk.clients.count_session(desk.pooled, session)
    desk.clients.forget_session()
    assert str(session) not in (desk.box / "clients.json").read_text()
    with pytest.raises(ClientCodeError, match="does not know whose"):
        desk.clients.check_continued(desk.pooled, session)


def test_nobody_is_continued_where_no_session_is_on_record(desk: Desk) -> None:
    with pytest.raises(ClientCodeError, match="does not know whose"):
        desk.clients.check_continued(desk.known, uuid4())


def test_a_register_of_the_box_that_others_read_is_refused(desk: Desk) -> None:
    (desk.box / "clients.json").chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        desk.ask(desk.known)
