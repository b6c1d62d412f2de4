"""One sealed file for one recipient: a folder as a tar archive, sealed while it is read.

Nothing readable is written. The archive is the same for the same content: names sorted,
no owner, no time.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from typing import TYPE_CHECKING, Final

from recorder.files import sync_folder
from recorder.format.age import seal_chunks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from recorder.format.age import Recipient

_BLOCK: Final = 512
_READ_BYTES: Final = 1 << 20
_PRIVATE: Final = 0o600


def seal_folder(folder: Path, recipient: Recipient, target: Path) -> str:
    """Seal ``folder`` for ``recipient`` into the new file ``target``; return its digest."""
    digest = hashlib.sha256()
    unfinished = target.with_name(f".{target.name}.part")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for piece in seal_chunks(tar_pieces(folder), [recipient]):
                digest.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(descriptor)
        unfinished.rename(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)
    return digest.hexdigest()


def tar_pieces(folder: Path) -> Iterator[bytes]:
    """Yield a tar archive of ``folder``, whose own name leads every path in it."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            info = tarfile.TarInfo(f"{folder.name}/{path.relative_to(folder).as_posix()}")
            info.size = path.stat().st_size
            info.mode = 0o644
            yield info.tobuf(tarfile.PAX_FORMAT)
            yield from _pieces(path)
            yield bytes(-info.size % _BLOCK)
    # POSIX.1-2017, pax: two blocks of zeros end an archive.
    yield bytes(2 * _BLOCK)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=io.DEFAULT_BUFFER_SIZE) as file:
        while piece := file.read(_READ_BYTES):
            yield piece
