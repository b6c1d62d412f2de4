"""The real ``fieldrec serve`` as a process of its own, with simulated devices."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from recorder.clock import NS_PER_S, read_host_ns
from recorder.errors import ServiceError
from recorder.protocol import calls, replies
from recorder.protocol.client import RecorderClient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

    from recorder.protocol.state import State

_T = TypeVar("_T")
_PROGRAM = Path(sys.executable).with_name("fieldrec")
_PATIENCE_S = 60.0
CONFIRMED = ("adult", "consent_signed", "no_epilepsy", "skin_intact", "may_stop")
QUICK = ("--timing", "override_after_s=0")


@dataclass
class ServiceProcess:
    """A running service; in a ``with`` statement it is ended at the end."""

    box: Path
    options: tuple[str, ...] = QUICK
    environment: Mapping[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start it; it may not listen yet."""
        self.socket = self.box / "recorder.sock"
        self.process = subprocess.Popen(
            [_PROGRAM, "serve", "--box", self.box, *self.options],
            env=os.environ | self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.terminate()

    @property
    def log(self) -> str:
        """Everything that it told so far."""
        return "".join(self.told)

    def connect(self) -> RecorderClient:
        """Return a client, as soon as it listens."""
        return until(self._connect, "the service never listened")

    def terminate(self) -> int:
        """End it as systemd does; return its exit code."""
        self.process.terminate()
        return self.wait()

    def kill(self) -> None:
        """Kill it where it is."""
        self.process.kill()
        self.wait()

    def wait(self) -> int:
        """Wait for its end; return its exit code."""
        code = self.process.wait(_PATIENCE_S)
        self._reader.join(_PATIENCE_S)
        return code

    def _connect(self) -> RecorderClient | None:
        if self.process.poll() is not None:
            raise AssertionError(f"ended with {self.process.poll()}: {self.log}")
        try:
            return RecorderClient(self.socket)
        except ServiceError:
            return None

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            self.told += iter(stream)


def until(find: Callable[[], _T | None], complaint: str, *, patience_s: float = 60.0) -> _T:
    """Return what ``find`` finds, as soon as it does."""
    end_ns = read_host_ns() + round(patience_s * NS_PER_S)
    while (found := find()) is None:
        assert read_host_ns() < end_ns, complaint
        time.sleep(0.02)
    return found


def until_state(client: RecorderClient, holds: Callable[[State], bool]) -> State:
    """Return the first news from now on for which ``holds``."""
    end_ns = read_host_ns() + round(_PATIENCE_S * NS_PER_S)
    while not holds(state := client.next_news()):
        assert read_host_ns() < end_ns, f"it never came to that: {state}"
    return state


def subscribed(service: ServiceProcess) -> RecorderClient:
    """Return a client that gets the news, once both devices are connected."""
    client = service.connect()
    client.do(calls.Subscribe())
    until_state(client, are_connected)
    return client


def are_connected(state: State) -> bool:
    """Tell whether headset and microphone are there."""
    return state.headset.link == "connected" and state.microphone.link == "connected"


def is_saving(state: State) -> bool:
    """Tell whether something of a session reached the medium a moment ago."""
    ago_s = None if state.session is None else state.session.saved_ago_s
    return ago_s is not None and ago_s < 2


def prepare(client: RecorderClient, *, scopes: tuple[str, ...] = ("eeg", "audio")) -> str:
    """Prepare a session with a new client; return the code."""
    code = client.ask(calls.ListClients(), replies.ClientList).pool[0]
    client.do(
        calls.Prepare(
            code,
            "in-person",
            only_consented=True,
            scopes=scopes,  # type: ignore[arg-type]  # any text, to be refused
            form="2026-1",
            signed_on="2026-01-31",
            confirmed=CONFIRMED,
        )
    )
    return code


def begin(client: RecorderClient) -> str:
    """Record a session with a new client; return the code."""
    code = prepare(client)
    client.do(calls.Record(override=True))
    return code


def mark(client: RecorderClient, name: str = "insight") -> replies.Marked:
    """Mark now."""
    return client.ask(calls.Mark(name, "point", read_host_ns()), replies.Marked)
