"""The recorder's state machine: home, fit, recording, paused, finish, and home again.

One thread calls everything here, one request at a time. What others may see stands in
`Engine.view`, which is replaced whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recorder.clock import NS_PER_S, read_host_ns
from recorder.continuing import offer
from recorder.errors import (
    FieldrecError,
    PhaseError,
    StoreError,
    StoreWriteError,
)
from recorder.format.sheet import Ending
from recorder.protocol import calls, replies
from recorder.service.desk import Desk
from recorder.service.gate import FitGate, check_override
from recorder.service.phases import STARTING, View, check_now
from recorder.service.preparing import ending_of, prepare, skipped_sheet, still_prepared
from recorder.service.running import Running, Start

if TYPE_CHECKING:
    from collections.abc import Callable

    import msgspec

    from recorder.continuing import Offer
    from recorder.protocol.state import Phase
    from recorder.service.devices import Devices
    from recorder.service.place import Place
    from recorder.service.preparing import Prepared
    from recorder.service.timing import Timing

_CHECK_EVERY_NS = 30 * NS_PER_S
_RETRY_NS = 60 * NS_PER_S


class Engine:
    """Carries out requests. Owned by one thread; `view` may be read by any."""

    def __init__(
        self,
        place: Place,
        devices: Devices,
        *,
        timing: Timing,
        changed: Callable[[], None],
        log: Callable[[str], None],
    ) -> None:
        self._place = place
        self._devices = devices
        self._timing = timing
        self._changed = changed
        self._log = log
        self._desk = Desk(place, devices)
        self._gate = FitGate(timing)
        self._phase: Phase = "home"
        self._refusal: FieldrecError | None = None  # of the start-up scan
        self._problems: tuple[FieldrecError, ...] = ()
        self._offer: Offer | None = None
        self._prepared: Prepared | None = None
        self._running: Running | None = None
        self._signs_at_ns: int | None = None
        self._check_ns = 0
        self._unfinished = False  # something is to be signed or erased at home
        self._acts: dict[type[msgspec.Struct], Callable[..., msgspec.Struct | None]] = {
            calls.Prepare: self._prepare,
            calls.Cancel: self._cancel,
            calls.Skip: self._skip,
            calls.Record: self._record,
            calls.SkipBaseline: self._skip_baseline,
            calls.Pause: self._pause,
            calls.Resume: self._resume,
            calls.Erase: self._erase,
            calls.Stop: self._stop,
            calls.Finish: self._finish,
            calls.Discard: self._discard,
            **self._desk.acts,
        }
        self.view = self._look(STARTING)

    def start_up(self) -> None:
        """Put right what a crash left, and say what may be continued."""
        self._devices.use(self._place.box)
        self._put_right()
        self._place.make_room()
        self._find_offer()
        self._look_at_box()
        self._show()

    def handle(self, call: calls.Call, arrived_ns: int) -> msgspec.Struct | None:
        """Carry out ``call``, which arrived at host time ``arrived_ns``.

        Raises FieldrecError where it can't be done; then nothing has changed.
        """
        check_now(call, self._phase)
        if isinstance(call, calls.Mark):
            return self._current().mark(call, arrived_ns)
        self._show(busy=str(call.__struct_config__.tag))
        try:
            return self._acts[type(call)](call)
        finally:
            self._show()

    def tick(self, now_ns: int) -> None:
        """Do what time alone asks for; called several times a second."""
        before = self._phase
        look = self._devices.headset.look(now_ns)
        if self._phase in ("home", "fit"):
            self._gate.observe(look.contacts, look.contacts_ns, now_ns)
        if self._phase == "home":
            self._keep_ready(now_ns)
        if self._running is not None and self._phase in ("recording", "paused"):
            self._watch(self._running, now_ns)
        if self._signs_at_ns is not None and now_ns >= self._signs_at_ns:
            self._sign_unasked(now_ns)
        self._show(urgent=self._phase != before)

    def end(self) -> None:
        """Close and sign what is recorded: the program is to end."""
        try:
            if self._phase in ("recording", "paused"):
                self._stop(calls.Stop())
            if self._phase == "finish":
                self._finish(calls.Finish())
        except (FieldrecError, OSError) as error:
            self._log(str(error))  # what was saved is signed at the next start

    # -- the phases --

    def _prepare(self, call: calls.Prepare) -> None:
        self._look_at_box()
        if self._problems:
            raise self._problems[0]
        self._place.make_room()
        self._place.check_space(self._devices)
        self._prepared = prepare(self._place, call, read_host_ns())
        self._enter("fit")

    def _cancel(self, _: calls.Cancel) -> None:
        self._go_home()

    def _skip(self, call: calls.Skip) -> replies.Finished:
        self._place.reload()
        sheet = skipped_sheet(self._place, call, self._devices.in_use)
        try:
            manifest = self._place.sessions.write_skipped(sheet)
        except OSError as error:
            raise StoreError(
                f"the skipped session could not be kept: {error.strerror}",
                hint="the box's disk refused; tell the lab by other means",
            ) from error
        self._log(f"session {sheet.session} did not take place; signed")
        return replies.Finished(str(sheet.session), manifest.clean)

    def _record(self, call: calls.Record) -> None:
        if self._prepared is None:
            raise PhaseError("no session is prepared")
        now_ns = read_host_ns()
        gate = self._gate.look(now_ns, fit_since_ns=self._prepared.since_ns)
        if not gate.open:
            check_override(gate, asked=call.override)
        self._prepared = still_prepared(self._place, self._prepared)
        start = Start(
            good_share=gate.good_share,
            overridden=not gate.open,
            baseline_s=self._timing.baseline_s if call.baseline else None,
        )
        try:
            self._running = Running(
                self._prepared, start, place=self._place, devices=self._devices
            )
        except (StoreError, OSError):
            self._unfinished = True  # the folder may be there: it is signed at home
            raise
        self._offer = None
        self._log(f"session {self._running.session.session} began")
        self._enter("recording")

    def _skip_baseline(self, _: calls.SkipBaseline) -> None:
        self._current().end_rest()

    def _pause(self, _: calls.Pause) -> None:
        self._current().pause()
        self._enter("paused")

    def _resume(self, _: calls.Resume) -> None:
        self._current().resume()
        self._enter("recording")

    def _erase(self, call: calls.Erase) -> replies.Erased:
        erased = self._current().erase(call.minutes)
        self._log(f"erased {len(erased.parts)} part(s)")
        return erased

    def _stop(self, _: calls.Stop) -> None:
        running = self._current()
        running.close()
        self._signs_at_ns = read_host_ns() + round(self._timing.sign_after_s * NS_PER_S)
        if running.trouble:
            self._log(running.trouble)
        self._enter("finish")

    def _finish(self, call: calls.Finish) -> replies.Finished:
        running = self._current()
        return self._sign(running, ending_of(running.prepared.study, call))

    def _sign(self, running: Running, ending: Ending) -> replies.Finished:
        try:
            manifest = running.sign(ending).manifest
        except StoreError as error:
            running.trouble = str(error)
            raise
        self._log(f"session {manifest.session} signed: {manifest.parts} part(s)")
        self._go_home()
        if not manifest.clean:
            self._find_offer()
        return replies.Finished(manifest.session, manifest.clean)

    def _discard(self, _: calls.Discard) -> None:
        running = self._current()
        try:
            running.discard()
        finally:
            # Where the disk refused, the rest of it is done later; nothing is recorded.
            self._unfinished = True
            self._go_home()
        self._unfinished = False
        self._log(f"session {running.session.session} discarded")

    # -- time --

    def _watch(self, running: Running, now_ns: int) -> None:
        error = running.check(now_ns)
        if error is None and self._phase == "recording":
            try:
                running.advance(now_ns)
            except StoreWriteError as refusal:
                error = refusal
        if error is not None:
            self._log(str(error))
            self._stop(calls.Stop())
            running.trouble = running.trouble or str(error)

    def _sign_unasked(self, now_ns: int) -> None:
        self._signs_at_ns = now_ns + _RETRY_NS
        try:
            self._sign(self._current(), Ending())
        except FieldrecError as error:
            self._log(str(error))

    def _keep_ready(self, now_ns: int) -> None:
        """Do at home what makes the next session begin at once."""
        self._place.sessions.journals.work(both=True)
        if now_ns - self._check_ns > _CHECK_EVERY_NS:
            if self._unfinished:
                self._put_right()
            self._look_at_box()

    def _put_right(self) -> None:
        try:
            self._place.put_right()
        except FieldrecError as error:
            self._unfinished, self._refusal = True, error
            self._log(str(error))
        else:
            self._unfinished, self._refusal = False, None

    def _look_at_box(self) -> None:
        self._check_ns = read_host_ns()
        refusal = () if self._refusal is None else (self._refusal,)
        self._problems = (*refusal, *self._desk.find_problems())

    def _find_offer(self) -> None:
        try:
            self._offer = offer(self._place.box, self._place.disk)
        except (FieldrecError, OSError) as error:
            self._log(f"what could be continued can't be found out: {error}")

    def _current(self) -> Running:
        if self._running is None:
            raise PhaseError("no session is being recorded")
        return self._running

    def _enter(self, phase: Phase) -> None:
        self._phase = phase

    def _go_home(self) -> None:
        self._prepared = self._running = self._signs_at_ns = None
        self._enter("home")

    def _show(self, *, busy: str = "", urgent: bool = True) -> None:
        self.view = self._look(busy)
        if urgent:
            self._changed()

    def _look(self, busy: str) -> View:
        now_ns = read_host_ns()
        since_ns = (
            self._prepared.since_ns if self._prepared and self._phase == "fit" else None
        )
        return View(
            phase=self._phase,
            busy=busy,
            gate=self._gate.look(now_ns, fit_since_ns=since_ns),
            problems=self._problems,
            offer=self._offer,
            prepared=self._prepared,
            running=self._running,
            signs_at_ns=self._signs_at_ns,
        )
