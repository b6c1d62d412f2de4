"""A new box has a key and a certificate OpenSSH accepts, and the fleet knows it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from lab.init import init_lab
from provisioning.cli import main
from provisioning.device import make_device
from provisioning.fleet import Fleet
from recorder.box import Box
from recorder.errors import ProvisionError
from recorder.format.manifest import NAMESPACE_MANIFEST
from recorder.format.sshsig import AllowedSigners, sign, verify
from recorder.identifiers import device_id
from tests.house import House, exit_code, make_house, mode, stock_verify

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.registry import Device


@pytest.fixture
def house(tmp_path: Path) -> House:
    return make_house(tmp_path)


def test_the_box_folder_is_private_and_complete(house: House) -> None:
    modes = {
        path.relative_to(house.box).as_posix(): mode(path) for path in house.box.rglob("*")
    }
    assert mode(house.box) == 0o700
    assert modes == {
        "box.toml": 0o644,
        "clients.json": 0o600,
        "lab": 0o700,
        "lab/allowed_signers": 0o644,
        "lab/codebook.toml": 0o644,
        "lab/known_hosts": 0o644,
        "lab/recipients.txt": 0o644,
        "lab/study.toml": 0o644,
        "sessions": 0o700,
        "ssh_ed25519": 0o600,
        "ssh_ed25519-cert.pub": 0o644,
        "ssh_ed25519.pub": 0o644,
    }


def test_others_may_write_nothing_even_under_a_loose_umask(
    house: House, tmp_path: Path
) -> None:
    before = os.umask(0)
    try:
        words = ("device", "new", "--fleet", house.fleet, "--box", tmp_path / "second")
        assert exit_code(main, *words) == 0
    finally:
        os.umask(before)
    made = [*(tmp_path / "second").rglob("*"), *(house.fleet / "devices").iterdir()]
    assert not [path for path in made if mode(path) & 0o022]


def test_openssh_reads_the_certificate_as_we_mean_it(house: House) -> None:
    shown = subprocess.run(
        ["ssh-keygen", "-L", "-f", house.box / "ssh_ed25519-cert.pub"],
        capture_output=True,
        check=True,
        # In local time, a year may have an hour more or less: summer time ends on a Sunday.
        env={**os.environ, "TZ": "UTC"},
        text=True,
    ).stdout
    assert "ssh-ed25519-cert-v01@openssh.com user certificate" in shown
    assert 'Key ID: "box-00019"' in shown
    assert "Serial: 1\n" in shown
    assert "Principals: \n                box-00019\n" in shown
    assert "Extensions: (none)" in shown
    first, last = shown.split("Valid: from ")[1].split("\n")[0].split(" to ")
    days = datetime.fromisoformat(last) - datetime.fromisoformat(first)
    assert timedelta(days=365) < days < timedelta(days=366)


def test_the_certificate_is_signed_by_the_fleets_authority(house: House) -> None:
    shown = subprocess.run(
        ["ssh-keygen", "-L", "-f", house.box / "ssh_ed25519-cert.pub"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    authority = subprocess.run(
        ["ssh-keygen", "-l", "-f", house.fleet / "public" / "user_ca.pub"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split()[1]
    assert f"Signing CA: ED25519 {authority} " in shown


def test_ssh_keygen_believes_the_box_for_manifests_only(
    house: House, tmp_path: Path
) -> None:
    box = Box.load(house.box)
    signature = tmp_path / "manifest.json.sig"
    for namespace, believed in ((NAMESPACE_MANIFEST, True), ("fieldrec-receipt", False)):
        signature.write_text(sign(b"{}", box.signing_key(), namespace=namespace))
        assert believed is stock_verify(
            b"{}",
            signature,
            signers=house.fleet / "public" / "allowed_signers",
            principal=box.device,
            namespace=namespace,
        )


def test_the_box_believes_its_lab_and_its_fleet(house: House) -> None:
    signers = AllowedSigners.parse((house.box / "lab" / "allowed_signers").read_text())
    assert [(line.principals, line.namespaces) for line in signers.signers] == [
        (("lab",), ("fieldrec-receipt", "fieldrec-clients")),
        (("fleet",), ("fieldrec-fleet", "fieldrec-update")),
    ]


def test_the_registry_keeps_the_certificate(house: House) -> None:
    kept = house.fleet / "devices" / "BOX-00019-cert.pub"
    assert kept.read_bytes() == (house.box / "ssh_ed25519-cert.pub").read_bytes()


def test_the_registry_does_not_expire_but_begins_today(house: House) -> None:
    signers = AllowedSigners.parse((house.fleet / "public" / "allowed_signers").read_text())
    (line,) = signers.signers
    assert line.valid_before is None
    assert line.valid_after is not None
    assert abs(datetime.now(UTC) - line.valid_after) < timedelta(minutes=10)
    box = Box.load(house.box)
    verify(
        b"{}",
        sign(b"{}", box.signing_key(), namespace=NAMESPACE_MANIFEST),
        namespace=NAMESPACE_MANIFEST,
        principal=box.device,
        signers=signers,
        at=datetime.now(UTC) + timedelta(days=3650),
    )


def test_each_box_has_its_own_name_chain_and_key(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("device", "new", "--fleet", house.fleet, "--box")
    assert exit_code(main, *arguments, tmp_path / "box2") == 0
    assert capsys.readouterr().out == f"{device_id(2)}\n"
    assert exit_code(main, *arguments, tmp_path / "box3", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "device": device_id(3),
        "box": str(tmp_path / "box3"),
        "pool": False,
    }
    boxes = [Box.load(tmp_path / name) for name in ("box", "box2", "box3")]
    assert [box.device for box in boxes] == [device_id(number) for number in (1, 2, 3)]
    assert len({box.chain for box in boxes}) == 3
    assert len({box.signing_key().public_key().public_bytes_raw() for box in boxes}) == 3
    devices = house.load_fleet().devices()
    assert [device.id for device in devices] == [box.device for box in boxes]
    assert [device.chain for device in devices] == [str(box.chain) for box in boxes]


def test_boxes_made_at_the_same_time_get_different_numbers(
    house: House, tmp_path: Path
) -> None:
    fleet = house.load_fleet()
    threads = [
        threading.Thread(target=make_device, args=(fleet, tmp_path / f"box-{number}"))
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [device.number for device in fleet.devices()] == [1, 2, 3, 4, 5]


def test_a_box_may_work_for_another_lab(house: House, tmp_path: Path) -> None:
    other = init_lab(tmp_path / "other", recovery_out=tmp_path / "other.txt").root
    make_device(house.load_fleet(), tmp_path / "box2", lab_public=other / "public")
    copied = tmp_path / "box2" / "lab" / "recipients.txt"
    assert copied.read_bytes() == (other / "public" / "recipients.txt").read_bytes()


def test_a_box_is_provisioned_once(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    key = (house.box / "ssh_ed25519").read_bytes()
    code = exit_code(main, "device", "new", "--fleet", house.fleet, "--box", house.box)
    assert code == ProvisionError.code
    error = capsys.readouterr().err
    assert error.startswith("fieldrec-provision: ")
    assert "exists already" in error
    assert "move this one away" in error
    assert error.count("\n") == 1
    assert (house.box / "ssh_ed25519").read_bytes() == key
    assert len(house.load_fleet().devices()) == 1


def _tree(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else b""
        for path in root.rglob("*")
    }


def test_a_failure_halfway_leaves_neither_box_nor_entry(
    house: House, tmp_path: Path
) -> None:
    (house.fleet / "public" / "known_hosts").unlink()  # the last file a box gets
    before = _tree(tmp_path)
    with pytest.raises(FileNotFoundError, match="known_hosts"):
        make_device(house.load_fleet(), tmp_path / "box2")
    assert _tree(tmp_path) == before


def test_a_box_that_cannot_be_put_in_place_is_struck_from_the_registry(
    house: House, tmp_path: Path
) -> None:
    target = tmp_path / "box2"

    class Occupied(Fleet):
        """A fleet where somebody takes the box's place just after it was registered."""

        def register(self, device: Device) -> None:
            super().register(device)
            (target / "in the way").mkdir(parents=True)

    fleet = Occupied(house.fleet, house.lab / "public")
    before = (fleet.public / "allowed_signers").read_bytes()
    with pytest.raises(OSError, match="not empty"):
        make_device(fleet, target)
    assert len(fleet.devices()) == 1
    assert (fleet.public / "allowed_signers").read_bytes() == before


