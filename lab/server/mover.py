"""The mover: takes finished sessions out of the boxes' reach.

It copies. The copy is another file, so that nothing a box does later, not even through a
handle it still holds, reaches what was taken; and the mover needs no right but to read and
remove uploads. A session is built in ``staging``, appears in ``intake`` by one rename, and
only then leaves ``up``: killed at any step and run again, the result is the same.

It knows no key: what is genuine and whole is for the lab to say. What the mover sees of a
session is its manifest, which is hostile until the lab has verified it.
"""

from __future__ import annotations

import shutil
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lab.server.taking import Incomplete, take_session
from lab.server.uploads import Uploads
from recorder.clock import read_wall_pair
from recorder.errors import FieldrecError
from recorder.files import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.server.folder import ServerFolder

_LOOK_S = 2.0


@dataclass(slots=True)
class Report:
    """What one look brought: sessions taken, dropped as known, and left with a reason."""

    taken: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)


class Mover:
    """Looks through every box's uploads; one at a time works in a server's folder."""

    def __init__(self, folder: ServerFolder) -> None:
        self._folder = folder

    def take_all(self) -> Report:
        """Take every finished session; what can't be taken stays, with the reason."""
        report = Report()
        with locked(self._folder.staging):
            self._clear_staging()
            for user in self._folder.users():
                self._take_from(user, report)
        return report

    def _take_from(self, user: str, report: Report) -> None:
        uploads = Uploads(self._folder.up(user))
        try:
            sessions = uploads.offered()
        except OSError as error:
            report.left[user] = f"{user}: its uploads can't be listed: {error.strerror}"
            return
        for session in sessions:
            try:
                name = take_session(self._folder, uploads, user, session, _now())
            except (FieldrecError, Incomplete) as error:
                report.left[session] = f"{user}: {session}: {error}"
            except OSError as error:
                report.left[session] = f"{user}: {session}: {error.strerror}"
            else:
                where = report.taken if name else report.known
                where.append(name or session)

    def _clear_staging(self) -> None:
        """Forget what a killed mover was building: nothing was removed for it yet."""
        for path in self._folder.staging.iterdir():
            shutil.rmtree(path)


@contextmanager
def keep_moving(
    folder: ServerFolder, *, look_s: float = 0.2, tell: Callable[[str], None] = print
) -> Iterator[None]:
    """Move in a thread of its own while the block runs."""
    stop = threading.Event()
    thread = threading.Thread(
        target=move_until,
        args=(folder, stop),
        kwargs={"look_s": look_s, "tell": tell},
        name="mover",
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def move_until(
    folder: ServerFolder,
    stop: threading.Event,
    *,
    tell: Callable[[str], None],
    look_s: float = _LOOK_S,
) -> None:
    """Look every ``look_s`` until ``stop``; tell what is taken, and once what is not."""
    told: set[str] = set()
    while not stop.is_set():
        told = tell_news(Mover(folder).take_all(), told, tell)
        stop.wait(look_s)


def tell_news(report: Report, told: set[str], tell: Callable[[str], None]) -> set[str]:
    """Tell what ``report`` brought but what was ``told``; return what is told now."""
    for name in report.taken:
        tell(f"taken: {name}")
    for name in report.known:
        tell(f"known already: {name}")
    left = set(report.left.values())
    for reason in sorted(left - told):
        tell(f"left: {reason}")
    return left


def _now() -> datetime:
    microseconds = read_wall_pair().wall_ns // 1000
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
