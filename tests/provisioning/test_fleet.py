"""A fleet has an authority of its own and hands over only what is public."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from lab.identity import HybridIdentity
from lab.init import init_lab
from provisioning.cli import main
from provisioning.fleet import Fleet, init_fleet
from recorder.errors import FormatError, ProvisionError, RecipientsError
from tests.house import exit_code, make_house, mode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def lab_public(tmp_path: Path) -> Path:
    return init_lab(tmp_path / "lab", recovery_out=tmp_path / "r.txt").root / "public"


def test_a_fleet_keeps_its_authority_apart(tmp_path: Path, lab_public: Path) -> None:
    assert exit_code(main, "init", tmp_path / "fleet", "--lab", lab_public) == 0
    fleet = Fleet.load(tmp_path / "fleet")
    assert mode(fleet.authority_path.parent) == 0o700
    assert mode(fleet.authority_path) == 0o600
    assert mode(fleet.fleet_key_path) == 0o600
    assert fleet.devices() == ()
    assert fleet.lab_public == lab_public
    assert sorted(path.name for path in fleet.public.iterdir()) == [
        "allowed_signers",
        "fleet_signers",
        "known_hosts",
        "krl",
        "lost.json",
        "user_ca.pub",
    ]
    for path in fleet.public.iterdir():
        assert b"PRIVATE" not in path.read_bytes()


def test_the_folders_are_printed_as_json(
    tmp_path: Path, lab_public: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(main, "init", tmp_path / "fleet", "--lab", lab_public, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "fleet": str(tmp_path / "fleet"),
        "public": str(tmp_path / "fleet" / "public"),
    }


def test_the_first_revocation_list_revokes_no_box(tmp_path: Path) -> None:
    house = make_house(tmp_path)
    subprocess.run(
        [
            *("ssh-keygen", "-Q", "-f", str(house.fleet / "public" / "krl")),
            str(house.box / "ssh_ed25519-cert.pub"),
        ],
        capture_output=True,
        check=True,
    )


def test_an_existing_fleet_is_refused(
    tmp_path: Path, lab_public: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init_fleet(tmp_path / "fleet", lab_public=lab_public)
    before = (tmp_path / "fleet" / "ca" / "user_ca").read_bytes()
    code = exit_code(main, "init", tmp_path / "fleet", "--lab", lab_public)
    assert code == ProvisionError.code
    assert capsys.readouterr().err.count("\n") == 1
    assert (tmp_path / "fleet" / "ca" / "user_ca").read_bytes() == before


@pytest.mark.parametrize(
    "name", ["recipients.txt", "allowed_signers", "codebook.toml", "study.toml"]
)
def test_a_folder_that_is_no_labs_public_folder_is_refused(
    tmp_path: Path, lab_public: Path, name: str
) -> None:
    (lab_public / name).unlink()
    with pytest.raises(ProvisionError, match=f"no {name}"):
        init_fleet(tmp_path / "fleet", lab_public=lab_public)
    assert not (tmp_path / "fleet").exists()


def _append_private(text: str) -> str:
    return text + HybridIdentity.generate().to_text()


@pytest.mark.parametrize(
    ("name", "spoil", "error"),
    [
        ("recipients.txt", _append_private, RecipientsError),
        ("recipients.txt", lambda _: "", RecipientsError),
        ("allowed_signers", lambda _: "# nobody", ProvisionError),
        ("allowed_signers", lambda _: "lab ssh-ed25519 AAAA", FormatError),
        ("codebook.toml", lambda _: "version = 1", FormatError),
        ("codebook.toml", lambda _: "\udcff", ProvisionError),
    ],
)
def test_a_lab_no_box_could_work_for_is_refused(
    tmp_path: Path,
    lab_public: Path,
    name: str,
    spoil: Callable[[str], str],
    error: type[Exception],
) -> None:
    path = lab_public / name
    path.write_bytes(spoil(path.read_text("utf-8")).encode("utf-8", "surrogateescape"))
    with pytest.raises(error) as caught:
        init_fleet(tmp_path / "fleet", lab_public=lab_public)
    assert "AGE-SECRET" not in str(caught.value)
    assert not (tmp_path / "fleet").exists()


def test_a_folder_that_is_no_fleet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match="is no fleet's folder"):
        Fleet.load(tmp_path)
    (tmp_path / "fleet.toml").write_text("lab = 5\n")
    with pytest.raises(ProvisionError, match=r"fleet\.toml can't be read"):
        Fleet.load(tmp_path)


def test_without_ssh_keygen_it_says_what_to_install(
    tmp_path: Path, lab_public: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("ssh-keygen") is None
    assert exit_code(main, "init", tmp_path / "fleet", "--lab", lab_public) == 90
    assert not (tmp_path / "fleet").exists()


def test_a_box_that_is_in_the_registry_twice_is_refused(tmp_path: Path) -> None:
    house = make_house(tmp_path)
    devices = house.fleet / "devices"
    copied = (devices / "BOX-00019.toml").read_text()
    (devices / "copy.toml").write_text(copied)
    with pytest.raises(ProvisionError, match="id of BOX-00019 is in the registry 2 times"):
        house.load_fleet().devices()


def test_an_unknown_key_in_the_fleets_file_is_refused(tmp_path: Path) -> None:
    house = make_house(tmp_path)
    path = house.fleet / "fleet.toml"
    path.write_text(f"colour = 'red'\n{path.read_text()}")
    with pytest.raises(ProvisionError, match="unknown field `colour`"):
        house.load_fleet()