def test_a_failing_ssh_keygen_is_one_line(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authority = house.fleet / "ca" / "user_ca"
    authority.write_text("no key\n")
    code = exit_code(
        main, "device", "new", "--fleet", house.fleet, "--box", tmp_path / "box2"
    )
    assert code == ProvisionError.code
    error = capsys.readouterr().err
    assert error.startswith("fieldrec-provision: ssh-keygen failed: ")
    assert error.count("\n") == 1
    assert not (tmp_path / "box2").exists()


def test_a_moved_lab_folder_is_named(house: House, tmp_path: Path) -> None:
    shutil.move(house.lab, tmp_path / "moved")
    with pytest.raises(ProvisionError, match="is no lab's public folder"):
        make_device(house.load_fleet(), tmp_path / "box2")


def test_a_box_begins_with_the_language_and_devices_it_was_given(
    house: House, tmp_path: Path
) -> None:
    words = ("device", "new", "--fleet", house.fleet, "--box", tmp_path / "other")
    chosen = ("--locale", "en", "--headset", "serial:/dev/box/eeg:CYTON_BOARD")
    assert exit_code(main, *words, *chosen, "--microphone", "alsa:plughw:CARD=BoxMic") == 0
    box = Box.load(tmp_path / "other")
    assert box.locale == "en"
    assert box.default_headset == "serial:/dev/box/eeg:CYTON_BOARD"
    assert box.default_microphone == "alsa:plughw:CARD=BoxMic"


def test_an_unknown_language_is_refused_and_a_dry_run_makes_nothing(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("device", "new", "--fleet", house.fleet, "--box", tmp_path / "other")
    assert exit_code(main, *words, "--locale", "fr") == ProvisionError.code
    assert exit_code(main, *words, "--dry-run") == 0
    assert "would make BOX-0002" in capsys.readouterr().out
    assert not (tmp_path / "other").exists()
