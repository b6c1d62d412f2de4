"""A session from its first sample to its signature, with marks, baseline and erasing."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from recorder.clock import NS_PER_S, read_host_ns
from recorder.errors import (
    FieldrecError,
    MarkError,
    StoreError,
    StoreSpaceError,
    StoreWriteError,
)
from recorder.format.marks import MarkRecord
from recorder.protocol.replies import Erased, Marked
from recorder.service.baseline import Rest
from recorder.service.marks import MarkLog
from recorder.session import ALMOST_FULL_MIN, Session, SessionPlan

if TYPE_CHECKING:
    from collections.abc import Callable

    from recorder.eeg.montage import Board
    from recorder.format.sheet import Ending
    from recorder.protocol import calls
    from recorder.protocol.state import Sound
    from recorder.service.devices import Devices
    from recorder.service.place import Place
    from recorder.service.preparing import Prepared
    from recorder.session import SessionResult
    from recorder.store.writer import Erasure


@dataclass(frozen=True, slots=True)
class Start:
    """How a session begins; ``baseline_s`` is the length of each half, None for none."""

    good_share: float
    overridden: bool
    baseline_s: float | None


class Running:
    """A session that is recorded, or was and is not signed. Owned by one thread."""

    def __init__(
        self, prepared: Prepared, start: Start, *, place: Place, devices: Devices
    ) -> None:
        self.prepared = prepared
        self._place = place
        self._devices = devices
        if start.baseline_s is not None:
            for stage in ("eyes_open", "eyes_closed"):
                prepared.codebook.get(stage)  # refuse what could not be exported
        headset = devices.headset.lend()
        microphone = devices.microphone.lend() if prepared.sound else None
        self.board: Board = headset.board
        self.sound: Sound = "recorded"
        if microphone is None:
            self.sound = "no_microphone" if prepared.sound else "no_consent"
        self.marks = MarkLog(prepared.codebook)
        self.rest: Rest | None = None
        self._since_ns = 0  # begin, or the end of the newest pause
        self.ended_ns: int | None = None
        self.trouble = ""
        self.session = Session(
            SessionPlan(
                consent=prepared.consent,
                mode=prepared.mode,
                codebook=prepared.codebook.version,
                headset_spec=devices.in_use.headset,
                microphone_spec=devices.in_use.microphone if microphone else "none",
                simulation=devices.simulation,
                continues=prepared.continues,
                preparation=prepared.preparation(
                    good_share=start.good_share, overridden=start.overridden
                ),
            ),
            box=place.box,
            sessions=place.sessions,
            disk=place.disk,
            headset=headset,
            microphone=microphone,
        )
        self._space_ns = 0
        self.session.start()
        try:
            self._begin(start)
        except (FieldrecError, OSError):
            self.session.discard()  # nothing half begun may go on recording
            raise

    def _begin(self, start: Start) -> None:
        self._since_ns = self.session.start_ns
        self._place.clients.count_session(
            self.prepared.consent.code,
            self.session.session,
            continues=self.prepared.continues is not None,
        )
        if start.baseline_s is not None:
            self.rest = Rest(self.board, start.baseline_s, read_host_ns())
            self._devices.headset.watch(self.rest.observe)
            self._machine_mark("eyes_open", "on")

    def mark(self, call: calls.Mark, arrived_ns: int) -> Marked:
        """Write a mark; return when it is on the medium."""
        record = self.marks.check(call, now_ns=arrived_ns, since_ns=self._since_ns)
        written = self.session.mark(record)
        if not written.record.n:
            raise MarkError("nothing is recorded in a pause, no mark either")
        self.marks.add(written)
        return Marked(written.record.n, written.saved)

    def pause(self) -> None:
        """Write nothing until `resume`; a baseline ends."""
        self.end_rest()
        self.session.pause()

    def resume(self) -> None:
        """Write again."""
        self.session.resume()
        self._since_ns = read_host_ns()

    def erase(self, minutes: int) -> Erased:
        """Erase the last minutes, and the marks in them; a baseline ends."""
        if self.rest is not None:
            self.rest.abandon()
            self._devices.headset.watch(None)
        gone = self.session.erase(minutes)
        self.marks.drop_parts(gone.parts)
        self._end_stages()
        return _erased(gone)

    def advance(self, now_ns: int) -> None:
        """Go on with the baseline where its time has come. Raises StoreWriteError."""
        rest = self.rest
        if rest is None or not rest.is_over(now_ns):
            return
        self._machine_mark(rest.stage, "off")
        rest.advance(read_host_ns(), self.session.writer.contacts)
        if rest.stage == "done":
            self._devices.headset.watch(None)
        else:
            self._machine_mark(rest.stage, "on")

    def end_rest(self) -> None:
        """End the baseline early."""
        if self.rest is None or self.rest.stage == "done":
            return
        self.rest.abandon()
        self._devices.headset.watch(None)
        self._end_stages()

    def close(self) -> None:
        """Save everything; ``trouble`` says what could not be."""
        if not self.session.paused:
            with contextlib.suppress(StoreWriteError):
                self.end_rest()
        self._devices.headset.watch(None)
        self.ended_ns = read_host_ns()
        try:
            self.session.close()
        except StoreWriteError as error:
            self.trouble = str(error)
        else:
            # Whoever pulls the plug now was not interrupted.
            self._note(self._place.clients.forget_session)

    def sign(self, ending: Ending) -> SessionResult:
        """Sign it. Raises StoreError; then it can be tried again."""
        try:
            return self.session.sign(ending)
        except OSError as error:
            raise StoreError(
                f"the session could not be signed: {error.strerror}",
                hint="what was saved is kept; it is tried again",
            ) from error

    def discard(self) -> None:
        """Erase all of it, and take back that it was counted. Raises StoreError."""
        self._devices.headset.watch(None)
        try:
            self.session.discard()
        except OSError as error:
            raise StoreError(
                f"the session could not be erased: {error.strerror}",
                hint="the next start of the box finishes it",
            ) from error
        continues = self.prepared.continues is not None
        code = self.prepared.consent.code
        self._note(lambda: self._place.clients.uncount_session(code, continues=continues))

    def _note(self, change: Callable[[], None]) -> None:
        """Change the register of clients; a disk that refuses it spoils nothing else."""
        try:
            change()
        except (FieldrecError, OSError) as error:
            self._place.log(f"the register of clients can't be written: {error}")

    def check(self, now_ns: int) -> FieldrecError | None:
        """Return what ended the writer or must end it, None while all is well."""
        if now_ns - self._space_ns < NS_PER_S:
            return None
        self._space_ns = now_ns
        try:
            self._check_space(self.session.status().free_min)
        except FieldrecError as error:
            return error
        except OSError as error:
            return StoreWriteError(f"the disk refused: {error.strerror}")
        return None

    def _check_space(self, free_min: float) -> None:
        if free_min < ALMOST_FULL_MIN:
            raise StoreSpaceError(
                "no space is left on the box's disk: the session was closed early",
                hint="what was recorded is kept; free space before the next session",
            )

    def elapsed_s(self, now_ns: int) -> float:
        """Return how long it has lasted, pauses included."""
        end_ns = now_ns if self.ended_ns is None else self.ended_ns
        return max(0.0, (end_ns - self.session.start_ns) / NS_PER_S)

    def _end_stages(self) -> None:
        """Close what a baseline left open and no erase took away."""
        for stage in ("eyes_open", "eyes_closed"):
            if stage in self.marks.running and not self.session.paused:
                self._machine_mark(stage, "off")

    def _machine_mark(self, name: str, act: Literal["on", "off"]) -> None:
        stamp_ns = read_host_ns()
        record = MarkRecord(n=0, id=name, act=act, stamp_ns=stamp_ns, source="machine")
        self.marks.add(self.session.mark(record))


def _erased(gone: Erasure) -> Erased:
    return Erased(gone.parts, round(gone.length_ns / NS_PER_S, 3))
