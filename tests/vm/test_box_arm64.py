"""The image for the real box, as far as an emulated arm64 machine can show it.

It starts, records with the simulated headset, seals and sends to a server on this
computer; the lab verifies it. And nothing secret is in the image or in what was said.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest
from matplotlib.ft2font import FT2Font

from tests.vm.world import World, build_image, build_log, prepare, record, secrets_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_UNPACKED_BYTES = 1_500_000_000
MOST_DOWNLOAD_BYTES = 500_000_000
_KEYS = r"BEGIN OPENSSH PRIVATE KEY-----.[A-Za-z0-9]|AGE-SECRET-KEY-1[Q-Z0-9]{20}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"), "arm64", build_image("arm64"))
    made.found()
    try:
        yield made
    finally:
        made.stop()


def test_the_image_is_small_enough_and_says_what_it_lacks(world: World) -> None:
    about = json.loads((world.image / "image.json").read_text())
    assert about["unpacked_bytes"] < MOST_UNPACKED_BYTES
    assert sum(one["size"] for one in about["files"].values()) < MOST_DOWNLOAD_BYTES
    assert not about["eeg_library"]["complete"]
    assert "NO EEG LIBRARY" in about["label"]
    assert all(one["sha256"] for one in about["packages"])


def test_a_box_records_seals_and_sends_and_the_lab_verifies(world: World) -> None:
    device = world.new_box("one")
    with world.machine("one") as machine:
        prepare(machine)
        assert machine.run("uname -m").strip() == "aarch64"
        assert machine.run("hostname").strip() == device.lower()
        failed = machine.run("systemctl --failed --plain --no-legend --no-pager").split()
        assert not [name for name in failed if name.startswith("fieldrec-")]
        done = record(machine, world.codes[0], 15)
        sent = f"fieldrec sessions --box /data/box | grep {done['session']} | grep -q sent"
        machine.wait_until(sent, patience_s=600)
        journal = machine.run("journalctl -b --no-pager -o cat", patience_s=300)
        bench = machine.run(
            "fieldrec-provision bench --seconds 5 --json 2>/dev/null",
            check=False,
            patience_s=300,
        )
    assert not secrets_in(journal, secrets=world.secrets())
    grades = {
        one["id"]: one["grade"] for one in json.loads(bench.splitlines()[0])["findings"]
    }
    assert grades["image"] == "fail"  # no library for real headsets: said loudly
    world.lab("pull", "--from", world.root / "server")
    (kept,) = (world.root / "lab" / "sessions").rglob(str(done["session"]))
    world.lab("verify", kept)


@pytest.fixture(scope="module")
def tree(world: World) -> Path:
    """Return the system's tree, unpacked."""
    tree = world.root / "tree"
    subprocess.run(
        ["unsquashfs", "-q", "-n", "-d", tree, world.image / "root.squashfs"], check=True
    )
    return tree


def test_no_secret_is_in_the_image(world: World, tree: Path) -> None:
    assert (tree / "usr/lib/fieldrec/site/recorder/cli.py").is_file()
    places = (tree / name for name in ("etc", "var", "usr/lib/fieldrec", "root"))
    found = subprocess.run(
        ["grep", "-rlaE", _KEYS, *places], capture_output=True, check=False, text=True
    )
    assert not found.stdout
    files = [world.image / "firm.img", world.image / "image.json", build_log("arm64")]
    assert not secrets_in("", *files, tree / "etc", tree / "var", secrets=world.secrets())
    assert not list(tree.rglob("ssh_host_*"))
    assert not (tree / "usr/sbin/sshd").exists()
    assert not (tree / "usr/lib/fieldrec/site/lab").exists()


def test_the_kiosks_font_has_russian_letters_and_braille(tree: Path) -> None:
    fonts = tree / "usr/share/fonts/truetype/dejavu"
    asked = (tree / "etc/xdg/foot/foot.ini").read_text()
    assert "font=DejaVu Sans Mono:size=14,DejaVu Sans:" in asked
    letters = set(FT2Font(str(fonts / "DejaVuSansMono.ttf")).get_charmap())
    waves = set(FT2Font(str(fonts / "DejaVuSans.ttf")).get_charmap())
    assert {*range(0x410, 0x450), 0x401, 0x451, *range(0x2580, 0x25A0)} <= letters
    assert set(range(0x2800, 0x2900)) <= waves  # braille: the terminal takes it from there
