"""A card is written whole and read back, or it is none."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioning.cli import main
from provisioning.device import make_device, read_choices
from provisioning.flash.target import Target, check_target
from provisioning.flash.write import flash, load_image
from provisioning.fleet import Fleet
from provisioning.image.layout import SECTOR_BYTES, is_ours, plan_layout
from provisioning.slots import OFFSETS_BYTES, read_slots
from provisioning.steps import Steps
from recorder.errors import ProvisionError
from tests.house import House, exit_code, make_house

if TYPE_CHECKING:
    from collections.abc import Callable

NETWORK = "[connection]\nid=lab\ntype=wifi\n[wifi-security]\npsk=a\n"
SIZE = 2700 << 20  # as small as a card may be; the file is sparse


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return make_house(tmp_path_factory.mktemp("house"))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return make_image_folder(tmp_path / "image")


def make_image_folder(folder: Path) -> Path:
    """Make something with the shape of an image."""
    folder.mkdir()
    files = {}
    for name, content in (
        ("root.squashfs", b"system" * 4000),
        ("firm.img", b"firm" * 5000),
    ):
        (folder / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        files[name] = {"size": len(content), "sha256": digest}
    about = {
        "version": 1,
        "fieldrec": "0.1.0",
        "arch": "arm64",
        "kernel": "6.12",
        "files": files,
    }
    (folder / "image.json").write_text(json.dumps({**about, "label": "x"}))
    return folder


def write(image: Path, box: Path, card: Path) -> None:
    steps = Steps(tell=lambda _: None)
    flash(image, box, check_target(card, file_bytes=SIZE), steps=steps)


def read_data(card: Path, name: str) -> bytes:
    offset = plan_layout(SIZE).data.start_bytes
    return subprocess.run(
        ["/usr/sbin/debugfs", "-R", f'cat "{name}"', f"{card}?offset={offset}"],
        capture_output=True,
        check=True,
    ).stdout


def stat_data(card: Path, name: str) -> str:
    offset = plan_layout(SIZE).data.start_bytes
    return subprocess.run(
        ["/usr/sbin/debugfs", "-R", f'stat "{name}"', f"{card}?offset={offset}"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout


def test_a_card_holds_system_and_identity(
    image: Path, house: House, tmp_path: Path
) -> None:
    card = tmp_path / "card"
    write(image, house.box, card)
    layout = plan_layout(SIZE)
    with card.open("rb") as file:
        assert is_ours(file.read(SECTOR_BYTES))
        file.seek(layout.root_a.start_bytes)
        assert file.read(24000) == b"system" * 4000
        file.seek(layout.root_b.start_bytes)
        assert not any(file.read(4096))  # empty until the first update
    record = read_slots(card)
    assert (record.good, record.trying) == ("a", None)
    assert read_data(card, "/box/box.toml") == (house.box / "box.toml").read_bytes()
    assert card.stat().st_mode & 0o777 == 0o600  # it holds the box's key


def test_the_key_stays_private_on_the_card(
    image: Path, house: House, tmp_path: Path
) -> None:
    card = tmp_path / "card"
    write(image, house.box, card)
    assert "Mode:  0600" in stat_data(card, "/box/ssh_ed25519")


def test_networks_and_time_zone_lie_beside_the_box_folder(
    image: Path, house: House, tmp_path: Path
) -> None:
    wifi = tmp_path / "wifi"
    wifi.mkdir()
    (wifi / 'a "b".nmconnection').write_text(NETWORK)
    choices = read_choices(wifi=wifi, timezone="Europe/Moscow")
    box = tmp_path / "box"
    make_device(Fleet.load(house.fleet), box, choices=choices)
    card = tmp_path / "card"
    write(image, box, card)
    assert read_data(card, "/network/network-01.nmconnection") == NETWORK.encode()
    assert "Mode:  0600" in stat_data(card, "/network/network-01.nmconnection")
    assert "Mode:  0700" in stat_data(card, "/network")
    assert read_data(card, "/timezone") == b"Europe/Moscow\n"
    assert not read_data(card, "/box/timezone")


def test_cut_off_while_writing_the_card_is_none(
    image: Path, house: House, tmp_path: Path
) -> None:
    card = tmp_path / "card"
    card.write_bytes(plan_layout(SIZE).table())
    with card.open("r+b") as file:
        file.truncate(SIZE)
    target = Target(card, SIZE, is_file=False)

    class CutError(Exception):
        pass

    def cut(text: str) -> None:
        if "reading back" in text:
            raise CutError

    with pytest.raises(CutError):
        flash(image, house.box, target, steps=Steps(tell=cut))
    with card.open("rb") as after:  # not all of it: the card is larger than many a memory
        assert not is_ours(after.read(SECTOR_BYTES))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "image.json").unlink(), "is no image"),
        (lambda folder: (folder / "firm.img").unlink(), "firm.img is missing or cut off"),
        (
            lambda folder: (folder / "root.squashfs").write_bytes(b"x" * 24000),
            "not what its",
        ),
    ],
)
def test_a_spoilt_image_is_refused_before_the_card_is_touched(
    image: Path, house: House, tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    spoil(image)
    with pytest.raises(ProvisionError, match=said):
        write(image, house.box, tmp_path / "card")
    assert not (tmp_path / "card").exists()


def test_a_dry_run_writes_nothing(image: Path, house: House, tmp_path: Path) -> None:
    words = ("flash", image, tmp_path / "card", "--box", house.box, "--size", "3")
    assert exit_code(main, *words, "--dry-run") == 0
    assert not (tmp_path / "card").exists()


def test_the_steps_are_kept_with_their_times_and_no_secret(
    image: Path, house: House, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    words = ("flash", image, tmp_path / "card", "--box", house.box, "--size", "3")
    assert exit_code(main, *words, "--log", log, "--json") == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert all(line["state"] == "done" for line in lines)
    assert lines[-1]["step"] == "reading back"
    assert "PRIVATE KEY" not in log.read_text()
    assert load_image(image).arch == "arm64"


def test_the_slot_records_are_read_back_too(
    image: Path, house: House, tmp_path: Path
) -> None:
    card = tmp_path / "card"

    def spoil(said: str) -> None:
        if "reading back" in said:
            with card.open("r+b") as file:
                file.seek(OFFSETS_BYTES[1])
                file.write(b"bad card")

    with pytest.raises(ProvisionError, match="slot record was read back"):
        flash(
            *(image, house.box, check_target(card, file_bytes=SIZE)),
            steps=Steps(tell=spoil),
        )


def test_a_size_that_no_disk_has_leaves_nothing(
    image: Path, house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for size in ("inf", "1e12", "1e8"):
        card = tmp_path / "card"
        words = ("flash", image, card, "--box", house.box, "--size", size)
        assert exit_code(main, *words) not in (0, 1)
        assert "a fault of ours" not in capsys.readouterr().err
        assert not card.exists()


def test_names_and_places_with_spaces_and_quotes_are_read_back(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    box = make_house(tmp_path / "other").box
    (box / "calibration").mkdir()
    (box / 'calibration/a "b".txt').write_text("constant")
    scratch = tmp_path / "my files"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    write(image, box, tmp_path / "card")
    assert read_data(tmp_path / "card", '/box/calibration/a ""b"".txt') == b"constant"


def test_a_box_folder_with_a_link_in_it_is_refused(image: Path, tmp_path: Path) -> None:
    # On the card it would point to nothing.
    (tmp_path / "other").mkdir()
    box = make_house(tmp_path / "other").box
    (tmp_path / "shared").mkdir()
    (box / "calibration").symlink_to(tmp_path / "shared")
    with pytest.raises(ProvisionError, match=r"calibration .* is a link"):
        write(image, box, tmp_path / "card")
    assert not (tmp_path / "card").exists()


def test_a_card_that_is_gone_or_full_is_named(image: Path, house: House) -> None:
    full = Target(Path("/dev/full"), SIZE, is_file=False)
    with pytest.raises(ProvisionError, match="/dev/full: No space left on device") as told:
        flash(image, house.box, full, steps=Steps(tell=lambda _: None))
    assert "use another" in told.value.hint


def test_a_box_whose_certificate_is_no_longer_valid_is_refused(
    image: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    house = make_house(tmp_path / "other")
    box = house.box
    public = box / "ssh_ed25519.pub"
    (box / "ssh_ed25519-cert.pub").unlink()
    subprocess.run(
        [
            *("ssh-keygen", "-q", "-s", house.fleet / "ca" / "user_ca", "-I", "old"),
            *("-n", "x", "-V", "20200101:20210101", public),
        ],
        check=True,
        env={**os.environ, "TZ": "UTC"},  # ssh-keygen takes these dates for local ones
    )
    with pytest.raises(ProvisionError, match=r"to 2021-01-01.*now it is"):
        write(image, house.box, tmp_path / "card")
    assert not (tmp_path / "card").exists()
