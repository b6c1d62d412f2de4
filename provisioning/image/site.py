"""Python on the box: packages by hash, our own, compiled to bytecode, nothing of others.

The box's system is read-only: what is not compiled now would be compiled at every start.
The lab's code, which decrypts, is left out.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.image.alsaaudio import build_alsaaudio
from provisioning.image.elf import read_library
from provisioning.image.extracted import native_python
from provisioning.image.wheelhouse import place_brainflow
from provisioning.programs import run_program
from recorder.errors import ProvisionError

if TYPE_CHECKING:
    from provisioning.image.base import Base
    from provisioning.image.packages import PackageList
    from provisioning.image.wheelhouse import EegLibrary
    from provisioning.steps import Steps

PYTHON = "3.13"
SITE = "usr/lib/fieldrec/site"
_PTH = "usr/lib/python3/dist-packages/fieldrec.pth"
OUR_PACKAGES = ("recorder", "tui", "provisioning")
_COMMANDS = {
    "fieldrec": "recorder.cli",
    "fieldrec-tui": "tui.cli",
    "fieldrec-provision": "provisioning.cli",
}
_BUILT_HERE = "pyalsaaudio"  # has no wheels
_NEWEST_GLIBC, _OLDEST_GLIBC = 41, 17
_MACHINES = {"arm64": "aarch64", "amd64": "x86_64"}
# What wheels bring for machines and purposes that are none of the box's.
_DROPPED = re.compile(r"\.(dll|dylib|pyd|a|lib)$")
_DROPPED_FOLDERS = ("bin", "numpy/_core/tests", "numpy/f2py", "share")
COMPILING = ".compiling-"
# The tree is the base's own: nothing of a compiler that was killed may stay in it.
_COMPILE = (
    'mount -t tmpfs none "$1/tmp" && mount -t tmpfs none "$1/dev/shm" && '
    'exec chroot "$1" "$2" -m compileall -q -j 2 -s "$3" -p "$4"'
    ' --invalidation-mode unchecked-hash "$3"'
)
_COMMAND = """\
#!/usr/bin/python3 -sP
import sys

from {module} import main

sys.exit(main())
"""


@dataclass(frozen=True, slots=True)
class Source:
    """The project's folder, from which an image is made."""

    root: Path

    def lock(self, arch: str) -> Path:
        """Return the file of exact versions and hashes for ``arch``."""
        return self.root / "requirements" / f"box-{_MACHINES[arch]}.txt"


def find_source() -> Source:
    """Return the project this program runs from; ProvisionError where it is no project."""
    root = Path(__file__).resolve().parents[2]
    if not (root / "requirements").is_dir() or not (root / "pyproject.toml").is_file():
        raise ProvisionError(
            f"{root} is not the project's folder: images are made from its sources",
            hint="run fieldrec-provision from a checkout, after scripts/setup",
        )
    return Source(root)


def make_site(
    packages: PackageList, base: Base, *, cache: Path, wheelhouse: Path | None, steps: Steps
) -> tuple[Path, EegLibrary]:
    """Return a finished site folder, from ``cache`` but for our own code."""
    source = find_source()
    lock = source.lock(packages.arch)
    shelf = cache / f"{packages.suite}-{packages.arch}"
    wheels = shelf / f"wheels-{_digest(lock)}"
    if not wheels.exists():
        with steps.step("Python packages, by hash"):
            _install(packages, lock, wheels)
    site = shelf / "site"
    shutil.rmtree(site, ignore_errors=True)
    with steps.step("Python: putting together"):
        shutil.copytree(wheels, site, symlinks=True)
        build_alsaaudio(packages, base, lock=lock, cache=cache, site=site)
        library = place_brainflow(
            site / "brainflow", arch=packages.arch, wheelhouse=wheelhouse
        )
        _copy_ours(source, site)
        _check_libraries(site, packages.arch)
    with steps.step("Python: compiling to bytecode"):
        _compile(packages, base, cache, site)
    return site, library


