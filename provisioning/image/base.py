"""The base: a tree of Debian packages, made once per list of packages and kept.

mmdebstrap makes it without loop devices or mounts of ours. A tree appears under its name
only when it is whole, so that an interrupted build is begun anew, never used.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.image.apt import find_archive, host_codename
from provisioning.image.emulation import check_runs
from provisioning.programs import run_program
from recorder.errors import ProvisionError, SetupError
from recorder.files import locked

if TYPE_CHECKING:
    from provisioning.image.packages import PackageList
    from provisioning.steps import Steps

# What no therapist's box reads; and kernel modules of machines that are none of ours.
_EXCLUDED = (
    "/usr/share/{man,doc,doc-base,info,lintian,bug}/*",
    "/usr/share/locale/*",
    "/usr/share/i18n/*",
    "/usr/lib/*/perl/*/unicore/*",
)
_MODULES_OF_OTHERS = (
    "drivers/gpu/drm/amd",
    "drivers/gpu/drm/nouveau",
    "drivers/gpu/drm/radeon",
    "drivers/gpu/drm/i915",
    "drivers/gpu/drm/xe",
    "drivers/gpu/drm/msm",
    "drivers/infiniband",
    "drivers/isdn",
    "drivers/media",
    "drivers/net/ethernet/mellanox",
    "drivers/net/ethernet/intel",
    "drivers/net/ethernet/chelsio",
    "drivers/net/ethernet/qlogic",
    "drivers/net/ethernet/broadcom/bnx2x",
    "drivers/net/wireless/ath",
    "drivers/net/wireless/intel",
    "drivers/net/wireless/realtek",
    "drivers/net/wireless/mediatek",
    "drivers/scsi",
    "drivers/iio",
    "fs/ceph",
    "fs/btrfs",
    "fs/xfs",
    "fs/ocfs2",
    "fs/gfs2",
    "fs/nfs",
    "fs/nfsd",
    "fs/smb",
)
# Compiling udev's hardware database takes half a minute of emulation; done on the host.
_NO_HWDB = (
    'mkdir -p "$1/usr/local/sbin" && for name in systemd-hwdb; do'
    ' printf "#!/bin/sh\\nexit 0\\n" >"$1/usr/local/sbin/$name";'
    ' chmod 755 "$1/usr/local/sbin/$name"; done'
)


@dataclass(frozen=True, slots=True)
class Base:
    """A finished base: its tree, and the folder of the lists of what is in it."""

    tree: Path
    notes: Path
    kernel: str


def make_base(
    packages: PackageList, *, cache: Path, steps: Steps, fresh: bool = False
) -> Base:
    """Return the base of ``packages``, from ``cache`` where it is there already."""
    home = base_home(packages, cache)
    shelf = home.parent
    shelf.mkdir(parents=True, exist_ok=True)
    with locked(shelf):
        for left in shelf.glob(".base-*"):  # by a build that was cut off
            remove_tree(left)
        if fresh and home.exists():
            remove_tree(home)
        if home.exists():
            steps.note(f"base {home.name} is in the cache")
        else:
            _build(packages, home, steps)
    return Base(home / "tree", home / "notes", _kernel_of(home / "tree"))


def base_home(packages: PackageList, cache: Path) -> Path:
    """Return where ``cache`` keeps the base of ``packages``."""
    return cache / f"{packages.suite}-{packages.arch}" / f"base-{packages.digest()}"


def _build(packages: PackageList, home: Path, steps: Steps) -> None:
    if os.geteuid() != 0:
        raise SetupError("a system tree needs file owners", hint="run it as root")
    check_runs(packages.arch)
    work = Path(tempfile.mkdtemp(prefix=f".{home.name}-", dir=home.parent))
    try:
        work.chmod(0o755)
        (work / "notes").mkdir()
        with steps.step(f"Debian {packages.suite} {packages.arch}: packages"):
            _bootstrap(packages, work)
        with steps.step("kernel modules, hardware database"):
            _finish(work / "tree", packages)
        work.rename(home)
    except BaseException:
        remove_tree(work)
        raise


def _bootstrap(packages: PackageList, work: Path) -> None:
    archive = find_archive(codename=host_codename())
    sources = work / "sources.list"
    sources.write_text(archive.sources(packages.suite), "utf-8")
    hook = resources.files("provisioning.image").joinpath("base-hook.sh")
    excluded = [
        f"--dpkgopt=path-exclude={pattern}"
        for path in _EXCLUDED
        for pattern in _braces(path)
    ]
    run_program(
        # In namespaces of its own: whatever ends this program ends all of it, and no
        # mount of /proc or /sys is left in the tree for somebody to delete through.
        *("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"),
        *("mmdebstrap", "--mode=root", "--variant=essential", "--format=directory"),
        f"--architectures={packages.arch}",
        f"--include={','.join(packages.installed)}",
        '--aptopt=APT::Install-Recommends "false"',
        '--aptopt=Acquire::Languages "none"',
        *excluded,
        f"--essential-hook={_NO_HWDB}",
        f'--customize-hook={hook} "$1"',
        packages.suite,
        work / "tree",
        sources,
        package="mmdebstrap",
        log=work / "notes" / "build.log",
        extra={
            "FIELDREC_UNPACK": " ".join(packages.unpacked),
            "FIELDREC_NOTES": str(work / "notes"),
            "DEBIAN_FRONTEND": "noninteractive",
        },
    )
    sources.unlink()


def remove_tree(folder: Path) -> None:
    """Remove ``folder``; ProvisionError where something is mounted inside it."""
    mounts = Path("/proc/self/mountinfo").read_text("utf-8").splitlines()
    below = [line.split()[4] for line in mounts if f" {folder.absolute()}/" in line]
    if below:
        raise ProvisionError(
            f"{below[0]} is mounted inside {folder}, which was to be removed",
            hint=f"umount {' '.join(below)}",
        )
    shutil.rmtree(folder)


def _finish(tree: Path, packages: PackageList) -> None:
    (tree / "usr/local/sbin/systemd-hwdb").unlink(missing_ok=True)
    kernel = _kernel_of(tree)
    modules = tree / "usr/lib/modules" / kernel / "kernel"
    for name in _MODULES_OF_OTHERS if packages.arch == "arm64" else ():
        shutil.rmtree(modules / name, ignore_errors=True)
    run_program("depmod", "-b", tree / "usr", kernel, package="kmod")
    run_program("systemd-hwdb", "--usr", f"--root={tree}", "update", package="udev")


def _kernel_of(tree: Path) -> str:
    names = sorted(path.name for path in (tree / "usr/lib/modules").iterdir())
    return names[-1]


def _braces(pattern: str) -> list[str]:
    head, brace, rest = pattern.partition("{")
    if not brace:
        return [pattern]
    inner, _, tail = rest.partition("}")
    return [f"{head}{word}{tail}" for word in inner.split(",")]
