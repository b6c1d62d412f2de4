"""One visit to the server: over one link, everything that can be done.

Renewals first, then receipts and what they let go, then what is to be sent, oldest first.
What goes wrong with one session or one register is noted and the rest goes on; what goes
wrong with the link, the server or the log-in ends the visit.
"""

from __future__ import annotations

import random
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from recorder.box import Box
from recorder.clock import NS_PER_S, read_host_ns, read_wall_pair
from recorder.errors import (
    BoxError,
    FormatError,
    ReceiptError,
    RegisterError,
    StoreError,
    UploadError,
)
from recorder.store.delete import finish_deletions
from recorder.store.disk import RealDisk
from recorder.store.receipts import Lab
from recorder.store.sessions import is_recording
from recorder.upload.fleet import Renewal
from recorder.upload.outbox import Outbox, confirmed_bytes
from recorder.upload.pace import Limit
from recorder.upload.progress import Tally
from recorder.upload.receipts import (
    WANTED_FREE_BYTES,
    Receipts,
    delete_verified,
    delete_withdrawn,
)
from recorder.upload.route import is_cable
from recorder.upload.send import Sender
from recorder.upload.sftp import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from recorder.errors import FieldrecError
    from recorder.store.disk import Disk
    from recorder.store.receipts import Signed
    from recorder.upload.progress import Progress
    from recorder.upload.sftp import Link

_REPLY_S = 60.0
_LOOK_NS = 2 * NS_PER_S
_ASK_EVERY_NS = 3600 * NS_PER_S


