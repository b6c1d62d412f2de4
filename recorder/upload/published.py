"""What sync is doing, in a small file for the programs that show it.

It is replaced whole twice a second at most, and every few seconds as a sign of life: a
file that is old was left by a sync that ended. It is not synced to the medium; after a
power cut nobody needs it.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

import msgspec

from recorder.clock import NS_PER_S, read_host_ns
from recorder.upload.progress import Phase  # noqa: TC001 - msgspec reads it

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from recorder.upload.progress import SyncStatus

_EVERY_S = 0.5
_BEAT_NS = 3 * NS_PER_S
FRESH_NS = 10 * NS_PER_S
_PERCENT = 100


class Published(msgspec.Struct, frozen=True):
    """One moment of sync at host time ``at_ns``; figures are None while nothing is sent."""

    at_ns: int
    phase: Phase
    percent: float | None = None
    rate_bytes_s: float | None = None
    left_s: float | None = None
    trouble: str = ""
    trouble_code: int = 0


class Publisher:
    """Writes the file from a thread of its own; sync only hands over its status."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._status: SyncStatus | None = None
        self._ending = threading.Event()
        self._written = False
        self._thread = threading.Thread(target=self._run, name="sync-progress", daemon=True)

    def take(self, status: SyncStatus) -> None:
        """Publish ``status`` soon."""
        self._status = status

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Publish until the block ends; then the file goes."""
        self._thread.start()
        try:
            yield
        finally:
            self._ending.set()
            self._thread.join()
            if self._written:  # else it is another sync's that runs
                with contextlib.suppress(OSError):
                    self._path.unlink()

    def _run(self) -> None:
        told: SyncStatus | None = None
        told_ns = 0
        while not self._ending.wait(_EVERY_S):
            status, now_ns = self._status, read_host_ns()
            if status is None or (status is told and now_ns - told_ns < _BEAT_NS):
                continue
            # Nobody's sending depends on it: a full disk is told elsewhere.
            with contextlib.suppress(OSError):
                _replace(self._path, msgspec.json.encode(_published(status, now_ns)))
            self._written = True
            told, told_ns = status, now_ns


def read_published(path: Path, now_ns: int) -> Published | None:
    """Return what sync published last; None where it does not run."""
    try:
        published = msgspec.json.decode(path.read_bytes(), type=Published)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return published if 0 <= now_ns - published.at_ns <= FRESH_NS else None


def _published(status: SyncStatus, now_ns: int) -> Published:
    sending = status.phase == "sending"
    percent = None
    if sending and status.total_bytes:
        percent = round(status.sent_bytes * _PERCENT / status.total_bytes, 1)
    return Published(
        at_ns=now_ns,
        phase=status.phase,
        percent=percent,
        rate_bytes_s=round(status.rate_bytes_s) if sending else None,
        left_s=status.left_s,
        trouble="" if status.trouble is None else str(status.trouble),
        trouble_code=0 if status.trouble is None else status.trouble.code,
    )


def _replace(path: Path, content: bytes) -> None:
    new = path.with_name(path.name + ".new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(new, flags, 0o644), "wb") as file:
        file.write(content)
    new.replace(path)
