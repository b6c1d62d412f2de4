"""The units are what systemd takes, have few rights, and what they start exists."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import provisioning.image
from provisioning.image.site import _COMMANDS
from provisioning.image.system import UNITS

FILES = Path(provisioning.image.__file__).with_name("files")
FOLDER = FILES / "usr/lib/systemd/system"
NAMES = sorted(path.name for path in FOLDER.iterdir())
EXPOSED = (
    *("fieldrec-recorder", "fieldrec-sync", "fieldrec-tui"),
    "fieldrec-tui-console",
)
SCREENS = ("fieldrec-tui", "fieldrec-tui-console")
WORST = 3.0


def text(name: str) -> str:
    return (FOLDER / f"{name}.service").read_text("ascii")


@pytest.mark.parametrize("name", EXPOSED)
def test_a_unit_is_exposed_no_more_than_it_must(name: str) -> None:
    done = subprocess.run(
        [
            *("systemd-analyze", "security", "--offline=yes", "--no-pager"),
            FOLDER / f"{name}.service",
        ],
        capture_output=True,
        check=True,
        text=True,
    )
    found = re.search(r"exposure level for .*: ([0-9.]+)", done.stdout)
    assert found is not None
    assert float(found[1]) <= WORST


@pytest.mark.parametrize("name", [name for name in NAMES if "@" not in name])
def test_systemd_finds_no_fault(name: str, tmp_path: Path) -> None:
    # Programs of the box are not on this computer: their places are filled.
    content = (FOLDER / name).read_text("ascii")
    content = re.sub(
        r"^(Exec\w+=)([-+]*)\S+", r"\1\2/bin/true", content, flags=re.MULTILINE
    )
    content = re.sub(
        r"^(RestartSteps|RestartMaxDelaySec)=.*\n", "", content, flags=re.MULTILINE
    )
    for other in FOLDER.iterdir():
        shutil.copyfile(other, tmp_path / other.name)
    (tmp_path / name).write_text(content)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", tmp_path / name],
        capture_output=True,
        check=False,
        text=True,
    )
    said = [line for line in done.stderr.splitlines() if name in line]
    assert not said, said


@pytest.mark.parametrize("name", [name for name in NAMES if "@" not in name])
def test_what_is_started_is_on_the_box(name: str) -> None:
    started = re.findall(
        r"^Exec\w+=[-+]*(\S+)", (FOLDER / name).read_text("ascii"), re.MULTILINE
    )
    for path in started:
        ours = path.removeprefix("/usr/bin/") in _COMMANDS or (FILES / path[1:]).exists()
        known = path.startswith(("/usr/bin/setfont", "/sbin/agetty"))
        assert ours or known, path


def test_every_unit_that_starts_by_itself_is_enabled() -> None:
    wanted = {name for name in NAMES if "WantedBy=" in (FOLDER / name).read_text("ascii")}
    assert wanted <= set(UNITS)


def test_the_recorder_has_no_network_and_cannot_write_its_key() -> None:
    lines = text("fieldrec-recorder").splitlines()
    assert "PrivateNetwork=yes" in lines
    assert "ReadOnlyPaths=/data/box/ssh_ed25519" in lines
    assert "WatchdogSec=10" in lines
    assert "OOMScoreAdjust=-900" in lines


def test_drivers_whose_devices_may_be_opened_are_there_before_the_unit() -> None:
    # systemd looks the name in DeviceAllow up once, when the unit starts: a dongle plugged
    # in later would stay shut where its driver's number was not known by then.
    numbers = {
        "char-alsa": "snd",
        "char-drm": "drm",
        "char-spidev": "spidev",
        "char-ttyACM": "cdc_acm",
        "char-ttyUSB": "usbserial",
    }
    always = {"char-gpiochip", "char-input", "char-pts", "char-tty"}  # in the kernel itself
    allowed = {
        found
        for name in EXPOSED
        for found in re.findall(r"^DeviceAllow=(char-\w+)", text(name), re.MULTILINE)
    }
    loaded = (FILES / "usr/lib/modules-load.d/fieldrec.conf").read_text("ascii").split()
    assert allowed - always == numbers.keys()
    assert set(numbers.values()) <= set(loaded)


@pytest.mark.parametrize("name", SCREENS)
def test_the_screen_may_set_its_brightness_and_read_the_log(name: str) -> None:
    # ProtectKernelTunables makes /sys read-only; /sys/class/backlight only points there.
    assert "ProtectKernelTunables=yes" in text(name)
    assert "ReadWritePaths=-/sys/devices" in text(name).splitlines()
    groups = re.findall(r"^SupplementaryGroups=(.*)", text(name), re.MULTILINE)
    assert {"video", "systemd-journal"} <= set(" ".join(groups).split())


@pytest.mark.parametrize("name", SCREENS)
def test_the_screen_comes_up_also_where_the_card_has_no_readable_data(name: str) -> None:
    lines = text(name).splitlines()
    assert not [line for line in lines if line.startswith("Condition") and "/data" in line]
    needed = [line for line in lines if re.match(r"(Read|RequiresMounts)\w+=/data", line)]
    assert not needed  # without the "-" a unit fails where the path is missing


def test_the_kiosk_keeps_its_caches_off_the_card() -> None:
    # The account's home is the box folder: fontconfig would write into it.
    found = re.search(r"XDG_CACHE_HOME=(\S+)", text("fieldrec-tui"))
    assert found is not None
    assert found[1].startswith("/run/fieldrec-screen")


def test_the_screen_of_last_resort_is_never_given_up() -> None:
    assert "StartLimitIntervalSec=0" in text("fieldrec-tui-console").splitlines()


@pytest.mark.parametrize("kind", ["timer", "service"])
def test_an_overdue_start_is_judged_whatever_it_waits_for(kind: str) -> None:
    lines = (FOLDER / f"fieldrec-overdue.{kind}").read_text("ascii").splitlines()
    assert "DefaultDependencies=no" in lines
    assert not [
        line for line in lines if line.startswith(("After=", "Requires=", "Wants="))
    ]


@pytest.mark.parametrize("is_serviced", [False, True])
def test_consoles_can_be_switched_only_while_a_technician_wants_it(
    is_serviced: bool,  # noqa: FBT001 - a parametrized case
    tmp_path: Path,
) -> None:
    wanted = tmp_path / "service"
    if is_serviced:
        wanted.touch()
    script = (FILES / "usr/lib/fieldrec/kiosk").read_text("ascii")
    script = script.replace("/boot/firmware/service", str(wanted))
    script = script.replace("/usr/bin/cage", "echo")
    done = subprocess.run(
        ["busybox", "sh", "-c", script], capture_output=True, check=True, text=True
    )
    assert ("-s" in done.stdout.split("--")[0].split()) is is_serviced
    assert done.stdout.rstrip().endswith("/usr/lib/fieldrec/screen")
    assert "boot-firmware.mount" in text("fieldrec-tui")  # it must have been looked at


def test_no_program_of_the_account_reads_the_memory_of_another() -> None:
    # Recorder, sender and screen are one account, and Debian's kernel leaves Yama off.
    lines = (FILES / "usr/lib/sysctl.d/60-fieldrec.conf").read_text("ascii").splitlines()
    assert "kernel.yama.ptrace_scope = 2" in lines


def test_the_clock_may_write_its_drift_where_it_is_told_to() -> None:
    told = (FILES / "etc/chrony/chrony.conf").read_text("ascii")
    (drift,) = re.findall(r"^driftfile (\S+)/drift$", told, re.MULTILINE)
    dropped_in = FILES / "etc/systemd/system/chronyd-restricted.service.d/fieldrec.conf"
    assert f"ReadWritePaths=-{drift}" in dropped_in.read_text("ascii").splitlines()
    assert "chronyd-restricted.service" in UNITS


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: gives files away")
def test_a_first_start_that_was_cut_off_is_made_good_by_the_next(tmp_path: Path) -> None:
    box = tmp_path / "box"
    box.mkdir()
    for name in ("box.toml", "ssh_ed25519"):
        (box / name).write_text('device = "BOX-00019"\n')
    shutil.chown(box / "box.toml", "daemon")  # as far as it came before the power went
    (box / "elsewhere").symlink_to(tmp_path / "kept")
    (tmp_path / "kept").touch()
    script = (FILES / "usr/lib/fieldrec/identity").read_text("ascii")
    for old, new in (
        ("fieldrec:fieldrec", "daemon:daemon"),
        ("-user fieldrec", "-user daemon"),
        ("_chrony:_chrony", "daemon:daemon"),
        ("/proc/sys/kernel/hostname", str(tmp_path / "kernel")),
        ("/etc/", f"{tmp_path}/"),
        ("/data", str(tmp_path)),
        ("/var/lib/bluetooth", str(tmp_path / "bonds")),
        ("mount --bind", "true"),
    ):
        script = script.replace(old, new)
    subprocess.run(["sh", "-c", script], check=True)
    assert {path.owner() for path in (box, box / "box.toml", box / "ssh_ed25519")} == {
        "daemon"
    }
    assert (tmp_path / "kept").owner() == "root"
    assert (tmp_path / "hostname").read_text() == "box-00019\n"


def test_sending_comes_after_everything_else() -> None:
    lines = text("fieldrec-sync").splitlines()
    assert {"Nice=19", "CPUWeight=10", "IOSchedulingClass=idle"} <= set(lines)


def test_the_firewall_drops_what_comes_in() -> None:
    rules = (FILES / "etc/nftables.conf").read_text("ascii")
    assert "hook input priority filter; policy drop;" in rules
    assert "dport 22" not in rules


def test_shell_scripts_on_the_box_are_sound() -> None:
    for path in (FILES / "usr/lib/fieldrec").iterdir():
        subprocess.run(["busybox", "sh", "-n", path], check=True)
    for name in ("init", "slots.sh"):
        subprocess.run(["busybox", "sh", "-n", FILES.with_name(name)], check=True)
