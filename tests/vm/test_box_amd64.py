"""A box from nothing to revoked, on the image's own packages and units, and pulled plugs.

Three boxes are made, flashed and started; one is tested, records, sends and is verified,
then revoked; another loses its power again and again while it records.
"""

from __future__ import annotations

import json
import random
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
import pyxdf
import soundfile

from provisioning.image.layout import plan_layout
from tests.vm.world import (
    DRIVE,
    SCREENS,
    World,
    build_image,
    command,
    prepare,
    record,
    secrets_in,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.vm.machine import Machine

CUTS = 5
MOST_LOST_S = 1.0
# What neither records nor mounts: a pulled plug does not care, an emulated processor does.
NOT_NEEDED = ("NetworkManager", "wpa_supplicant", "fieldrec-sync", "fieldrec-settle")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"), "amd64", build_image("amd64"))
    made.found()
    try:
        yield made
    finally:
        made.stop()


def test_three_boxes_are_made_tested_used_and_one_is_revoked(world: World) -> None:
    names = ("one", "two", "three")
    devices = [world.new_box(name) for name in names]
    assert len(set(devices)) == 3
    command(
        *("fieldrec-provision", "label", devices[0], "--fleet", world.root / "fleet"),
        *("--out", world.root / "labels"),
    )
    for name, device, code in zip(names[1:], devices[1:], world.codes[1:], strict=False):
        with world.machine(name) as machine:
            use(world, machine, device, code)
    with world.machine("one") as machine:
        use(world, machine, devices[0], world.codes[0])
        lost_since = time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime())
        command(
            *("fieldrec-provision", "device", "revoke", devices[0]),
            *("--lost-since", lost_since, "--fleet", world.root / "fleet"),
        )
        again = record(machine, world.codes[0], 5)
        refused = machine.run(
            "systemctl stop fieldrec-sync; runuser -u fieldrec --"
            " fieldrec sync --once --box /data/box",
            check=False,
            patience_s=400,
        )
        assert "let" in refused or "revoked" in refused or "access" in refused, refused
        listed = machine.run("fieldrec sessions --box /data/box")
        assert f"{again['session']}  waiting" in listed
        said = machine.run("journalctl -b --no-pager -o cat", patience_s=300)
        said += machine.run("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    places = [world.root / "labels", *world.root.glob("*.log"), *world.root.glob("*.vm")]
    assert not secrets_in(said, *places, secrets=world.secrets())


def use(world: World, machine: Machine, device: str, code: str) -> None:
    """Start a box, test it on the bench, record, send; the lab pulls and verifies."""
    prepare(machine)
    assert machine.run("hostname").strip() == device.lower()
    assert machine.run("ss -Hlntu").strip() == ""
    assert "policy drop" in machine.run("nft list chain inet fieldrec input")
    machine.wait_until("fieldrec-provision slot | grep -q 'a runs; a is the good one'")
    bench = machine.run(
        "fieldrec-provision bench --seconds 5 --json --out /tmp/report 2>/dev/null",
        check=False,
        patience_s=300,
    )
    report = json.loads(bench.strip().splitlines()[0])
    grades = {one["id"]: one["grade"] for one in report["findings"]}
    assert report["device"] == device
    assert grades["watchdog"] == grades["image"] == grades["ports"] == "pass"
    assert grades["rtc"] == "fail"  # none in this machine
    done = record(machine, code, 10)
    assert done["clean"]
    sent = f"fieldrec sessions --box /data/box | grep {done['session']} | grep -q sent"
    machine.wait_until(sent, patience_s=400)
    world.lab("pull", "--from", world.root / "server")
    (kept,) = (world.root / "lab" / "sessions").rglob(done["session"])
    assert done["session"] in world.lab("verify", kept, "--json").stdout


@pytest.mark.parametrize("number", range(CUTS))
def test_a_pulled_plug_costs_a_second_at_most(
    world: World,
    number: int,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    if not world.card("cut").exists():
        world.new_box("cut")
    chance = random.Random(number)
    with world.machine("cut", masked=(*SCREENS, *NOT_NEEDED)) as machine:
        prepare(machine)
        machine.run(
            f"({DRIVE} begin {world.codes[3]} 600 > /run/saved 2>&1 &); sleep 1",
        )
        machine.wait_until("grep -q SAVED /run/saved", patience_s=300)
        last = machine.kill_while(
            "python3 -u /run/drive.py /run/saved beat", after_s=8 + chance.random() * 15
        )
    _, at_cut_s, _, saved_s, marks = (
        0.0 if word.isalpha() else float(word) for word in last.split()
    )
    folder = recover(world.card("cut"), tmp_path)
    (session,) = [
        path
        for path in (folder / "sessions").iterdir()
        if path.is_dir() and not (path / "manifest.json.sig").exists()
    ]
    done = world.lab("open", session, "--out", tmp_path / "opened", check=False)
    opened = tmp_path / "opened" / session.name
    assert opened.exists(), done.stderr
    integrity = json.loads((opened / "integrity.json").read_text())
    seconds, last_s = recorded_s(opened), last_sample_s(opened)
    record_property("lost_s", round(at_cut_s - last_s, 2))
    assert seconds >= saved_s - 0.1, (seconds, saved_s)
    # Both on the box's host clock; the plug was pulled at most two beats later.
    assert at_cut_s - last_s <= MOST_LOST_S, (last_s, at_cut_s)
    assert (opened / "eeg.xdf").read_bytes().count(b'"insight"') >= marks
    assert not integrity["signed"]


def recover(card: Path, work: Path) -> Path:
    """Check the data partition as the box would, and copy the box folder out of it."""
    copy = work / "data.img"
    start = plan_layout(card.stat().st_size).data.start_bytes
    subprocess.run(
        ["dd", f"if={card}", f"of={copy}", "bs=1M", f"skip={start >> 20}", "conv=sparse"],
        check=True,
        capture_output=True,
    )
    checked = subprocess.run(["e2fsck", "-p", copy], capture_output=True, check=False)
    assert checked.returncode in (0, 1), checked.stdout
    again = subprocess.run(["e2fsck", "-f", "-n", copy], capture_output=True, check=False)
    assert again.returncode == 0, again.stdout
    out = work / "out"
    out.mkdir()
    subprocess.run(
        ["debugfs", "-R", f"rdump /box {out}", copy], capture_output=True, check=True
    )
    copy.unlink()
    return out / "box"


def recorded_s(opened: Path) -> float:
    """Return how many seconds of sound were recovered."""
    return float(soundfile.info(str(opened / "audio.flac")).duration)


def last_sample_s(opened: Path) -> float:
    """Return the host clock's time of the last EEG sample that was recovered."""
    streams, _ = pyxdf.load_xdf(opened / "eeg.xdf", select_streams=[{"name": "EEG"}])
    return float(streams[0]["time_stamps"][-1])
