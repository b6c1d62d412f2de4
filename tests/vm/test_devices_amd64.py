"""Dongles, sound cards and bad links, as the kernel shows them to the box's own rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.vm.world import DRIVE, World, build_image, prepare, put_file, record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.vm.machine import Machine

HERE = Path(__file__).parent
HEADSET = 's|^headset = .*|headset = "serial:/dev/box/eeg:CYTON_BOARD"|'
MICROPHONE = 's/^microphone = .*/microphone = "alsa:hw:BoxMic,1"/'
GADGET = """\
modprobe -a dummy_hcd libcomposite usb_f_acm
mount -t configfs none /sys/kernel/config 2>/dev/null
cd /sys/kernel/config/usb_gadget && mkdir -p dongle && cd dongle
echo 0x{vendor} >idVendor; echo 0x{product} >idProduct
mkdir -p strings/0x409 configs/c.1 functions/acm.usb0
echo BOX123 >strings/0x409/serialnumber
ln -s functions/acm.usb0 configs/c.1/ 2>/dev/null
echo dummy_udc.0 >UDC"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"), "amd64", build_image("amd64"))
    made.found()
    try:
        made.new_box("one")
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def machine(world: World) -> Iterator[Machine]:
    with world.machine("one") as started:
        prepare(started)
        yield started


def test_a_dongle_gets_its_name_and_its_group_and_loses_them(machine: Machine) -> None:
    plug_in(machine, "2458", "0001")
    assert machine.run("stat -L -c '%G %a' /dev/box/eeg").strip() == "dialout 660"
    machine.run("test /dev/box/eeg-BOX123 -ef /dev/box/eeg")
    machine.run("echo '' >/sys/kernel/config/usb_gadget/dongle/UDC")
    machine.wait_until("! test -e /dev/box/eeg", patience_s=60)


def plug_in(machine: Machine, vendor: str, product: str) -> None:
    """Have the kernel play a dongle; its other end is /dev/ttyGS0."""
    machine.run(GADGET.format(vendor=vendor, product=product))
    machine.wait_until("test -e /dev/box/eeg", patience_s=60)


def test_a_real_sound_card_and_a_bad_link_lose_nothing(
    world: World, machine: Machine
) -> None:
    machine.run("modprobe snd-aloop id=BoxMic && sleep 2")
    machine.run("(aplay -q -D hw:BoxMic,0 -f S16_LE -c 2 -r 48000 /dev/zero &) 2>&1")
    machine.run(f"sed -i '{MICROPHONE}' /data/box/box.toml")
    machine.run("systemctl restart fieldrec-recorder")
    machine.wait_until(f"{DRIVE} state | grep -q \"hw:BoxMic,1', link='connected'\"")
    machine.run("modprobe sch_netem")
    machine.run("tc qdisc add dev eth0 root netem delay 200ms loss 5%")
    done = record(machine, world.codes[0], 10)
    sent = f"fieldrec sessions --box /data/box | grep {done['session']} | grep -q sent"
    machine.wait_until(sent, patience_s=400)
    machine.run("tc qdisc del dev eth0 root")
    world.lab("pull", "--from", world.root / "server")
    (kept,) = (world.root / "lab" / "sessions").rglob(str(done["session"]))
    world.lab("verify", kept)
    opened = world.root / "opened"
    world.lab("open", kept, "--out", opened)
    found = json.loads((opened / kept.name / "integrity.json").read_text())
    assert (found["clean"], found["signed"]) == (True, True)


def test_a_cyton_behind_a_played_dongle_is_read_by_its_name(machine: Machine) -> None:
    # The gadget speaks the common serial protocol, not FTDI's own: its driver keeps off.
    machine.run("mkdir -p /run/modprobe.d /run/tests")
    machine.put("/run/modprobe.d/ftdi.conf", "install ftdi_sio /bin/false")
    plug_in(machine, "0403", "6015")
    put_file(machine, HERE.parent / "cyton_pty.py", "/run/tests/cyton_pty.py")
    put_file(machine, HERE / "dongle.py", "/run/dongle.py")
    machine.run("(cd /run && setsid python3 dongle.py /dev/ttyGS0 >/run/cyton 2>&1 &)")
    machine.run(f"sed -i '{HEADSET}' /data/box/box.toml")
    machine.run("systemctl restart fieldrec-recorder")
    found = "CYTON_BOARD', model='[^']*', link='connected'"
    machine.wait_until(f'{DRIVE} state | grep -q "{found}"', patience_s=600)


def test_a_recorder_that_hangs_is_started_again(machine: Machine) -> None:
    machine.run("rm -r /run/systemd/system/fieldrec-recorder.service.d")
    machine.run("systemctl daemon-reload; systemctl restart fieldrec-recorder")
    machine.wait_until("systemctl is-active fieldrec-recorder")
    pid = machine.run("systemctl show -P MainPID fieldrec-recorder").strip()
    machine.run(f"kill -STOP {pid}")
    began = machine.seconds
    machine.wait_until(f"! test -e /proc/{pid}", patience_s=60)
    assert machine.seconds - began < 20
    machine.wait_until("systemctl is-active fieldrec-recorder")
