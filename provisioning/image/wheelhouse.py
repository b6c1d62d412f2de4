"""BrainFlow's native library: what its wheel has, or what the technician built for the box.

The wheel on the index has none for arm64. A wheelhouse is a folder with a BrainFlow wheel
for the box's machine, or with the bare libraries; each is checked before it is trusted.
Without one the image is made all the same, and says that it can't read headsets.
"""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioning.image.elf import read_library
from recorder.errors import ProvisionError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BOX_GLIBC = (2, 41)  # Debian trixie
# The libraries that BrainFlow opens by name, and what each must offer.
REQUIRED = {
    "libBoardController.so": "prepare_session",
    "libDataHandler.so": "perform_bandpass",
}
_HOW = "see docs/wheelhouse.md"


@dataclass(frozen=True, slots=True)
class EegLibrary:
    """Whether the image can read real headsets, and the hash of each library in it."""

    complete: bool
    files: dict[str, str]


def place_brainflow(package: Path, *, arch: str, wheelhouse: Path | None) -> EegLibrary:
    """Put the libraries for ``arch`` into the installed ``package``; drop all others.

    Raises ProvisionError where the wheelhouse holds what the box can't use.
    """
    folder = package / "lib"
    if wheelhouse is not None:
        for name, content in read_wheelhouse(wheelhouse, arch=arch):
            (folder / name).write_bytes(content)
    for path in folder.iterdir():
        is_ours = path.suffix == ".so" and _machine(path) == arch
        if path.suffix == ".so" and not is_ours:
            path.unlink()
    files = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob("*.so"))
    }
    return EegLibrary(complete=REQUIRED.keys() <= files.keys(), files=files)


def read_wheelhouse(folder: Path, *, arch: str) -> Iterator[tuple[str, bytes]]:
    """Yield every library of ``folder``, checked: name and content."""
    if not folder.is_dir():
        raise ProvisionError(f"there is no wheelhouse {folder}", hint=_HOW)
    found = dict(_libraries(folder))
    missing = REQUIRED.keys() - found.keys()
    if missing:
        raise ProvisionError(
            f"wheelhouse {folder} has no {', '.join(sorted(missing))}", hint=_HOW
        )
    for name, content in sorted(found.items()):
        check_library(content, name=name, arch=arch)
        yield name, content


def check_library(content: bytes, *, name: str, arch: str) -> None:
    """Raise ProvisionError unless ``content`` is a library that the box can use."""
    library = read_library(content, name=name)
    if library.machine != arch:
        raise ProvisionError(
            f"{name} is for {library.machine}, the box is {arch}", hint=_HOW
        )
    if library.glibc > BOX_GLIBC:
        has, limit = (".".join(map(str, pair)) for pair in (library.glibc, BOX_GLIBC))
        raise ProvisionError(
            f"{name} needs glibc {has}, the box has {limit}",
            hint=f"build it on Debian trixie or older; {_HOW}",
        )
    wanted = REQUIRED.get(name)
    if wanted is not None and wanted not in library.exported:
        raise ProvisionError(f"{name} offers no {wanted}: it is no BrainFlow", hint=_HOW)


def _machine(path: Path) -> str:
    return read_library(path.read_bytes(), name=path.name).machine


def _libraries(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.iterdir()):
        if path.suffix == ".so":
            yield path.name, path.read_bytes()
        elif path.suffix == ".whl":
            try:
                with zipfile.ZipFile(path) as wheel:
                    for name in wheel.namelist():
                        if name.startswith("brainflow/lib/") and name.endswith(".so"):
                            yield name.rpartition("/")[2], wheel.read(name)
            except zipfile.BadZipFile as error:
                raise ProvisionError(f"{path} is no wheel", hint=_HOW) from error
