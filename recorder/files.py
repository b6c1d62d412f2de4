"""Small files that must never be half-written, and secrets that must stay private.

A file is written beside its name, made durable, then renamed: a reader sees the old
content or the new, also after a power cut. Folders are made the same way, whole or not
at all.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from recorder.errors import FieldrecError, KeyFileError

if TYPE_CHECKING:
    from collections.abc import Iterator

PRIVATE = 0o600
PUBLIC = 0o644
_OTHERS = 0o077
_LENGTH_BYTES = 4


def read_private(path: Path) -> bytes:
    """Return what a private file holds.

    Raises KeyFileError where it is missing or others than its owner may touch it.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            content = file.read()
    except OSError as error:
        raise KeyFileError(f"private file {path}: {error.strerror}") from error
    if mode & _OTHERS:
        raise KeyFileError(
            f"private file {path} has mode {mode:04o}, allowed is 0600",
            hint=f"others may have copied it; if not: chmod 600 {path}",
        )
    return content


def write_atomic(path: Path, content: bytes, *, mode: int) -> None:
    """Replace ``path`` by ``content``, durably and in one step."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        _write_new(temporary, content, mode=mode)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_signed(path: Path, content: bytes, signature: bytes) -> None:
    """Replace ``path`` and ``path``.sig together, as `read_signed` sees them.

    Both are staged in one file first: that is the moment of change, also at a power cut.
    """
    with locked(path.parent):
        staged = len(signature).to_bytes(_LENGTH_BYTES) + signature + content
        write_atomic(_staged(path), staged, mode=PUBLIC)
        _finish_signed(path)


def read_signed(path: Path) -> tuple[bytes, bytes]:
    """Return what ``path`` and its signature hold, after an interrupted `write_signed`.

    Raises OSError, FileNotFoundError where one of them is missing.
    """
    with locked(path.parent):
        _finish_signed(path)
        return path.read_bytes(), _signature_of(path).read_bytes()


def _finish_signed(path: Path) -> None:
    try:
        staged = _staged(path).read_bytes()
    except FileNotFoundError:
        return
    end = _LENGTH_BYTES + int.from_bytes(staged[:_LENGTH_BYTES])
    write_atomic(path, staged[end:], mode=PUBLIC)
    write_atomic(_signature_of(path), staged[_LENGTH_BYTES:end], mode=PUBLIC)
    _staged(path).unlink()
    sync_folder(path.parent)


def _staged(path: Path) -> Path:
    return path.with_name(f".{path.name}.staged")


def _signature_of(path: Path) -> Path:
    return path.with_name(path.name + ".sig")


def create(path: Path, content: bytes, *, mode: int) -> None:
    """Write a new file durably; FileExistsError where there is one already."""
    _write_new(path, content, mode=mode)
    sync_folder(path.parent)


def _write_new(path: Path, content: bytes, *, mode: int) -> None:
    """Write a new file whose content is durable, though not yet its name."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)  # the umask must not decide
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_new(folder: Path, refusal: type[FieldrecError], *, hint: str) -> None:
    """Raise ``refusal`` unless ``folder`` is free: missing or an empty folder."""
    if not folder.is_symlink() and not folder.exists():
        return
    if folder.is_symlink() or not folder.is_dir() or any(folder.iterdir()):
        raise refusal(f"{folder} exists already and is not an empty folder", hint=hint)


@contextmanager
def new_folder(folder: Path, *, mode: int) -> Iterator[Path]:
    """Yield an empty private folder that becomes ``folder`` when the block succeeds.

    When it fails nothing is left. ``folder`` may exist only as an empty folder.
    """
    parent = folder.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.new-", dir=parent))
    try:
        yield temporary
        temporary.chmod(mode)
        _sync_tree(temporary)
        temporary.rename(folder.absolute())
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(parent)


def _sync_tree(root: Path) -> None:
    for folder, _, names in os.walk(root):
        for name in names:
            with (Path(folder) / name).open("rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(folder))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold ``folder`` against other programs that lock it, waiting for its turn."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
