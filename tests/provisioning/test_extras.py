"""Networks and time zone are checked before a box exists, and networks stay private."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioning.cli import main
from provisioning.extras import read_extras
from recorder.errors import ProvisionError
from tests.house import House, exit_code, make_house, mode

if TYPE_CHECKING:
    from pathlib import Path

NETWORK = "[connection]\nid=home\ntype=wifi\n[wifi-security]\npsk=topsecret\n"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return make_house(tmp_path_factory.mktemp("house"))


def networks(folder: Path, *contents: str) -> Path:
    folder.mkdir()
    for number, content in enumerate(contents):
        (folder / f"Home of Smith {number}.nmconnection").write_text(content)
    return folder


def test_networks_get_names_that_tell_nothing_and_private_modes(
    house: House, tmp_path: Path
) -> None:
    wifi = networks(tmp_path / "wifi", NETWORK, NETWORK)
    words = ("device", "new", "--fleet", house.fleet, "--box", tmp_path / "box")
    more = ("--wifi", wifi, "--timezone", "Asia/Yekaterinburg", "--locale", "en")
    assert exit_code(main, *words, *more) == 0
    kept = tmp_path / "box" / "network"
    assert mode(kept) == 0o700
    assert [path.name for path in sorted(kept.iterdir())] == [
        "network-01.nmconnection",
        "network-02.nmconnection",
    ]
    assert all(mode(path) == 0o600 for path in kept.iterdir())
    assert (tmp_path / "box" / "timezone").read_text() == "Asia/Yekaterinburg\n"
    assert 'locale = "en"' in (tmp_path / "box" / "box.toml").read_text()


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        ((), r"holds 0 files \*\.nmconnection, needed are 1 to 20"),
        ((NETWORK,) * 21, "holds 21 files"),
        (("psk=topsecret",), "is no NetworkManager file"),
        (("[connection]\nid=x\n",), "is no NetworkManager file"),
        ((NETWORK + "#" * 20000,), "longer than 16384 bytes"),
    ],
)
def test_what_is_no_network_is_refused_without_its_content(
    tmp_path: Path, contents: tuple[str, ...], said: str
) -> None:
    wifi = networks(tmp_path / "wifi", *contents)
    with pytest.raises(ProvisionError, match=said) as refused:
        read_extras(wifi=wifi, timezone="")
    assert "topsecret" not in f"{refused.value} {refused.value.hint}"


@pytest.mark.parametrize("zone", ["Europe/Nowhere", "../etc/passwd", "/etc/passwd", "."])
def test_what_is_no_time_zone_is_refused_and_no_box_made(
    house: House, tmp_path: Path, zone: str
) -> None:
    words = ("device", "new", "--fleet", house.fleet, "--box", tmp_path / "box")
    assert exit_code(main, *words, "--timezone", zone) != 0
    assert not (tmp_path / "box").exists()
    assert len(house.load_fleet().devices()) < 3


def test_keys_of_networks_are_not_shown_by_accident(tmp_path: Path) -> None:
    extras = read_extras(wifi=networks(tmp_path / "wifi", NETWORK), timezone="")
    assert "topsecret" not in repr(extras)
