"""fieldrec sync: visits to the server, again and again or once, and the waits between.

One process at a time, held by ``sync.lock``. It looks only at signed sessions, waits while
a session records (unless allowed, over a cable), and can be killed at any moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recorder.clock import NS_PER_S
from recorder.errors import StoreBusyError, StoreError, UploadError
from recorder.store.sessions import Sessions
from recorder.store.signing import Signer
from recorder.upload.pace import Patience
from recorder.upload.progress import Progress
from recorder.upload.room import sync_lock
from recorder.upload.visit import RecordingBeganError, Surroundings, Visitor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from recorder.upload.progress import SyncStatus, Tally
    from recorder.upload.visit import Wishes

_TICK_S = 5.0
_POLL_S = 300.0
_HELPLESS_S = (300.0, 600.0)
_TRIES_WITHOUT_PROGRESS = 5


class Sync:
    """The uploads of one box. ``listener`` hears every change of status."""

    def __init__(
        self,
        root: Path,
        wishes: Wishes,
        listener: Callable[[SyncStatus], None],
        surroundings: Surroundings | None = None,
    ) -> None:
        self._wishes = wishes
        self._around = surroundings or Surroundings()
        self._progress = Progress(listener, self._around.clock_ns)
        self._patience = Patience(self._around.uniform)
        self._reached = (0, 0)  # sessions and bytes that the server has
        self._visitor = Visitor(root, wishes, self._around, self._progress)

    @property
    def tally(self) -> Tally:
        """What was done so far."""
        return self._visitor.tally

    def run(self) -> None:
        """Sync until everything possible was done, or for ever.

        With ``once`` the error that kept something from being sent is raised at the end.
        """
        with sync_lock(self._visitor.box.sessions):
            self._visitor.put_right()
            if self._wishes.once:
                self._sign_crashed()
                self._run_once()
            else:
                self._run_for_ever()

    def _sign_crashed(self) -> None:
        """Of a dead box, sign what crashed; who has it in use has done so already."""
        box = self._visitor.box
        signer = Signer(box.device, box.chain, box.signing_key(), box.recipients)
        try:
            with Sessions(box.sessions, disk=self._around.disk, signer=signer) as sessions:
                refused = sessions.scan().refused
        except StoreBusyError:
            return
        # They stay here, and the run ends with the error; all others are sent.
        self._visitor.troubles += (
            StoreError(
                f"session {name} can't be signed: {why}", hint="send the box to the lab"
            )
            for name, why in refused
        )

    def _run_once(self) -> None:
        while not self._went_well():
            if self._visitor.must_wait():
                raise StoreBusyError(
                    "a session is being recorded; nothing is sent meanwhile",
                    hint="run it again afterwards, or allow it over a cable in box.toml",
                )
        self._progress.phase("idle")
        if self._visitor.troubles:
            raise self._visitor.troubles[0]

    def _went_well(self) -> bool:
        """Try once and wait where it is worth another try; raise where it is not."""
        if self._visitor.must_wait():
            return False
        try:
            self._visitor.visit(self._patience.requests)
        except RecordingBeganError:
            return False
        except UploadError as error:
            wait_s = self._learn()
            if not error.temporary or self._patience.failures >= _TRIES_WITHOUT_PROGRESS:
                raise
            self._wait(error, wait_s)
            return False
        self._patience.worked()
        return True

    def _run_for_ever(self) -> None:
        while True:
            if self._visitor.must_wait():
                self._progress.phase("recording", wait_s=_TICK_S)
                self._visitor.make_room()
                self._around.sleep(_TICK_S)
                continue
            try:
                self._visitor.visit(self._patience.requests)
            except RecordingBeganError:
                continue
            except UploadError as error:
                wait_s = self._learn()
                helpless_s = self._around.uniform(*_HELPLESS_S)
                self._wait(error, wait_s if error.temporary else helpless_s)
            else:
                self._patience.worked()
                self._idle()

    def _learn(self) -> float:
        """Learn from a visit that was cut short; return how long to wait."""
        reached = (len(self.tally.sent), self._progress.status.sent_bytes)
        advanced = reached > self._reached
        self._reached = max(self._reached, reached)
        return self._patience.cut(self._visitor.confirmed_bytes, advanced=advanced)

    def _wait(self, error: UploadError, wait_s: float) -> None:
        self._progress.trouble(error)
        self._progress.phase("waiting", wait_s=wait_s)
        self._around.sleep(wait_s)

    def _idle(self) -> None:
        """Wait until the lab may have something new to say, or there is more to send."""
        self._progress.phase("idle", wait_s=_POLL_S)
        until_ns = self._around.clock_ns() + round(_POLL_S * NS_PER_S)
        stuck = {session.sha256 for session in self._visitor.outgoing()}
        while self._around.clock_ns() < until_ns:
            self._around.sleep(_TICK_S)
            self._visitor.make_room()
            if not stuck.issuperset(each.sha256 for each in self._visitor.outgoing()):
                break
        self._visitor.troubles.clear()
