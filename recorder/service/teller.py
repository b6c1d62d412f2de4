"""Tells subscribers the news: twice a second, and at once when something changes.

It also sees to the watchdog, since it meets every other thread on its way.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import msgspec

from recorder.clock import NS_PER_S, read_host_ns
from recorder.protocol.lines import News, encode_line
from recorder.protocol.state import Trace
from recorder.service.alarms import (
    AlarmBoard,
    ContactPatience,
    Surroundings,
    find_causes,
)
from recorder.service.snapshot import make_state

if TYPE_CHECKING:
    from collections.abc import Callable

    from recorder.protocol.state import Alarm, State
    from recorder.service.devices import Devices
    from recorder.service.phases import View
    from recorder.service.timing import Timing
    from recorder.service.upkeep import Upkeep
    from recorder.store.writer import WriterStatus

NEWS_NS = NS_PER_S // 2
_LOOK_S = 0.1  # how soon an alarm that nobody announces is noticed
_OVERFLOW_NS = 10 * NS_PER_S


class Teller:
    """Makes states and gives them to ``publish``; its thread owns everything here."""

    def __init__(
        self,
        devices: Devices,
        upkeep: Upkeep,
        *,
        timing: Timing,
        view: Callable[[], View],
        publish: Callable[[bytes, bytes], None],
        wants_trace: Callable[[], bool],
        alive: Callable[[], None],
    ) -> None:
        self._devices = devices
        self._upkeep = upkeep
        self._view = view
        self._publish = publish
        self._wants_trace = wants_trace
        self._alive = alive
        self.alarms = AlarmBoard()
        self._contact = ContactPatience(timing.contact_alarm_s)
        self._overflowed = 0
        self._overflow_ns = 0
        self._known: tuple[object, ...] = ()
        self._next_ns = 0
        self._wake = threading.Event()
        self._ending = False
        self.newest: State | None = None
        self._thread = threading.Thread(target=self._run, name="teller", daemon=True)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def changed(self) -> None:
        """Look at once: something happened. Any thread may call it."""
        self._wake.set()

    def close(self) -> None:
        """End the thread."""
        self._ending = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending:
            self._wake.wait(_LOOK_S)
            self._wake.clear()
            self._alive()
            self._look(read_host_ns())

    def _look(self, now_ns: int) -> None:
        around = self._surroundings(now_ns)
        causes = find_causes(around)
        alarms = self.alarms.update(causes, now_ns, at_home=around.view.phase == "home")
        news = _news(around, alarms)
        due = now_ns >= self._next_ns
        if not due and news == self._known:
            return
        self._known = news
        state = make_state(around, alarms, self._upkeep.findings.upload)
        self.newest = state
        plain = encode_line(News(state))
        if due:
            self._next_ns = now_ns + NEWS_NS
        self._publish(plain, self._traced(state) if due else plain)

    def _traced(self, state: State) -> bytes:
        wanted = self._wants_trace()
        self._devices.headset.want_trace(wanted=wanted)
        if not wanted:
            return encode_line(News(state))
        rate_hz, rows = self._devices.headset.take_trace()
        return encode_line(News(msgspec.structs.replace(state, trace=Trace(rate_hz, rows))))

    def _surroundings(self, now_ns: int) -> Surroundings:
        view = self._view()
        findings = self._upkeep.findings
        writer = None if view.running is None else view.running.session.writer
        headset = self._devices.headset.look(now_ns)
        return Surroundings(
            view=view,
            headset=headset,
            microphone=self._devices.microphone.look(now_ns),
            writer=writer,
            health=findings.health,
            free_min=findings.free_min,
            bad_contacts=self._bad_contacts(view, writer, now_ns),
            overflowing=self._is_overflowing(writer, now_ns),
            now_ns=now_ns,
        )

    def _bad_contacts(
        self, view: View, writer: WriterStatus | None, now_ns: int
    ) -> tuple[str, ...]:
        if view.running is None or writer is None or view.phase != "recording":
            self._contact.forget()
            return ()
        channels = view.running.board.channels
        found = self._contact.observe(writer.contacts, now_ns)
        return tuple(channels[n].label for n in found)

    def _is_overflowing(self, writer: WriterStatus | None, now_ns: int) -> bool:
        overflowed = 0 if writer is None else writer.overflowed
        if overflowed > self._overflowed:
            self._overflow_ns = now_ns
        self._overflowed = overflowed
        return self._overflow_ns > 0 and now_ns - self._overflow_ns < _OVERFLOW_NS


def _news(around: Surroundings, alarms: tuple[Alarm, ...]) -> tuple[object, ...]:
    """Return what is told at once when it changes."""
    view = around.view
    return (
        *(view.phase, view.busy, around.headset.link, around.microphone.link),
        *((alarm.id, alarm.seen, alarm.lasting) for alarm in alarms),
    )
