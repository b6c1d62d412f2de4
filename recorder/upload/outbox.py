"""What is to be sent, and what the server has confirmed so far.

Both come from the store's folders alone. ``upload.json`` beside a session remembers which
of its files are on the server under their final names, since there they vanish once the
session is whole. Losing it costs bytes, never data: the server is asked again, and the
lab judges what arrived.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from recorder.store.delete import is_emptied
from recorder.store.disk import read_all, replace_file
from recorder.store.layout import MANIFEST_FILE, RECEIPT_FILES, SIGNATURE_FILE, UPLOAD_FILE
from recorder.store.receipts import signed_sessions

if TYPE_CHECKING:
    from pathlib import Path

    from recorder.store.disk import Disk
    from recorder.store.receipts import Lab, Signed

_LAST = (MANIFEST_FILE, SIGNATURE_FILE)
_ASK_AGAIN_S = 24 * 3600


class UploadState(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the server confirmed of one session.

    ``sent_s`` is when all of it was there, in seconds since 1970 (0: not yet), and
    ``lab_sequence`` the newest receipt that was obeyed. ``sound_bytes`` says of files that
    the server could not write how much of them is right: after a failed write later ones
    may have succeeded behind a hole, and then the size there says nothing.
    """

    version: Literal[1] = 1
    manifest_sha256: str
    confirmed: frozenset[str] = frozenset()
    sent_s: int = 0
    lab_sequence: int = 0
    sound_bytes: dict[str, int] = {}

    @property
    def sent(self) -> bool:
        """Whether all of the session is on the server."""
        return self.sent_s > 0


def read_state(disk: Disk, session: Signed) -> UploadState:
    """Return what ``upload.json`` says; nothing confirmed where it says nothing sound."""
    empty = UploadState(manifest_sha256=session.sha256)
    try:
        content = read_all(disk, session.folder / UPLOAD_FILE)
        state = msgspec.json.decode(content, type=UploadState)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return empty
    return state if state.manifest_sha256 == session.sha256 else empty


def confirmed_bytes(session: Signed, state: UploadState) -> int:
    """Return how many bytes of the session's files are on the server."""
    files = session.manifest.files
    return sum(entry.size for path, entry in files.items() if path in state.confirmed)


class Outbox:
    """The sessions of a box and their states. Belongs to the holder of sync.lock."""

    def __init__(self, disk: Disk, sessions: Path) -> None:
        self.disk = disk
        self._sessions = sessions
        self._states: dict[str, UploadState] = {}

    def signed(self) -> tuple[list[Signed], list[str]]:
        """Return the signed sessions, oldest first, and the names of unreadable ones."""
        return signed_sessions(self.disk, self._sessions)

    def outgoing(self, lab: Lab) -> list[Signed]:
        """Return what is still to be sent, oldest first."""
        return [each for each in self.signed()[0] if self._is_outgoing(each, lab)]

    def state(self, session: Signed) -> UploadState:
        """Return what is known of a session."""
        known = self._states.get(session.sha256)
        return read_state(self.disk, session) if known is None else known

    def confirm(self, session: Signed, path: str) -> None:
        """Remember that ``path`` is on the server under its final name."""
        state = self.state(session)
        sound = {key: size for key, size in state.sound_bytes.items() if key != path}
        self._save(session, confirmed=state.confirmed | {path}, sound_bytes=sound)

    def distrust(self, session: Signed, path: str, sound_bytes: int) -> None:
        """Remember that of what the server has of ``path`` only so much is right."""
        sound = {**self.state(session).sound_bytes, path: sound_bytes}
        self._save(session, sound_bytes=sound)

    def mark_sent(self, session: Signed, wall_s: int) -> None:
        """Remember that all of the session is on the server."""
        everything = frozenset({*session.manifest.files, *_LAST})
        self._save(session, confirmed=everything, sent_s=max(1, wall_s))

    def send_again(self, session: Signed, paths: frozenset[str], lab_sequence: int) -> None:
        """Forget that ``paths`` were confirmed; the manifest goes again after them."""
        confirmed = self.state(session).confirmed - paths - {*_LAST}
        self._save(session, confirmed=confirmed, sent_s=0, lab_sequence=lab_sequence)

    def obeyed(self, session: Signed, lab_sequence: int) -> None:
        """Remember which receipt was obeyed last."""
        self._save(session, lab_sequence=lab_sequence)

    def is_unanswered(self, session: Signed, wall_s: int) -> bool:
        """Tell whether a session sent a day ago has no answer; clocks that stepped do."""
        sent_s = self.state(session).sent_s
        return sent_s > 0 and not 0 <= wall_s - sent_s < _ASK_AGAIN_S

    def _is_outgoing(self, session: Signed, lab: Lab) -> bool:
        if self.state(session).sent:
            return False
        answered = self.disk.is_file(session.folder / RECEIPT_FILES[0])
        if answered and is_emptied(self.disk, session.folder):
            return False
        return lab.stored(self.disk, session) is None

    def _save(self, session: Signed, **changes: object) -> None:
        state = msgspec.structs.replace(self.state(session), **changes)
        self._states[session.sha256] = state
        content = msgspec.json.encode(state, order="deterministic") + b"\n"
        try:
            replace_file(self.disk, session.folder / UPLOAD_FILE, content)
        except OSError:
            # A full or failing disk must not stop what could save the sessions on it:
            # this run remembers, a later one asks the server again.
            return
