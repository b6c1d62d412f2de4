"""`fieldrec-lab server` writes what OpenSSH, systemd and a shell accept; again is fine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from lab.cli import main
from lab.server.deploy import MOVER_UNIT, SSHD_UNIT, Written, write_server
from lab.server.folder import is_device, parse_device
from provisioning.device import make_device
from recorder.errors import LabError
from tests.house import House, exit_code, make_house, mode


@pytest.fixture
def house(tmp_path: Path) -> House:
    return make_house(tmp_path)


@pytest.fixture
def public(house: House) -> Path:
    return house.fleet / "public"


def write(house: House, *, port: int = 2222) -> Written:
    return write_server(house.lab.parent / "srv", fleet=house.fleet / "public", port=port)


def sshd(*arguments: str | Path) -> str:
    """Let Debian's sshd read a configuration; return what it says to its output."""
    if os.geteuid() == 0:  # else its own start script makes it
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    ran = subprocess.run(
        ["/usr/sbin/sshd", *arguments], capture_output=True, check=False, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    return ran.stdout


def test_sshd_accepts_the_configuration_without_a_word(house: House) -> None:
    sshd("-t", "-f", write(house).folder.sshd_config)


def test_sshd_reads_the_configuration_as_we_mean_it_for_a_box(house: House) -> None:
    folder = write(house, port=2022).folder
    who = "user=box-00019,host=somewhere,addr=203.0.113.5"
    lines = sshd("-T", "-C", who, "-f", folder.sshd_config).splitlines()
    said = dict(line.split(" ", 1) for line in lines)
    meant = {
        "port": "2022",
        "permitrootlogin": "no",
        "passwordauthentication": "no",
        "kbdinteractiveauthentication": "no",
        "authenticationmethods": "publickey",
        "authorizedkeysfile": "none",
        "allowusers": "box-*",
        "chrootdirectory": f"{folder.boxes}/%u",
        "trustedusercakeys": str(folder.user_ca),
        "revokedkeys": str(folder.revoked),
        "disableforwarding": "yes",
        "permittty": "no",
        "permituserrc": "no",
        "maxstartups": "10:30:60",
        "maxsessions": "2",
        "clientaliveinterval": "30",
        "pubkeyacceptedalgorithms": "ssh-ed25519-cert-v01@openssh.com",
    }
    assert {name: said[name] for name in meant} == meant
    # OpenSSH 9.8 and later only: a box that is refused shuts nobody out with it.
    assert said.get("persourcepenalties", "no") == "no"
    assert said["forcecommand"] == (
        "internal-sftp -u 0537 -p"
        " open,close,write,stat,lstat,fstat,realpath,fsync,rename,read"
    )


def test_shellcheck_finds_nothing_in_the_script(house: House) -> None:
    script = write(house).folder.root / "add-device"
    subprocess.run(["shellcheck", script], check=True)


def test_a_shell_can_read_the_script(house: House) -> None:
    script = write(house).folder.root / "add-device"
    assert mode(script) == 0o755
    subprocess.run(["sh", "-n", script], check=True)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
def test_systemd_accepts_the_units(house: House) -> None:
    folder = write(house).folder
    for name in (SSHD_UNIT, MOVER_UNIT):
        ran = subprocess.run(
            ["systemd-analyze", "verify", folder.root / name],
            capture_output=True,
            check=False,
            text=True,
        )
        assert name not in ran.stderr, ran.stderr


def test_the_host_key_is_private_and_kept_for_ever(house: House) -> None:
    folder = write(house).folder
    assert mode(folder.host_key) == 0o600
    before = folder.host_key.read_bytes()
    assert write(house).folder.host_key.read_bytes() == before


def test_each_box_has_its_own_principal(house: House) -> None:
    make_device(house.load_fleet(), house.box.with_name("second"))
    written = write(house)
    assert len(written.devices) == 2
    for device in written.devices:
        principal = written.folder.principals / device.lower()
        assert principal.read_text() == f"{device.lower()}\n"


def test_writing_again_brings_new_boxes_and_the_revocation_list(
    house: House, public: Path
) -> None:
    write(house)
    make_device(house.load_fleet(), house.box.with_name("second"))
    revoked = house.box / "ssh_ed25519.pub"
    subprocess.run(["ssh-keygen", "-q", "-k", "-f", public / "krl", revoked], check=True)
    written = write(house)
    assert len(list(written.folder.principals.iterdir())) == 2
    assert written.folder.revoked.read_bytes() == (public / "krl").read_bytes()
    assert written.changed == ()


def test_what_an_administrator_changed_stays(house: House) -> None:
    config = write(house).folder.sshd_config
    changed = config.read_text().replace("Port 2222", "Port 443")
    config.write_text(changed)
    assert write(house).changed == (config,)
    assert config.read_text() == changed
    assert "Port 2222" in config.with_name("sshd_config.new").read_text()


def test_the_command_says_what_root_has_to_do(
    house: House, public: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = house.lab.parent / "srv"
    assert exit_code(main, "server", out, "--fleet", public) == 0
    text = capsys.readouterr().out
    assert f"{out}/add-device" in text
    assert "systemctl enable --now fieldrec-sshd fieldrec-mover" in text
    assert exit_code(main, "server", out, "--fleet", public, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts == {"folder": str(out), "devices": ["BOX-00019"], "changed": []}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--fleet", "{public}"), "either a server's folder or --local"),
        (("srv", "--local", "trial", "--fleet", "{public}"), "either a server's folder"),
        (("{srv}",), "no fleet is known"),
        (("{srv}", "--lab", "{lab}"), "no fleet is known"),
        (("{srv}", "--fleet", "{lab}"), "no fleet's public folder"),
        (("{srv}", "--fleet", "{public}", "--port", "0"), "port 0: allowed are 1 to 65535"),
        (("{srv} x", "--fleet", "{public}"), "a blank or a special character"),
        (("{srv}%u", "--fleet", "{public}"), "a blank or a special character"),
    ],
)
def test_the_command_refuses_with_a_reason(
    house: House,
    public: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    names = {"public": public, "lab": house.lab, "srv": house.lab.parent / "srv"}
    filled = [argument.format(**names) for argument in arguments]
    assert exit_code(main, "server", *filled) == LabError.code
    assert said in capsys.readouterr().err
    assert not (house.lab.parent / "srv").exists()


@pytest.mark.parametrize("broken", ["user_ca.pub", "allowed_signers"])
def test_a_broken_fleet_is_refused(house: House, public: Path, broken: str) -> None:
    (public / broken).write_text("not what it should be\n")
    with pytest.raises(LabError):
        write(house)
    (public / broken).write_bytes(b"\xff")
    with pytest.raises(LabError):
        write(house)


@pytest.mark.parametrize(
    "text", ["", "BOX-00018", "BOX-0001", "box-00019", "BOX-00019/..", "LAB", "BOX-00019\n"]
)
def test_only_device_ids_name_boxes(text: str) -> None:
    assert not is_device(text)


def test_a_device_id_may_be_typed_in_lower_case() -> None:
    assert parse_device(" box-00019 ") == "BOX-00019"
    with pytest.raises(LabError, match="no device id"):
        parse_device("../../etc")
