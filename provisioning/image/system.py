"""One whole system: the base, our files and units, Python; packed as a squashfs."""

from __future__ import annotations

import json
import os
import shutil
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.image.base import remove_tree
from provisioning.image.site import COMPILING, find_source, place_site
from provisioning.programs import run_program

if TYPE_CHECKING:
    from provisioning.image.base import Base

UNITS = (
    *("fieldrec-recorder.service", "fieldrec-sync.service", "fieldrec-tui.service"),
    *("fieldrec-identity.service", "fieldrec-settle.service", "fieldrec-overdue.timer"),
    *("fieldrec-service.service", "nftables.service", "chronyd-restricted.service"),
    *("NetworkManager.service", "bluetooth.service", "seatd.service"),
)
_MASKED = (
    *("getty@tty1.service", "ctrl-alt-del.target", "console-getty.service"),
    *("serial-getty@.service", "systemd-timesyncd.service", "apt-daily.timer"),
    *("apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer"),
    *("fstrim.timer", "NetworkManager-wait-online.service"),
    *("systemd-pcrphase.service", "chrony-wait.service", "e2scrub_reap.service"),
    *("systemd-networkd.service", "systemd-networkd.socket", "chrony.service"),
    *("systemd-machine-id-commit.service", "systemd-hwdb-update.service"),
)
# What came along with packages and does nothing on a box.
_REMOVED = (
    *("var/lib/apt", "var/cache/apt", "var/cache/debconf", "usr/share/bash-completion"),
    *("usr/share/doc", "usr/share/man", "usr/lib/raspi-firmware", "var/lib/dpkg/info"),
    *("usr/lib/udev/rules.d/90-console-setup.rules",),
    *("boot", "etc/machine-id", "etc/ssh", "etc/hostname", "var/log/apt"),
)
_PLACES = ("data", "boot/firmware", "media", "var/lib/bluetooth")


def make_tree(base: Base, site: Path, tree: Path, about: dict[str, object]) -> None:
    """Make the system's tree at ``tree``; the base is only linked to, never changed."""
    if tree.exists():
        remove_tree(tree)
    run_program("cp", "-al", base.tree, tree, package="coreutils")
    _remove_leftovers(tree)
    for name in _PLACES:
        (tree / name).mkdir(parents=True, exist_ok=True)
    _place_files(tree)
    place_site(site, tree)
    _create(tree / "etc/fieldrec-image.json", json.dumps(about, indent=1) + "\n")
    _create(tree / "etc/machine-id", "")
    _create(tree / "etc/hostname", "fieldrec\n")
    for name in ("etc", "var"):  # as new as /usr: nothing is to be done at each start
        _create(tree / name / ".updated", "")
    run_program("systemd-sysusers", f"--root={tree}", package="systemd")
    systemctl = ("systemctl", f"--root={tree}", "--quiet")
    for name in UNITS:
        if _has_unit(tree, name):
            run_program(*systemctl, "enable", name, package="systemd")
    run_program(*systemctl, "mask", *_MASKED, package="systemd")
    run_program(*systemctl, "set-default", "multi-user.target", package="systemd")


def _remove_leftovers(tree: Path) -> None:
    for left in tree.glob(f"{COMPILING}*"):
        shutil.rmtree(left)
    for name in _REMOVED:
        path = tree / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def pack_tree(tree: Path, out: Path, *, level: int, epoch_s: int) -> None:
    """Write ``tree`` as a squashfs whose bytes depend on its content alone."""
    out.unlink(missing_ok=True)
    run_program(
        *("mksquashfs", tree, out, "-comp", "zstd", "-Xcompression-level", level),
        *("-noappend", "-no-progress", "-quiet", "-no-exports"),
        *("-mkfs-time", epoch_s, "-all-time", epoch_s),
        package="squashfs-tools",
    )


def _place_files(tree: Path) -> None:
    files = Path(str(resources.files("provisioning.image"))) / "files"
    for path in sorted(files.rglob("*")):
        target = tree / path.relative_to(files)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.unlink(missing_ok=True)  # a link to the base's file must not be written to
        shutil.copyfile(path, target)
        target.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
    for path in sorted((find_source().root / "udev").glob("*.rules")):
        _create(tree / "usr/lib/udev/rules.d" / path.name, path.read_text("ascii"))


def _has_unit(tree: Path, name: str) -> bool:
    return (tree / "usr/lib/systemd/system" / name).exists()


def _create(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.write_text(text, "utf-8")
