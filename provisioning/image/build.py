"""Make an image: a folder with two file systems of a card and the list of what they hold.

The folder appears under its name only when it is whole and its hashes are written down.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.image.apt import find_archive, host_codename
from provisioning.image.base import base_home, make_base, remove_tree
from provisioning.image.emulation import check_runs
from provisioning.image.firmware import fill_firmware, pack_firmware
from provisioning.image.initramfs import make_initramfs
from provisioning.image.layout import SLOT_BYTES
from provisioning.image.listing import installed_packages
from provisioning.image.packages import package_list
from provisioning.image.site import make_site, versions
from provisioning.image.system import make_tree, pack_tree
from provisioning.image.wheelhouse import read_wheelhouse
from recorder import __version__
from recorder.errors import ProvisionError
from recorder.files import check_new, locked

if TYPE_CHECKING:
    from provisioning.image.base import Base
    from provisioning.image.packages import Arch, PackageList
    from provisioning.image.wheelhouse import EegLibrary
    from provisioning.steps import Steps

EPOCH_S = 1_735_689_600  # all times in an image: 2025-01-01, so that equal means equal
MANIFEST = "image.json"
ROOT, FIRM = "root.squashfs", "firm.img"
_LEVEL = 9  # 15 takes ten times as long and saves a few percent
_QUICK_LEVEL = 3


@dataclass(frozen=True, slots=True)
class ImagePlan:
    """What image is wanted. ``quick`` packs less tightly, for trials."""

    arch: Arch
    out: Path
    cache: Path
    wheelhouse: Path | None = None
    fresh: bool = False
    quick: bool = False


def make_image(plan: ImagePlan, steps: Steps) -> dict[str, object]:
    """Make the image's folder and return its manifest."""
    check_new(plan.out, ProvisionError, hint="name a new folder for the image")
    packages = package_list(plan.arch)
    base = make_base(packages, cache=plan.cache, steps=steps, fresh=plan.fresh)
    with locked(plan.cache):  # two builds would work on one tree
        return _make_image(plan, packages, base, steps)


def _make_image(
    plan: ImagePlan, packages: PackageList, base: Base, steps: Steps
) -> dict[str, object]:
    site, library = make_site(
        packages, base, cache=plan.cache, wheelhouse=plan.wheelhouse, steps=steps
    )
    about: dict[str, object] = {
        "version": 1,
        "fieldrec": __version__,
        "arch": plan.arch,
        "suite": packages.suite,
        "kernel": base.kernel,
        "eeg_library": asdict(library),
    }
    about["label"] = _label(about, library)
    shelf = plan.cache / f"{packages.suite}-{plan.arch}"
    for left in _parent(plan.out).glob(f".{plan.out.name}-????????"):
        shutil.rmtree(left)  # by a build that was cut off
    work = Path(tempfile.mkdtemp(prefix=f".{plan.out.name}-", dir=_parent(plan.out)))
    try:
        tree = shelf / "tree"
        with steps.step("the system's tree"):
            make_tree(base, site, tree, about)
        with steps.step("packing the system"):
            level = _QUICK_LEVEL if plan.quick else _LEVEL
            pack_tree(tree, work / ROOT, level=level, epoch_s=EPOCH_S)
            _check_size(work / ROOT)
        with steps.step("firmware, kernel, initramfs"):
            _make_firmware(base, work, plan.arch)
        manifest = {
            **about,
            "unpacked_bytes": _tree_bytes(tree),
            "packages": installed_packages(base.notes),
            "python": versions(site),
            "files": {name: _described(work / name) for name in (ROOT, FIRM)},
        }
        remove_tree(tree)
        (work / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
        work.chmod(0o755)
        work.rename(plan.out)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return manifest


def _make_firmware(base: Base, work: Path, arch: Arch) -> None:
    make_initramfs(base.tree, base.kernel, work / "initrd.img")
    fill_firmware(base, work / "initrd.img", work / "firm", arch=arch)
    pack_firmware(work / "firm", work / FIRM, epoch_s=EPOCH_S)
    shutil.copyfile(work / "firm" / "vmlinuz", work / "vmlinuz")  # for a virtual machine
    shutil.rmtree(work / "firm")


def _described(path: Path) -> dict[str, str | int]:
    return {"size": path.stat().st_size, "sha256": sha256(path)}


def plan_image(plan: ImagePlan) -> list[str]:
    """Check what can be checked beforehand; return what `make_image` would do."""
    check_new(plan.out, ProvisionError, hint="name a new folder for the image")
    packages = package_list(plan.arch)
    archive = find_archive(codename=host_codename())
    check_runs(plan.arch)
    what = f"Debian {packages.suite} {plan.arch}, from this computer's mirror"
    lines = [
        f"{what}: {len(packages.installed)} packages and what they need",
        f"security updates: {'yes' if archive.security else 'NO'}",
        f"built before: {'yes' if _is_cached(plan, packages) else 'no'}",
    ]
    if plan.wheelhouse is None:
        lines.append("no wheelhouse: only what BrainFlow's own wheel has")
    else:
        found = [name for name, _ in read_wheelhouse(plan.wheelhouse, arch=plan.arch)]
        lines.append(f"wheelhouse: {', '.join(found)}")
    return [*lines, f"would write {plan.out}"]


def _is_cached(plan: ImagePlan, packages: PackageList) -> bool:
    return base_home(packages, plan.cache).exists()


def _label(about: dict[str, object], library: EegLibrary) -> str:
    """Return what is written on the image's label, for people."""
    text = f"Fieldrec {about['fieldrec']}, {about['arch']}, kernel {about['kernel']}"
    if library.complete:
        return text
    return f"{text}. NO EEG LIBRARY: it records no real headset; see docs/wheelhouse.md"


def sha256(path: Path) -> str:
    """Return the SHA-256 of the file ``path`` in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _parent(path: Path) -> Path:
    parent = path.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    return parent


def _check_size(path: Path) -> None:
    size = path.stat().st_size
    if size > SLOT_BYTES:
        raise ProvisionError(
            f"the system takes {size / 1e6:.0f} MB, a slot holds {SLOT_BYTES / 1e6:.0f} MB",
            hint="take packages out of provisioning/image/packages.toml",
        )


def _tree_bytes(tree: Path) -> int:
    return sum(
        path.lstat().st_size
        for path in tree.rglob("*")
        if path.is_file() and not path.is_symlink()
    )
