"""The session that a crash cut off, if it can still be continued.

Continuing starts a new session whose sheet names the old one: counted, exported and shown
as one session with two runs. Only the newest session of the box qualifies, and only for
two hours after its last byte: wall time is good enough to tell a lunch break from a week.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from recorder.clock import NS_PER_S
from recorder.errors import StoreError
from recorder.store.signing import newest_manifest

if TYPE_CHECKING:
    from pathlib import Path

    from recorder.format.manifest import Manifest
    from recorder.store.disk import Disk

CONTINUE_WITHIN_NS = 2 * 3600 * NS_PER_S


@dataclass(frozen=True, slots=True)
class CutOff:
    """A session that a crash cut off, and the wall time of its last byte."""

    session: UUID
    last_wall_ns: int


def interrupted_session(
    disk: Disk, sessions: Path, *, chain: UUID, now_wall_ns: int
) -> CutOff:
    """Return the session to continue; raise StoreError where there is none."""
    manifest = newest_manifest(disk, sessions, chain)
    hint = "start a new session without --continue"
    if manifest is None or manifest.clean or manifest.discarded:
        raise StoreError("no session was cut off: there is nothing to continue", hint=hint)
    last_wall_ns = _last_change_ns(sessions / manifest.session, manifest)
    age_ns = now_wall_ns - last_wall_ns
    if age_ns > CONTINUE_WITHIN_NS:
        raise StoreError(
            f"the last session was cut off {age_ns // (60 * NS_PER_S)} minutes ago;"
            f" it can be continued for {CONTINUE_WITHIN_NS // (60 * NS_PER_S)}",
            hint=hint,
        )
    return CutOff(UUID(manifest.session), last_wall_ns)


def _last_change_ns(folder: Path, manifest: Manifest) -> int:
    """Return the wall time of the last byte recorded; the signature came later."""
    paths = [folder / name for name in manifest.files]
    return max((path.stat().st_mtime_ns for path in paths if path.exists()), default=0)
