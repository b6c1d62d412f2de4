"""With --dry-run a command checks everything, says what it would do, and writes nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from provisioning.cli import main
from provisioning.fleet import Fleet
from provisioning.registry import read_utc, utc_text
from tests.house import House, exit_code, make_house
from tests.provisioning.test_flash import make_image_folder

if TYPE_CHECKING:
    from pathlib import Path

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return make_house(tmp_path_factory.mktemp("house"))


def contents(*folders: Path) -> dict[Path, bytes]:
    """Return every file below ``folders`` with its bytes."""
    return {
        path: path.read_bytes()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    }


def words_of(command: str, house: House, work: Path) -> list[str]:
    """Return the command line of ``command``, without --dry-run."""
    image, key = work / "image", work / "host_key.pub"
    now = utc_text(read_utc())
    lines = {
        "init": f"init {work}/new --lab {house.lab}/public",
        "server": f"server host.example.org --fleet {house.fleet} --host-key {key}",
        "device new": f"device new --fleet {house.fleet} --box {work}/new",
        "revoke": f"device revoke BOX-00019 --lost-since {now} --fleet {house.fleet}",
        "publish": f"publish --fleet {house.fleet} --to {work}/server",
        "publish to a card": f"publish --fleet {house.fleet} --box {house.box}",
        "label": f"label BOX-00019 --fleet {house.fleet} --out {work}/new",
        "bundle": f"bundle {image} {work}/new --fleet {house.fleet}",
        "flash": f"flash {image} {work}/new --box {house.box} --size 3",
        "reset": f"reset --box {house.box}",
    }
    return lines[command].split()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("init", "would make a fleet in"),
        ("server", "would name the server by\n# The lab's intake server. "),
        ("device new", "would make BOX-00027 in"),
        ("revoke", "would revoke BOX-00019, lost since 20"),
        ("publish", "BOX-00019: would get serial 1\n"),
        ("publish to a card", "BOX-00019: would get serial 1\n"),
        ("label", "would draw "),
        ("bundle", "would sign Fieldrec 0.1.0, kernel 6.12, as "),
        ("flash", "would write BOX-00019 to "),
        ("reset", ""),
    ],
)
def test_a_dry_run_tells_and_writes_nothing(
    house: House,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
    said: str,
) -> None:
    make_image_folder(tmp_path / "image")
    (tmp_path / "host_key.pub").write_text(f"{KEY} host\n")
    places = (house.fleet, house.box, tmp_path)
    (house.box / "sessions" / "recorder.lock").touch()
    (house.box / "sessions" / "sync.lock").touch()
    before = contents(*places)
    assert exit_code(main, *words_of(command, house, tmp_path), "--dry-run") == 0
    assert said in capsys.readouterr().out
    assert contents(*places) == before
    assert not (tmp_path / "new").exists()


def test_a_dry_run_refuses_what_the_command_refuses(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("device", "revoke", "BOX-00019", "--lost-since", "2999-01-01T00:00Z")
    assert exit_code(main, *words, "--fleet", house.fleet, "--dry-run") != 0
    assert "lies in the future" in capsys.readouterr().err
    again = ("init", house.fleet, "--lab", house.lab / "public", "--dry-run")
    assert exit_code(main, *again) != 0
    assert "exists already" in capsys.readouterr().err


def test_what_publish_would_do_is_what_it_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house = make_house(tmp_path)
    words = ("publish", "--fleet", house.fleet, "--box", house.box, "--json")
    for serial in (1, 1):
        told = []
        for more in (("--dry-run",), ()):
            assert exit_code(main, *words, *more) == 0
            told.append(json.loads(capsys.readouterr().out))
        assert told[0] == told[1]
        assert told[0]["serial"] == serial


def test_a_missing_certificate_would_be_made_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house = make_house(tmp_path)
    fleet = Fleet.load(house.fleet)
    fleet.file_of(fleet.device("BOX-00019"), "-cert.pub").unlink()
    words = ("publish", "--fleet", house.fleet, "--box", house.box, "--dry-run")
    assert exit_code(main, *words) == 0
    assert capsys.readouterr().out == (
        "BOX-00019: would get serial 1, with a new certificate\n"
    )
    assert not fleet.file_of(fleet.device("BOX-00019"), "-cert.pub").exists()


def test_the_step_log_has_times_and_no_key(tmp_path: Path) -> None:
    house = make_house(tmp_path)
    log, box = tmp_path / "log", tmp_path / "box2"
    words = ("device", "new", "--fleet", house.fleet, "--box", box, "--log", log)
    assert exit_code(main, *words) == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["state"] for line in lines] == ["done", "done"]
    assert all(line["took_s"] >= 0 for line in lines)
    private = (box / "ssh_ed25519").read_text().splitlines()
    assert not any(line in log.read_text() for line in private if line)
