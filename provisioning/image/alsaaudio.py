"""pyalsaaudio for the box: no wheel of it exists, and Debian's ignores overruns on capture.

One C file, compiled by this computer's compiler for the box, against the headers of the
box's own Debian release.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tarfile
from typing import TYPE_CHECKING

from provisioning.image.extracted import extract
from provisioning.image.packages import host_arch
from provisioning.programs import run_program
from recorder.errors import ProvisionError

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.image.base import Base
    from provisioning.image.packages import PackageList

_HEADERS = ("libpython3.13-dev", "libasound2-dev")
_TRIPLETS = {"arm64": "aarch64-linux-gnu", "amd64": "x86_64-linux-gnu"}
_NAME = re.compile(r"^pyalsaaudio==([0-9.]+)", re.MULTILINE)
_BLOCK = re.compile(r"^pyalsaaudio==(?:.*\\\n)+.*", re.MULTILINE)


def build_alsaaudio(
    packages: PackageList, base: Base, *, lock: Path, cache: Path, site: Path
) -> None:
    """Put the module into ``site``, from ``cache`` where it was built before."""
    text = lock.read_text("utf-8")
    version, block = _NAME.search(text), _BLOCK.search(text)
    if version is None or block is None:
        raise ProvisionError(f"{lock} does not name pyalsaaudio", hint="run scripts/lock")
    triplet = _TRIPLETS[packages.arch]
    name = f"alsaaudio.cpython-313-{triplet}.so"
    shelf = cache / f"{packages.suite}-{packages.arch}"
    digest = hashlib.sha256(f"{block[0]}{packages.digest()}".encode()).hexdigest()[:12]
    built = shelf / f"pyalsaaudio-{digest}" / name
    if not built.exists():
        source = _source(block[0], shelf)
        headers = extract(_HEADERS, arch=packages.arch, suite=packages.suite, cache=cache)
        built.parent.mkdir(parents=True, exist_ok=True)
        _compile(packages, base, source, headers, built)
    (site / name).write_bytes(built.read_bytes())
    facts = site / f"pyalsaaudio-{version[1]}.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: pyalsaaudio\nVersion: {version[1]}\n", "ascii"
    )


def _source(block: str, shelf: Path) -> bytes:
    folder = shelf / "pyalsaaudio-source"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{block}\n", "ascii")
    run_program(
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
        *("--require-hashes", "--no-binary=:all:", "--no-build-isolation"),
        *("--dest", folder, "-r", wanted),
        package="python3-venv",
    )
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            file = tar.extractfile(member)
            if member.name.endswith("/alsaaudio.c") and file is not None:
                return file.read()
    raise ProvisionError(f"{archive} holds no alsaaudio.c", hint="report this")


def _compile(
    packages: PackageList, base: Base, source: bytes, headers: Path, built: Path
) -> None:
    triplet = _TRIPLETS[packages.arch]
    is_native = host_arch() == packages.arch
    compiler = "gcc" if is_native else f"{triplet}-gcc"
    file = built.with_name("alsaaudio.c")
    file.write_bytes(source)
    include = headers / "usr/include"
    working = built.with_suffix(".new")
    run_program(
        *(compiler, "-shared", "-fPIC", "-O2", "-fno-strict-aliasing", "-w"),
        *("-I", include / "python3.13", "-I", include / triplet / "python3.13"),
        *("-idirafter", include / triplet, "-idirafter", include),
        *(file, base.tree / "usr/lib" / triplet / "libasound.so.2", "-o", working),
        package="gcc" if is_native else f"gcc-{triplet} libc6-dev-arm64-cross",
    )
    working.rename(built)
