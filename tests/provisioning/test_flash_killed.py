"""A card whose writing was killed starts nothing, and nobody sees a key in passing."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from provisioning.device import make_device, read_choices
from provisioning.image.layout import SECTOR_BYTES, is_ours, plan_layout
from tests.house import House, make_house

SYSTEM = b"system01" * (4 << 20)
NETWORK = "[connection]\nid=lab\ntype=wifi\n[wifi-security]\npsk=topsecretkey\n"
GIB = 1 << 30


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return make_house(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="module")
def box(house: House) -> Path:
    wifi = house.box.parent / "wifi"
    wifi.mkdir()
    (wifi / "lab.nmconnection").write_text(NETWORK)
    box = house.box.parent / "box2"
    make_device(house.load_fleet(), box, choices=read_choices(wifi=wifi))
    return box


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("image")
    contents = {"root.squashfs": SYSTEM, "firm.img": b"firm" * 5000}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    files = {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in contents.items()
    }
    about = {"version": 1, "fieldrec": "0.1.0", "arch": "arm64", "kernel": "6.12"}
    (folder / "image.json").write_text(json.dumps({**about, "files": files}))
    return folder


def start(image: Path, card: Path, box: Path, **more: str) -> subprocess.Popen[bytes]:
    program = Path(sys.executable).with_name("fieldrec-provision")
    return subprocess.Popen(
        [program, "flash", image, card, "--box", box, "--size", "3"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **more},
    )


def wait_for_step(flashing: subprocess.Popen[bytes], word: bytes) -> None:
    assert flashing.stderr is not None
    while line := flashing.stderr.readline():
        if word in line:
            return
    pytest.fail(f"it ended before {word!r}")


@pytest.mark.parametrize("step", [b"checking", b"root.squashfs", b"identity", b"reading"])
def test_killed_in_any_step_the_card_is_none_or_whole(
    image: Path, box: Path, tmp_path: Path, step: bytes
) -> None:
    card = tmp_path / "card"
    with start(image, card, box) as flashing:
        wait_for_step(flashing, step)
        with contextlib.suppress(subprocess.TimeoutExpired):
            flashing.wait(random.Random(step).random() / 20)
        flashing.kill()
    if card.exists():
        check_whole_where_ours(card)


def check_whole_where_ours(card: Path) -> bool:
    """Return whether ``card`` would start; then its system must be there."""
    with card.open("rb") as file:
        if not is_ours(file.read(SECTOR_BYTES)):
            return False
        file.seek(plan_layout(3 * GIB).root_a.start_bytes)
        assert file.read(len(SYSTEM)) == SYSTEM
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_closed_terminal_leaves_no_key_and_half_a_card_behind(
    image: Path, box: Path, tmp_path: Path, number: signal.Signals
) -> None:
    card, scratch = tmp_path / "card", tmp_path / "scratch"
    scratch.mkdir()
    with start(image, card, box, TMPDIR=str(scratch)) as flashing:
        wait_for_step(flashing, b"identity")
        flashing.send_signal(number)
    # The signal may come when all is written, or when the program has ended.
    assert flashing.returncode in (0, 128 + number)
    if card.exists():
        assert check_whole_where_ours(card)
    else:
        assert flashing.returncode != 0
    assert not list(scratch.iterdir())


def test_no_key_is_seen_in_the_list_of_processes(
    image: Path, box: Path, tmp_path: Path
) -> None:
    keys = (box / "ssh_ed25519").read_bytes().splitlines()[1:-1]
    seen: set[bytes] = set()
    was_seen = tmp_path / "seen"
    path = f"{waiting_mkfs(tmp_path / 'bin', was_seen)}:{os.environ['PATH']}"
    with start(image, tmp_path / "card", box, PATH=path) as flashing:
        while flashing.poll() is None:
            seen |= set(processes())
            if any(b"mkfs.ext4" in one for one in seen):
                was_seen.touch()
        assert flashing.stderr is not None
        said = flashing.stderr.read()
    assert flashing.returncode == 0
    assert any(b"mkfs.ext4" in one for one in seen)
    everything = b"".join(seen) + said
    assert not [key for key in (*keys, b"topsecretkey") if key in everything]


def waiting_mkfs(folder: Path, was_seen: Path) -> Path:
    """Fill ``folder`` with a mkfs.ext4 that waits until ``was_seen`` is there.

    A busy machine may not look at the list of processes while the real one runs.
    """
    folder.mkdir()
    real = shutil.which("mkfs.ext4", path=f"{os.defpath}:/usr/sbin:/sbin")
    assert real is not None
    script = f'#!/bin/sh\nuntil [ -e "{was_seen}" ]; do sleep 0.1; done\nexec {real} "$@"\n'
    (folder / "mkfs.ext4").write_text(script)
    (folder / "mkfs.ext4").chmod(0o755)
    return folder


def processes() -> list[bytes]:
    """Return the command line of every process that can be seen."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found.append((folder / "cmdline").read_bytes())
    return found
