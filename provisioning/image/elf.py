"""What a shared library is for: machine, the glibc it needs, what it offers and wants."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from recorder.errors import ProvisionError

MACHINES = {62: "amd64", 183: "arm64", 40: "armhf", 3: "i386"}
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_DYNAMIC = struct.Struct("<qQ")
_DYNAMIC_KIND, _DYNSYM_KIND = 6, 11
_NEEDED_TAG = 1
_CLASS_64_LITTLE = bytes((2, 1))
_BUILD = "build BrainFlow for the box: docs/wheelhouse.md"
_GLIBC = re.compile(rb"GLIBC_(\d+)\.(\d+)(?:\.\d+)?\0")


@dataclass(frozen=True, slots=True)
class Library:
    """``glibc`` is the newest version it names, (0, 0) for none."""

    machine: str
    glibc: tuple[int, int]
    needed: tuple[str, ...]
    exported: frozenset[str]


def read_library(content: bytes, *, name: str) -> Library:
    """Return what the ELF file ``content`` is; ProvisionError where it is none."""
    if content[:4] != b"\x7fELF":
        raise ProvisionError(f"{name} is no shared library (no ELF file)", hint=_BUILD)
    machine = struct.unpack_from("<H", content, 18)[0] if len(content) > 20 else 0  # noqa: PLR2004 - e_machine
    known = MACHINES.get(machine, f"machine {machine}")
    if len(content) >= _HEADER.size and content[4:6] != _CLASS_64_LITTLE:
        return Library(known, (0, 0), (), frozenset())
    try:
        return _read(content, known)
    except (struct.error, IndexError, ValueError, OverflowError) as error:
        raise ProvisionError(f"{name} is a broken shared library", hint=_BUILD) from error


def _read(content: bytes, machine: str) -> Library:
    header = _HEADER.unpack_from(content)
    at, size, count = header[6], header[11], header[12]
    sections = [_SECTION.unpack_from(content, at + size * n) for n in range(count)]
    needed: list[str] = []
    exported: set[str] = set()
    for _, kind, _, _, offset, length, link, _, _, _ in sections:
        table = content[offset : offset + length]
        if kind == _DYNAMIC_KIND:
            at = [value for tag, value in _DYNAMIC.iter_unpack(table) if tag == _NEEDED_TAG]
            needed += [_text(content, sections[link][4] + value) for value in at]
        if kind == _DYNSYM_KIND:
            exported |= _exported(content, table, sections[link][4])
    versions = [(int(one), int(two)) for one, two in _GLIBC.findall(content)]
    return Library(
        machine, max(versions, default=(0, 0)), tuple(needed), frozenset(exported)
    )


def _exported(content: bytes, table: bytes, strings: int) -> set[str]:
    """Return the names of the symbols that are defined here."""
    symbols = _SYMBOL.iter_unpack(table)
    return {_text(content, strings + one[0]) for one in symbols if one[3] and one[0]}


def _text(content: bytes, at: int) -> str:
    return content[at : content.index(b"\0", at)].decode("ascii", "replace")