class RecordingBeganError(Exception):
    """A session began while sending: a reason to stop, nothing that went wrong."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line asked for; a bandwidth of 0 is no limit."""

    once: bool = False
    delete_verified: bool = False
    bandwidth_bytes_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Clocks, sleep, chance, disk and the way to the server; tests can choose them."""

    disk: Disk = field(default_factory=RealDisk)
    clock_ns: Callable[[], int] = read_host_ns
    wall_s: Callable[[], int] = lambda: read_wall_pair().wall_ns // NS_PER_S
    sleep: Callable[[float], None] = time.sleep
    uniform: Callable[[float, float], float] = random.uniform
    is_cable: Callable[[str], bool] = is_cable
    reply_s: float = _REPLY_S
    wanted_free_bytes: int = WANTED_FREE_BYTES


class Visitor:
    """Does the work of sync. Only the holder of sync.lock may use it."""

    def __init__(
        self, root: Path, wishes: Wishes, around: Surroundings, progress: Progress
    ) -> None:
        self.box = Box.load(root)
        self.tally = Tally()
        self.troubles: list[FieldrecError] = []
        self.confirmed_bytes = 0  # over the newest link
        self._wishes = wishes
        self._around = around
        self._progress = progress
        self._outbox = Outbox(around.disk, self.box.sessions)
        self._sender = Sender(
            outbox=self._outbox,
            limit=Limit(wishes.bandwidth_bytes_s, around.clock_ns, around.sleep),
            found=progress.found,
            told=self._told,
        )
        self._asked_ns: int | None = None  # None: to be asked at the next visit
        self._looked_ns = 0

    def put_right(self) -> None:
        """Finish what an interruption left: deletions, a renewal."""
        with self._noting():
            finish_deletions(self._around.disk, self.box.sessions)
        with self._noting():
            Renewal(self.box).finish()
        self.box = Box.load(self.box.root)
        with self._noting():
            self.tally.deleted += delete_withdrawn(
                self._around.disk, self.box.sessions, self._lab()
            )

    def visit(self, requests: int) -> None:
        """Do everything possible over one link, with at most ``requests`` unanswered.

        Raises UploadError where the server can't be used, RecordingBeganError.
        """
        if self.box.server is None:
            raise BoxError(
                f"box folder {self.box.root} names no server",
                hint="have the technician enter it: [server] in box.toml",
            )
        self.confirmed_bytes = 0
        self._progress.phase("connecting")
        around = self._around
        with connect(
            self.box, self.box.server, wall_s=around.wall_s(), reply_s=around.reply_s
        ) as link:
            if self._is_time_to_ask():
                self._ask(link)
                self._asked_ns = around.clock_ns()
            self._send_all(link, requests)
        self._asked_ns = None
        self._progress.trouble(self.troubles[0] if self.troubles else None)

    def must_wait(self) -> bool:
        """Tell whether a session records and nothing may be sent meanwhile."""
        if not is_recording(self._around.disk, self.box.sessions):
            return False
        server = self.box.server
        if server is None or not server.while_recording:
            return True
        return not self._around.is_cable(server.host)

    def make_room(self) -> None:
        """Delete verified sessions, oldest first, if space is needed."""
        self._delete(self._around.wanted_free_bytes)

    def outgoing(self) -> list[Signed]:
        """Return what is to be sent, oldest first."""
        return self._outbox.outgoing(self._lab())

    def _is_time_to_ask(self) -> bool:
        """Tell whether to ask for news: once a visit, or hourly while links are cut."""
        if self._asked_ns is None:
            return True
        return self._around.clock_ns() - self._asked_ns > _ASK_EVERY_NS

    def _ask(self, link: Link) -> None:
        """Take renewals, obey receipts, delete what may go."""
        self._progress.phase("asking")
        with self._noting():
            self.tally.renewed += Renewal(self.box).take(
                lambda name, limit: link.read(f"receipts/{name}", limit_bytes=limit)
            )
        self.box = Box.load(self.box.root)
        signed, unreadable = self._outbox.signed()
        for name in unreadable:
            self._note(
                StoreError(
                    f"the manifest of session {name} can't be read",
                    hint="send the box to the lab; its disk is damaged",
                )
            )
        receipts = Receipts(self._outbox, self._lab())
        for session in signed:
            with self._noting():
                self._obey(link, receipts, session)
        if self._wishes.delete_verified:
            self._delete(None)
        self.make_room()

    def _obey(self, link: Link, receipts: Receipts, session: Signed) -> None:
        receipt = None
        with (
            self._noting()
        ):  # a forged receipt must not keep a lost upload from going again
            receipt = receipts.obey(link, session)
        if receipt is not None:
            self.tally.answered(receipt.status, receipt.session)
        elif self._outbox.is_unanswered(session, self._around.wall_s()):
            self._sender.ask_again(link, session)

    def _delete(self, wanted_bytes: int | None) -> None:
        with self._noting():
            self.tally.deleted += delete_verified(
                self._around.disk, self.box.sessions, self._lab(), wanted_bytes=wanted_bytes
            )

    def _send_all(self, link: Link, requests: int) -> None:
        outgoing = self.outgoing()
        self._progress.begin_link(sum(session.size_bytes for session in outgoing))
        for number, session in enumerate(outgoing):
            self._progress.begin_session(
                session.manifest.session,
                sessions_left=len(outgoing) - number,
                done_bytes=confirmed_bytes(session, self._outbox.state(session)),
            )
            with self._noting():
                self._sender.send(link, session, requests, self._around.wall_s())
                self.tally.sent.append(session.manifest.session)
            self._progress.end_session(session.size_bytes)

    def _told(self, n_bytes: int) -> None:
        self.confirmed_bytes += n_bytes
        self._progress.told(n_bytes)
        now_ns = self._around.clock_ns()
        if now_ns - self._looked_ns >= _LOOK_NS:
            self._looked_ns = now_ns
            if self.must_wait():
                raise RecordingBeganError

    def _lab(self) -> Lab:
        try:
            return Lab.read(self.box.device, self.box.signers_path)
        except (OSError, FormatError) as error:
            raise BoxError(f"{self.box.signers_path} can't be read") from error

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Note what concerns one session or one register only."""
        try:
            yield
        except OSError as error:
            self._note(StoreError(f"the box's disk refused: {error.strerror}"))
        except (RegisterError, ReceiptError, StoreError, FormatError) as error:
            self._note(error)
        except UploadError as error:
            if type(error) is not UploadError:
                raise
            self._note(error)

    def _note(self, error: FieldrecError) -> None:
        self.troubles.append(error)
        self._progress.trouble(error)
