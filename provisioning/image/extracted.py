"""Debian packages taken apart, not installed: headers, and a Python to compile with."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

from provisioning.image.apt import find_archive, host_codename
from provisioning.image.packages import host_arch
from provisioning.programs import run_program

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.image.base import Base
    from provisioning.image.packages import Arch, PackageList

_PYTHON = ("python3.13-minimal", "libpython3.13-stdlib")


def extract(names: tuple[str, ...], *, arch: Arch, suite: str, cache: Path) -> Path:
    """Return a tree of the files of ``names`` and what they depend on, from ``cache``."""
    digest = hashlib.sha256(" ".join(names).encode()).hexdigest()[:12]
    home = cache / f"{suite}-{arch}" / f"extracted-{digest}"
    if home.exists():
        return home
    home.parent.mkdir(parents=True, exist_ok=True)
    work = home.with_name(f".{home.name}")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    sources = work / "sources.list"
    sources.write_text(find_archive(codename=host_codename()).sources(suite), "utf-8")
    run_program(
        *("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"),
        *("mmdebstrap", "--mode=root", "--variant=extract", "--format=directory"),
        *(f"--architectures={arch}", f"--include={','.join(names)}"),
        '--aptopt=APT::Install-Recommends "false"',
        *(suite, work / "tree", sources),
        package="mmdebstrap",
        log=work / "build.log",
    )
    for name in ("bin", "sbin", "lib", "lib64"):  # as base-files would have made them
        if not (work / "tree" / name).exists() and (work / "tree/usr" / name).is_dir():
            (work / "tree" / name).symlink_to(f"usr/{name}")
    (work / "tree" / "tmp").mkdir(exist_ok=True)
    (work / "tree").rename(home)
    shutil.rmtree(work)
    return home


def native_python(packages: PackageList, base: Base, *, cache: Path) -> Path:
    """Return a tree whose Python runs here and makes the box's bytecode."""
    here = host_arch()
    if here is None or here == packages.arch:
        return base.tree
    return extract(_PYTHON, arch=here, suite=packages.suite, cache=cache)
