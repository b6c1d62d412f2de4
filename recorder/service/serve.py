"""The service as a whole: what runs in which thread, from the first moment to the last.

The calling thread is the engine's. The socket is open and answers before a crashed
session has been hashed and signed, so that a screen never waits for that.
"""

from __future__ import annotations

import queue
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from recorder import __version__
from recorder.clock import read_host_ns
from recorder.errors import FieldrecError, StoreError
from recorder.protocol import calls
from recorder.protocol.lines import VERSION
from recorder.protocol.replies import Found, Welcome
from recorder.service.devices import Devices
from recorder.service.engine import Engine
from recorder.service.health import SYSFS
from recorder.service.notify import Notifier
from recorder.service.phases import check_now
from recorder.service.place import Place
from recorder.service.pulse import Pulse
from recorder.service.scanner import Scanner
from recorder.service.server import Asked, Server
from recorder.service.teller import Teller
from recorder.service.timing import Timing
from recorder.service.upkeep import Upkeep
from recorder.simulation import SimulationOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import msgspec

    from recorder.service.phases import View

_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What the command line asked for."""

    box: Path
    socket: Path
    simulation: SimulationOptions = field(default_factory=SimulationOptions)
    timing: Timing = field(default_factory=Timing)
    sysfs: Path = SYSFS


class Service:
    """One run of the service."""

    def __init__(self, options: ServeOptions, *, log: Callable[[str], None]) -> None:
        self._options = options
        self._log = log
        self._asked: queue.Queue[Asked | None] = queue.Queue()
        self._notifier = Notifier()
        self._scanner = Scanner()
        self._beat_ns = read_host_ns()

    def run(self, asked_to_stop: Callable[[], bool]) -> None:
        """Serve until ``asked_to_stop``; then close, sign and release everything.

        Raises BoxError, StoreBusyError or ServiceError where it can't even begin.
        """
        with ExitStack() as stack:
            self._place = stack.enter_context(Place(self._options.box, log=self._log))
            self._server = Server(
                self._options.socket, welcome=self._welcome, asked=self._asked
            )
            stack.callback(self._server.close)
            self._build(stack)
            self._server.start()
            self._teller.start()
            self._notifier.ready()
            self._log(f"listening at {self._options.socket}")
            self._work(asked_to_stop)

    def _build(self, stack: ExitStack) -> None:
        self._devices = Devices(
            simulation=self._options.simulation, changed=self._changed, log=self._log
        )
        stack.callback(self._devices.close)
        self._upkeep = Upkeep(
            lambda: self._place.box,
            self._place.disk,
            self._devices,
            sysfs=self._options.sysfs,
            log=self._log,
        )
        self._upkeep.start()
        stack.callback(self._upkeep.close)
        self._engine = Engine(
            self._place,
            self._devices,
            timing=self._options.timing,
            changed=self._changed,
            log=self._log,
        )
        self._teller = Teller(
            self._devices,
            self._upkeep,
            timing=self._options.timing,
            view=lambda: self._engine.view,
            publish=self._server.publish,
            wants_trace=lambda: self._server.traced,
            alive=self._say_alive,
        )
        stack.callback(self._teller.close)

    def _work(self, asked_to_stop: Callable[[], bool]) -> None:
        try:
            self._engine.start_up()
            phase = ""
            while not asked_to_stop():
                self._beat_ns = read_host_ns()
                self._do_next()
                self._engine.tick(read_host_ns())
                was, phase = phase, self._engine.view.phase
                if phase == "home" and was != phase:
                    self._upkeep.look_again()  # something was signed, if only what crashed
        finally:
            self._notifier.stopping()
            self._engine.end()

    def _do_next(self) -> None:
        try:
            asked = self._asked.get(timeout=_LOOK_S)
        except queue.Empty:
            return
        if asked is None:
            return
        try:
            self._carry_out(asked)
        except FieldrecError as error:
            self._server.answer(asked, None, error)
        except OSError as error:
            what = error.strerror or type(error).__name__
            self._server.answer(asked, None, StoreError(f"the disk refused: {what}"))

    def _carry_out(self, asked: Asked) -> None:
        call = asked.request.call
        reply: msgspec.Struct | None = None
        if isinstance(call, calls.Scan):
            check_now(call, self._engine.view.phase)
            self._scanner.search(
                self._place.box.paired, lambda found: self._found(asked, found)
            )
            return
        if isinstance(call, calls.Seen):
            self._teller.alarms.see(call.id)
            self._teller.changed()
        else:
            reply = self._engine.handle(call, asked.arrived_ns)
        self._server.answer(asked, reply)
        if isinstance(call, calls.Skip | calls.Finish | calls.Discard):
            self._upkeep.look_again()

    def _found(self, asked: Asked, found: Found | FieldrecError) -> None:
        if isinstance(found, FieldrecError):
            self._server.answer(asked, None, found)
        else:
            self._server.answer(asked, found)

    def _welcome(self) -> Welcome:
        box = self._place.box
        return Welcome(
            version=VERSION,
            software=__version__,
            device=box.device,
            locale=box.locale,
            simulated=self._devices.all_simulated,
        )

    def _changed(self) -> None:
        self._teller.changed()

    def _say_alive(self) -> None:
        """Feed the watchdog, but only while every thread that matters goes round."""
        now_ns = read_host_ns()
        view = self._engine.view
        pulse = Pulse(
            socket_ns=self._server.beat_ns,
            engine_ns=self._beat_ns,
            busy=bool(view.busy),
            writer_ns=_writer_ns(view),
        )
        if pulse.beats(now_ns):
            self._notifier.alive()


def _writer_ns(view: View) -> int | None:
    if view.running is None or view.phase not in ("recording", "paused"):
        return None
    return view.running.session.writer.at_ns
