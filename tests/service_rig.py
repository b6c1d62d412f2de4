"""The service's engine on the product's simulated devices, in the test's own thread."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from recorder.clock import NS_PER_S, read_host_ns
from recorder.protocol import calls, replies
from recorder.service.devices import Devices
from recorder.service.engine import Engine
from recorder.service.place import Place
from recorder.service.timing import Timing
from recorder.simulation import SimulationOptions
from recorder.store.disk import RealDisk
from tests.service_process import CONFIRMED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Self

    import msgspec

    from recorder.service.running import Running
    from recorder.store.disk import Disk

_T = TypeVar("_T")
_PATIENCE_S = 60.0
HASTY = Timing(gate_hold_s=0.5, override_after_s=0, baseline_s=1, sign_after_s=600)


@dataclass
class Rig:
    """One engine with its devices; its log and every change are kept."""

    box: Path
    timing: Timing = HASTY
    simulation: SimulationOptions = field(default_factory=SimulationOptions)
    disk: Disk = field(default_factory=RealDisk)
    log: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.place = Place(self.box, log=self.log.append, disk=self.disk)
        self.devices = Devices(
            simulation=self.simulation, changed=lambda: None, log=self.log.append
        )
        self.engine = Engine(
            self.place,
            self.devices,
            timing=self.timing,
            changed=lambda: None,
            log=self.log.append,
        )
        self.engine.start_up()
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.end()
        self.devices.close()
        self.place.sessions.close()

    @property
    def phase(self) -> str:
        return self.engine.view.phase

    @property
    def running(self) -> Running:
        """The session being recorded or finished."""
        running = self.engine.view.running
        assert running is not None
        return running

    def do(self, call: calls.Call) -> msgspec.Struct | None:
        """Carry out ``call`` now."""
        return self.engine.handle(call, read_host_ns())

    def ask(self, call: calls.Call, kind: type[_T]) -> _T:
        """Carry out ``call`` now; return its reply."""
        reply = self.do(call)
        assert isinstance(reply, kind)
        return reply

    def new_code(self) -> str:
        return self.ask(calls.ListClients(), replies.ClientList).pool[0]

    def prepare(self, code: str = "", **changes: object) -> str:
        """Prepare a session with a new client, or ``code``."""
        code = code or self.new_code()
        self.do(preparation(code, **changes))
        return code

    def begin(self, *, baseline: bool = False) -> str:
        """Record a session with a new client."""
        self.wait_until(lambda: self.connected)
        code = self.prepare()
        self.do(calls.Record(override=True, baseline=baseline))
        return code

    @property
    def connected(self) -> bool:
        now_ns = read_host_ns()
        links = {self.devices.headset.look(now_ns).link}
        if self.devices.in_use.microphone != "none":
            links.add(self.devices.microphone.look(now_ns).link)
        return links == {"connected"}

    def mark(self, name: str = "insight", act: str = "point", **more: object) -> int:
        """Mark now; return the mark's number."""
        call = calls.Mark(name, act, read_host_ns(), **more)  # type: ignore[arg-type]  # to be refused
        return self.ask(call, replies.Marked).n

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Let time pass, and the engine tick, until ``holds``."""
        end_ns = read_host_ns() + round(_PATIENCE_S * NS_PER_S)
        while not holds():
            assert read_host_ns() < end_ns, "it never came to that"
            time.sleep(0.02)
            self.engine.tick(read_host_ns())

    def wait_s(self, seconds: float) -> None:
        """Let time pass."""
        end_ns = read_host_ns() + round(seconds * NS_PER_S)
        self.wait_until(lambda: read_host_ns() >= end_ns)


def preparation(code: str, **changes: object) -> calls.Prepare:
    """Return what a screen asks for a new client, with ``changes``."""
    fields: dict[str, object] = {
        "client": code,
        "mode": "in-person",
        "only_consented": True,
        "scopes": ("eeg", "audio"),
        "form": "2026-1",
        "signed_on": "2026-01-31",
        "confirmed": CONFIRMED,
        **changes,
    }
    return calls.Prepare(**fields)  # type: ignore[arg-type]  # wrong ones too
