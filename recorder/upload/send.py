"""Send one session: its files, then its manifest, then the manifest's signature.

Each is written as ``NAME.part`` and renamed when the server has it whole and durable. A
file goes on where the server says it ends; only sizes are compared, for whether the bytes
are right is what the lab finds out and says in its receipt.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recorder.errors import ServerDiskError, StoreError, UploadError
from recorder.store.disk import open_plain
from recorder.store.layout import MANIFEST_FILE, SIGNATURE_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from recorder.store.receipts import Signed
    from recorder.upload.outbox import Outbox
    from recorder.upload.pace import Limit
    from recorder.upload.sftp import Link

_PART = ".part"


@dataclass(frozen=True, slots=True)
class _File:
    """A file to send: where it lies, what it is called there, how the server has it."""

    session: Signed
    path: str
    local: Path
    name: str
    size_bytes: int
    final_bytes: int | None
    part_bytes: int | None


@dataclass(slots=True)
class Sender:
    """Sends sessions over one link after another.

    ``found`` hears how many bytes the server had already, ``told`` how many more it has
    now; both may raise to stop sending.
    """

    outbox: Outbox
    limit: Limit
    found: Callable[[int], None]
    told: Callable[[int], None]

    def send(self, link: Link, session: Signed, requests: int, wall_s: int) -> None:
        """Send what the server has not confirmed; the rest after an interruption.

        Raises UploadError; StoreError, after everything else was sent, where a file
        on the box can't be read or is not what was signed.
        """
        broken: list[str] = []
        for file in self._files(link, session, sorted(session.manifest.files)):
            try:
                self._send_file(link, file, requests)
            except (OSError, StoreError) as error:
                broken.append(f"{file.path}: {_reason(error)}")
            else:
                self.outbox.confirm(session, file.path)
        if broken:
            raise StoreError(
                f"session {session.manifest.session} can't be sent whole: {broken[0]}",
                hint="its other files are at the server; have the box's disk looked at",
            )
        self._send_manifest(link, session, requests)
        self.outbox.mark_sent(session, wall_s)

    def ask_again(self, link: Link, session: Signed) -> None:
        """Offer a session again that nobody answered; costs little if it arrived.

        Where the server still has its manifest, every file is compared once more. Where
        it took the session away, the manifest alone asks the lab what it lacks.
        """
        state = self.outbox.state(session)
        name = flat_name(session.manifest.session, MANIFEST_FILE)
        left_lying = link.sizes_bytes([name]) != [None]
        paths = frozenset(session.manifest.files if left_lying else ())
        self.outbox.send_again(session, paths, state.lab_sequence)

    def _send_manifest(self, link: Link, session: Signed, requests: int) -> None:
        if MANIFEST_FILE in self.outbox.state(session).confirmed:
            name = flat_name(session.manifest.session, MANIFEST_FILE)
            if link.sizes_bytes([name]) == [None]:
                # The server takes a session away once its signature is there: it was
                # sent, and only the answer was lost.
                return
        for file in self._files(link, session, [MANIFEST_FILE, SIGNATURE_FILE]):
            if file.final_bytes == file.size_bytes:
                # The server takes only what it can read: of one that broke there, the
                # size tells nothing, and no receipt can ask for it again.
                self._write(link, file, file.name, 0, requests)
            else:
                self._send_file(link, file, requests)
            self.outbox.confirm(session, file.path)

    def _files(self, link: Link, session: Signed, paths: list[str]) -> Iterator[_File]:
        confirmed = self.outbox.state(session).confirmed
        paths = [path for path in paths if path not in confirmed]
        names = [flat_name(session.manifest.session, path) for path in paths]
        sizes = link.sizes_bytes([*names, *(name + _PART for name in names)])
        for number, (path, name) in enumerate(zip(paths, names, strict=True)):
            local = session.folder / path
            entry = session.manifest.files.get(path)
            yield _File(
                session=session,
                path=path,
                local=local,
                name=name,
                size_bytes=_plain_size_bytes(local) if entry is None else entry.size,
                final_bytes=sizes[number],
                part_bytes=sizes[number + len(names)],
            )

    def _send_file(self, link: Link, file: _File, requests: int) -> None:
        if file.final_bytes == file.size_bytes:
            self.found(file.size_bytes)
            return
        if file.final_bytes is not None:
            # Nobody but a damaged server or a thief of our key leaves it like this.
            self._write(link, file, file.name, file.final_bytes, requests)
            return
        part = file.name + _PART
        self._write(link, file, part, file.part_bytes or 0, requests)
        link.rename(part, file.name)

    def _open(self, file: _File) -> BinaryIO:
        """Open what lies inside the session's folder, and nothing a link leads to."""
        folder = file.local.parent
        while folder != file.session.folder.parent:
            if folder.is_symlink():
                raise StoreError(f"{folder.name} is a link; a box never makes one")
            folder = folder.parent
        return open_plain(file.local)

    def _write(self, link: Link, file: _File, name: str, there: int, requests: int) -> None:
        too_long = there > file.size_bytes
        sound = self.outbox.state(file.session).sound_bytes.get(file.path, there)
        start = 0 if too_long else min(there, sound)
        reached = start

        def confirmed(offset: int) -> None:
            nonlocal reached
            gained, reached = offset - reached, offset
            self.told(gained)

        with self._open(file) as content:
            length = content.seek(0, os.SEEK_END)
            if length != file.size_bytes:
                raise StoreError(f"{length} bytes, signed were {file.size_bytes}")
            content.seek(start)
            self.found(start)
            try:
                link.write(
                    name,
                    self.limit.paced(content.read),
                    start=start,
                    requests=requests,
                    confirmed=confirmed,
                    truncate=too_long,
                )
            except ServerDiskError:
                self.outbox.distrust(file.session, file.path, reached)
                raise
        (size_bytes,) = link.sizes_bytes([name])
        if size_bytes != file.size_bytes:
            self.outbox.distrust(file.session, file.path, 0)
            raise UploadError(
                f"the server has {size_bytes} bytes of {file.path}, sent were"
                f" {file.size_bytes}"
            )


def _plain_size_bytes(local: Path) -> int:
    with open_plain(local) as content:
        return content.seek(0, os.SEEK_END)


def flat_name(session: str, path: str) -> str:
    """Return the name under which ``path`` of ``session`` lies on the server."""
    return f"up/{session}~{path.replace('/', '~')}"


def _reason(error: OSError | StoreError) -> str:
    if isinstance(error, StoreError):
        return error.message
    return error.strerror or type(error).__name__