def place_site(site: Path, tree: Path) -> None:
    """Copy ``site`` into the system ``tree``, with the commands that start from it."""
    shutil.copytree(site, tree / SITE, symlinks=True)
    (tree / _PTH).write_text(f"/{SITE}\n", "ascii")
    for name, module in _COMMANDS.items():
        path = tree / "usr/bin" / name
        path.write_text(_COMMAND.format(module=module), "ascii")
        path.chmod(0o755)


def locked_blocks(text: str) -> dict[str, str]:
    """Return the lines of each package of a lock file, by its name."""
    blocks: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        found = re.match(r"([A-Za-z0-9._-]+)==", line)
        name = found[1] if found else name
        if name and not line.startswith("#"):
            blocks[name] = f"{blocks.get(name, '')}{line}\n"
    return blocks


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _install(packages: PackageList, lock: Path, out: Path) -> None:
    blocks = locked_blocks(lock.read_text("utf-8"))
    work = out.with_name(f".{out.name}")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    wanted = work / "wanted.txt"
    wanted.write_text("".join(text for n, text in blocks.items() if n != _BUILT_HERE))
    machine = _MACHINES[packages.arch]
    platforms = [
        f"--platform=manylinux_2_{minor}_{machine}"
        for minor in range(_NEWEST_GLIBC, _OLDEST_GLIBC - 1, -1)
    ]
    run_program(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"),
        *("--require-hashes", "--only-binary=:all:", "--no-compile"),
        *("--implementation=cp", f"--python-version={PYTHON}"),
        *(f"--abi=cp{PYTHON.replace('.', '')}", "--abi=abi3", "--abi=none"),
        *platforms,
        f"--platform=manylinux2014_{machine}",
        *("--target", work / "site", "-r", wanted),
        package="python3-venv",
        log=work / "pip.log",
    )
    _thin_out(work / "site")
    (work / "site").rename(out)
    shutil.rmtree(work)


def _thin_out(site: Path) -> None:
    for name in _DROPPED_FOLDERS:
        shutil.rmtree(site / name, ignore_errors=True)
    for path in list(site.rglob("*")):
        if path.is_dir() and path.name in ("tests", "test", "__pycache__"):
            shutil.rmtree(path)
        elif path.is_file() and _DROPPED.search(path.name):
            path.unlink()


def _copy_ours(source: Source, site: Path) -> None:
    for name in OUR_PACKAGES:
        shutil.copytree(
            source.root / name,
            site / name,
            ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "files"),
        )


def _check_libraries(site: Path, arch: str) -> None:
    for path in site.rglob("*.so*"):
        machine = read_library(path.read_bytes(), name=path.name).machine
        if machine != arch:
            raise ProvisionError(
                f"{path.relative_to(site)} is for {machine}, the image is for {arch}",
                hint="remove it from the wheelhouse, or report this",
            )


def _compile(packages: PackageList, base: Base, cache: Path, site: Path) -> None:
    # Bytecode does not depend on the machine: this computer's own runs many times faster
    # than an emulated one.
    python_tree = native_python(packages, base, cache=cache)
    for left in python_tree.glob(f"{COMPILING}*"):  # by a build that was cut off
        shutil.rmtree(left, ignore_errors=True)
    inside = Path(tempfile.mkdtemp(prefix=COMPILING, dir=python_tree))
    shutil.copytree(site, inside, symlinks=True, dirs_exist_ok=True)
    try:
        run_program(
            *("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c"),
            *(_COMPILE, "sh", python_tree, f"/usr/bin/python{PYTHON}"),
            *(f"/{inside.name}", f"/{SITE}"),
            package="util-linux",
        )
        shutil.rmtree(site)
        shutil.copytree(inside, site, symlinks=True)
    finally:
        shutil.rmtree(inside, ignore_errors=True)


def versions(site: Path) -> dict[str, str]:
    """Return the version of every Python package in ``site``."""
    found = {}
    for folder in site.glob("*.dist-info"):
        name, _, version = folder.name.removesuffix(".dist-info").rpartition("-")
        found[name] = version
    return dict(sorted(found.items()))
