"""Flash: partition table, both file systems of the image, the box's own; then read back.

The partition table comes last: a card that was cut off half-way is none, and a box that
gets it starts nothing rather than half of something.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from provisioning.flash.datafs import check_no_links, make_data, stage_data, verify_data
from provisioning.image.build import FIRM, MANIFEST, ROOT, sha256
from provisioning.image.layout import SECTOR_BYTES, plan_layout
from provisioning.registry import read_utc
from provisioning.renew import check_box_certificate
from provisioning.slots import OFFSETS_BYTES, SlotRecord
from recorder.box import Box
from recorder.errors import ProvisionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.flash.target import Target
    from provisioning.image.layout import Layout
    from provisioning.steps import Steps

_CHUNK_BYTES = 4 << 20


class ImageFile(msgspec.Struct, frozen=True):
    """One file of an image, as its manifest has it."""

    size: int
    sha256: str


class Image(msgspec.Struct, frozen=True):
    """What flash needs to know of an image."""

    version: int
    fieldrec: str
    arch: str
    kernel: str
    files: dict[str, ImageFile]


@dataclass(frozen=True, slots=True)
class Flashed:
    """What was written."""

    device: str
    bytes_written: int
    layout: Layout


def load_image(folder: Path, *, check: bool = True) -> Image:
    """Return the manifest of the image in ``folder``; ProvisionError where it is spoilt."""
    try:
        image = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Image)
    except (OSError, msgspec.MsgspecError) as error:
        raise ProvisionError(
            f"{folder} is no image: {MANIFEST} can't be read",
            hint="make one with: fieldrec-provision image OUT",
        ) from error
    for name in (ROOT, FIRM):
        expected = image.files.get(name)
        path = folder / name
        if expected is None or not path.is_file() or path.stat().st_size != expected.size:
            raise ProvisionError(
                f"image {folder}: {name} is missing or cut off",
                hint="copy or build the image again",
            )
        if check and sha256(path) != expected.sha256:
            raise ProvisionError(
                f"image {folder}: {name} is not what its list says",
                hint="copy or build the image again",
            )
    return image


def flash(folder: Path, box_folder: Path, target: Target, *, steps: Steps) -> Flashed:
    """Write the image and the box folder to ``target``; verify all of it."""
    box = _load_box(box_folder)
    layout = plan_layout(target.size_bytes)
    with steps.step("checking the image"):
        load_image(folder)
    if target.is_file:
        with target.path.open("xb") as file:
            os.fchmod(file.fileno(), 0o600)
    try:
        if target.is_file:
            os.truncate(target.path, target.size_bytes)
        return _write_all(folder, box, target, layout=layout, steps=steps)
    except BaseException:
        if target.is_file:
            target.path.unlink(missing_ok=True)
        raise


def check_flash(folder: Path, box_folder: Path, target: Target) -> str:
    """Check what can be checked without writing; return the box's id."""
    box = _load_box(box_folder)
    plan_layout(target.size_bytes)
    load_image(folder)
    return box.device


def _load_box(folder: Path) -> Box:
    """Return the box that goes onto the card; one that could never send is refused."""
    box = Box.load(folder)
    check_no_links(folder)
    check_box_certificate(box.certificate_path, now=read_utc())
    return box


def _write_all(
    folder: Path, box: Box, target: Target, *, layout: Layout, steps: Steps
) -> Flashed:
    written = 0
    with tempfile.TemporaryDirectory() as work:
        staged = Path(work) / "data"
        staged.mkdir(mode=0o700)
        _put(target.path, 0, bytes(SECTOR_BYTES))
        pieces = ((FIRM, layout.firm), (ROOT, layout.root_a))
        for name, partition in pieces:
            with steps.step(f"writing {name}"):
                written += _copy(folder / name, target.path, partition.start_bytes)
        with steps.step(f"writing the identity of {box.device}"):
            stage_data(box.root, staged)
            make_data(target.path, layout.data, staged)
        records = [
            (offset, SlotRecord(sequence=number).encode())
            for number, offset in enumerate(OFFSETS_BYTES, start=1)
        ]
        for offset, content in records:
            _put(target.path, offset, content)
        with steps.step("reading back"):
            _drop_cache(target.path)
            for name, partition in pieces:
                _compare(folder / name, target.path, partition.start_bytes)
            for offset, content in records:
                _expect(target.path, offset, content, name="slot record")
            verify_data(target.path, layout.data, staged, Path(work))
        _put(target.path, 0, layout.table())
        _drop_cache(target.path)
        _expect(target.path, 0, layout.table(), name="partition table")
    return Flashed(box.device, written, layout)


@contextmanager
def _opened(target: Path, flags: int) -> Iterator[int]:
    """Open the card; ProvisionError that names it where it does not do what is asked."""
    try:
        descriptor = os.open(target, flags | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ProvisionError(
            f"{target}: {error.strerror}",
            hint="it was taken out, is full or bad: put it in again, or use another one",
        ) from error


def _copy(source: Path, target: Path, at: int) -> int:
    with _opened(target, os.O_WRONLY) as descriptor, source.open("rb") as file:
        position = at
        while chunk := file.read(_CHUNK_BYTES):
            os.pwrite(descriptor, chunk, position)
            position += len(chunk)
        os.fsync(descriptor)
    return position - at


def _put(target: Path, at: int, content: bytes) -> None:
    with _opened(target, os.O_WRONLY) as descriptor:
        os.pwrite(descriptor, content, at)
        os.fsync(descriptor)


def _drop_cache(target: Path) -> None:
    """Have the kernel forget what it holds, so that reading back asks the card."""
    with _opened(target, os.O_RDONLY) as descriptor:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _compare(source: Path, target: Path, at: int) -> None:
    """Raise ProvisionError where the card does not hold ``source`` at ``at``."""
    expected, found = hashlib.sha256(), hashlib.sha256()
    with _opened(target, os.O_RDONLY) as descriptor, source.open("rb") as file:
        position = at
        while chunk := file.read(_CHUNK_BYTES):
            expected.update(chunk)
            found.update(os.pread(descriptor, len(chunk), position))
            position += len(chunk)
    if expected.digest() != found.digest():
        raise _bad_card(source.name)


def _expect(target: Path, at: int, content: bytes, *, name: str) -> None:
    with _opened(target, os.O_RDONLY) as descriptor:
        found = os.pread(descriptor, len(content), at)
    if found != content:
        raise _bad_card(name)


def _bad_card(name: str) -> ProvisionError:
    return ProvisionError(
        f"{name} was read back from the card otherwise than written",
        hint="the card is bad: use another one",
    )
