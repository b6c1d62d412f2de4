"""A box that is not fit to record says so, and says why, before the first sample."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from lab.identity import HybridIdentity, X25519Identity
from recorder.box import Box
from recorder.errors import BoxError, FieldrecError, KeyFileError, RecipientsError
from recorder.format.age import HybridRecipient, recipient_text
from recorder.format.signers import parse_public_line, public_blob
from recorder.identifiers import device_id
from tests.house import House, make_house

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return make_house(tmp_path_factory.mktemp("house"))


@pytest.fixture
def box(house: House, tmp_path: Path) -> Path:
    """Copy a sound box folder, to be spoilt."""
    return shutil.copytree(house.box, tmp_path / "box")


def test_a_new_box_is_fit_to_record(box: Path) -> None:
    loaded = Box.load(box)
    assert loaded.device == device_id(1)
    assert loaded.locale == "ru"
    assert loaded.sessions == box / "sessions"
    assert loaded.default_headset == loaded.default_microphone == ""
    assert loaded.paired == {}
    assert [type(recipient) for recipient in loaded.recipients] == [HybridRecipient] * 2


def test_its_key_is_the_one_in_its_public_file(box: Path) -> None:
    public = parse_public_line((box / "ssh_ed25519.pub").read_text())
    assert public_blob(Box.load(box).signing_key()) == public_blob(public)


def test_a_technician_edits_box_toml(box: Path) -> None:
    path = box / "box.toml"
    text = path.read_text()
    text = text.replace('locale = "ru"', 'locale = "en"')
    text = text.replace('headset = "" ', 'headset = "muse" ')
    text = text.replace('microphone = "" ', 'microphone = "simulated" ')
    path.write_text(text + 'muse = "ble:00:55:DA:B0:12:34:MUSE_2_BOARD"\n')
    loaded = Box.load(box)
    assert loaded.locale == "en"
    assert (loaded.default_headset, loaded.default_microphone) == ("muse", "simulated")
    assert loaded.paired == {"muse": "ble:00:55:DA:B0:12:34:MUSE_2_BOARD"}


def test_a_missing_box_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BoxError, match=r"there is no box folder.*fieldrec-provision"):
        Box.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "name",
    [
        *("sessions", "lab", "box.toml", "clients.json", "ssh_ed25519"),
        *("lab/recipients.txt", "lab/allowed_signers"),
    ],
)
def test_every_missing_piece_is_named(box: Path, name: str) -> None:
    path = box / name
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    with pytest.raises(BoxError, match=path.name):
        Box.load(box)


@pytest.mark.parametrize("bits", [0o644, 0o640, 0o604])
def test_a_key_others_can_read_is_refused(box: Path, bits: int) -> None:
    (box / "ssh_ed25519").chmod(bits)
    with pytest.raises(KeyFileError, match=f"{bits:04o}.*chmod 600"):
        Box.load(box)


def test_a_key_of_another_kind_is_refused_without_showing_it(box: Path) -> None:
    (box / "ssh_ed25519").write_text("AGE-SECRET-KEY-1XYZ\n")
    with pytest.raises(KeyFileError) as caught:
        Box.load(box)
    assert "XYZ" not in str(caught.value)


def _keep_first(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("#"))[:1960]


def _mix(text: str) -> str:
    return text + recipient_text(X25519Identity.generate().recipient) + "\n"


def _add_private(text: str) -> str:
    return text + HybridIdentity.generate().to_text() + "\n"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda _: "# nobody\n", "no recipients"),
        (_keep_first, "only one recipient"),
        (_mix, "mixed"),
        (_add_private, "private key"),
        (lambda _: "age1nonsense\n", "can't be read"),
    ],
)
def test_unsafe_recipients_are_refused(
    box: Path, spoil: Callable[[str], str], message: str
) -> None:
    path = box / "lab" / "recipients.txt"
    path.write_text(spoil(path.read_text()))
    with pytest.raises(RecipientsError, match=message) as caught:
        Box.load(box)
    assert "AGE-SECRET" not in str(caught.value)


def test_comments_beside_recipients_may_be_russian(box: Path) -> None:
    path = box / "lab" / "recipients.txt"
    path.write_text("# ключи лаборатории\n" + path.read_text(), "utf-8")
    assert len(Box.load(box).recipients) == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('device = "BOX-0001', 'device = "BOX-0002', "device id .* is wrong"),
        ('device = "BOX-', 'device = "box-', "device id .* is wrong"),
        ('device = "BOX-', 'device = "../BOX-', "device id .* is wrong"),
        ('chain = "', 'chain = "x', "chain"),
        ('locale = "ru"', 'locale = "de"', "locale"),
        ("[headsets]", "[headset]", "unknown field"),
        ("[default]", "[default", "is not TOML"),
        ('headset = ""', "headset = 5", "headset"),
    ],
)
def test_a_wrong_line_of_box_toml_is_named(
    box: Path, old: str, new: str, message: str
) -> None:
    path = box / "box.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(BoxError, match=message) as caught:
        Box.load(box)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["box.toml", "lab/recipients.txt"])
def test_files_that_are_not_text_are_refused(box: Path, name: str) -> None:
    (box / name).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FieldrecError, match="is not UTF-8 text"):
        Box.load(box)
