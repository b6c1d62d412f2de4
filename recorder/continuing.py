"""Going on with the session that a crash cut off: which one, whose, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from recorder.clients import Clients
from recorder.clock import read_wall_pair
from recorder.errors import StoreError
from recorder.store.interrupted import CONTINUE_WITHIN_NS, interrupted_session

if TYPE_CHECKING:
    from uuid import UUID

    from recorder.box import Box
    from recorder.store.disk import Disk


@dataclass(frozen=True, slots=True)
class Offer:
    """A session that may be continued, until two hours after ``last_wall_ns``."""

    client: str
    session: UUID
    last_wall_ns: int

    def ago_ns(self) -> int:
        """Return how long ago its last byte was written."""
        return read_wall_pair().wall_ns - self.last_wall_ns

    def holds(self) -> bool:
        """Tell whether it is not too late."""
        return self.ago_ns() <= CONTINUE_WITHIN_NS


def offer(box: Box, disk: Disk) -> Offer | None:
    """Return the session that may be continued, None where there is none."""
    try:
        cut_off = interrupted_session(
            disk, box.sessions, chain=box.chain, now_wall_ns=read_wall_pair().wall_ns
        )
    except StoreError:
        return None
    last = Clients.of(box).interrupted()
    if last is None or last.session != cut_off.session:
        return None
    return Offer(last.code, cut_off.session, cut_off.last_wall_ns)


def continued(box: Box, disk: Disk, code: str) -> UUID:
    """Return the session that ``code`` may go on with.

    Raises StoreError where there is none, ClientCodeError where it is another client's.
    """
    cut_off = interrupted_session(
        disk, box.sessions, chain=box.chain, now_wall_ns=read_wall_pair().wall_ns
    )
    Clients.of(box).check_continued(code, cut_off.session)
    return cut_off.session
