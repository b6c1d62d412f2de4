"""Only libraries that the box can load get into its image, and it says which it has."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from provisioning.image.elf import read_library
from provisioning.image.wheelhouse import (
    REQUIRED,
    check_library,
    place_brainflow,
    read_wheelhouse,
)
from recorder.errors import ProvisionError

ARM64, AMD64 = 183, 62


def library(machine: int, symbol: str = "", *, glibc: str = "2.17") -> bytes:
    """Make a shared library of nothing but a symbol table."""
    names = b"\0" + symbol.encode() + b"\0" + f"GLIBC_{glibc}".encode() + b"\0"
    symbols = bytes(24) + struct.pack("<IBBHQQ", 1 if symbol else 0, 0x12, 0, 1, 0, 0)
    at = 64
    sections = [
        (0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        (0, 3, 0, 0, at, len(names), 0, 0, 1, 0),
        (0, 11, 0, 0, at + len(names), len(symbols), 1, 0, 8, 24),
    ]
    table = b"".join(struct.pack("<IIQQQQIIQQ", *one) for one in sections)
    head = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH",
        *(3, machine, 1, 0, 0, at + len(names) + len(symbols), 0, 64, 0, 0, 64, 3, 1),
    )
    return head + names + symbols + table


def fill(folder: Path, machine: int = ARM64) -> Path:
    folder.mkdir(exist_ok=True)
    for name, symbol in REQUIRED.items():
        (folder / name).write_bytes(library(machine, symbol))
    return folder


def test_a_real_library_is_read_as_it_is() -> None:
    path = next(Path("/lib").rglob("libz.so.1*"), None) or next(
        Path("/usr/lib").rglob("libz.so.1*")
    )
    found = read_library(path.read_bytes(), name="libz")
    assert "inflate" in found.exported
    assert "libc.so.6" in found.needed
    assert found.glibc >= (2, 2)


def test_the_boxes_libraries_replace_those_of_other_machines(tmp_path: Path) -> None:
    package = tmp_path / "brainflow"
    fill(package.joinpath("lib").parent)
    (package / "lib").mkdir()
    fill(package / "lib", AMD64)
    (package / "lib" / "libOther.so").write_bytes(library(AMD64))
    placed = place_brainflow(package, arch="arm64", wheelhouse=fill(tmp_path / "house"))
    assert placed.complete
    assert set(placed.files) == set(REQUIRED)
    assert {path.name for path in (package / "lib").iterdir()} == set(REQUIRED)


def test_without_a_wheelhouse_the_image_says_that_it_has_none(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    fill(tmp_path / "lib", AMD64)
    placed = place_brainflow(tmp_path, arch="arm64", wheelhouse=None)
    assert not placed.complete
    assert not placed.files


def test_a_wheel_is_taken_too(tmp_path: Path) -> None:
    house = tmp_path / "house"
    house.mkdir()
    with zipfile.ZipFile(house / "brainflow-5-py3-none-linux_aarch64.whl", "w") as wheel:
        for name, symbol in REQUIRED.items():
            wheel.writestr(f"brainflow/lib/{name}", library(ARM64, symbol))
    assert {name for name, _ in read_wheelhouse(house, arch="arm64")} == set(REQUIRED)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (library(AMD64, "prepare_session"), "is for amd64, the box is arm64"),
        (
            library(ARM64, "prepare_session", glibc="2.99"),
            "needs glibc 2.99, the box has 2.41",
        ),
        (library(ARM64, "something_else"), "offers no prepare_session"),
        (b"MZ this is a DLL", "is no shared library"),
        (library(ARM64, "prepare_session")[:70], "broken shared library"),
    ],
)
def test_what_the_box_can_not_use_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(ProvisionError, match=said):
        check_library(content, name="libBoardController.so", arch="arm64")


def test_a_library_cut_off_or_spoilt_anywhere_is_refused() -> None:
    whole = library(ARM64, "prepare_session")
    far = whole[:40] + b"\xff" * 8 + whole[48:]  # where its sections lie: beyond any file
    for content in (*(whole[:size] for size in range(64)), far):
        with pytest.raises(ProvisionError, match="shared library"):
            read_library(content, name="lib.so")


def test_an_incomplete_or_missing_wheelhouse_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match="there is no wheelhouse"):
        list(read_wheelhouse(tmp_path / "none", arch="arm64"))
    with pytest.raises(ProvisionError, match=r"has no libBoardController\.so, libData"):
        list(read_wheelhouse(tmp_path, arch="arm64"))
    (tmp_path / "x.whl").write_bytes(b"no zip")
    with pytest.raises(ProvisionError, match="is no wheel"):
        list(read_wheelhouse(tmp_path, arch="arm64"))
