"""What the recorder answers to the requests that ask for something."""

from __future__ import annotations

from typing import Literal

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """Why a request was refused: a class of `recorder.errors` by its stable ``code``."""

    code: int
    message: str
    hint: str = ""


class Welcome(msgspec.Struct, frozen=True):
    """Whom the client talks to."""

    version: int
    software: str
    device: str
    locale: Literal["ru", "en"]
    simulated: bool  # every device is simulated: the screen says so


class Client(msgspec.Struct, frozen=True):
    """A client this box or the lab knows, under a pseudonym."""

    code: str
    sessions: int
    scopes: tuple[str, ...]
    form: str
    is_new: bool = False  # no session of theirs began on this box yet
    signed_on: str = ""


class ClientList(msgspec.Struct, frozen=True):
    """Clients, the one recorded last first; ``pool`` are codes nobody has yet."""

    clients: tuple[Client, ...]
    pool: tuple[str, ...]


class Papers(msgspec.Struct, frozen=True):
    """Codebook and study as TOML, as `recorder.format` reads them; study may be empty."""

    codebook: str
    study: str


class Marked(msgspec.Struct, frozen=True):
    """Number of the mark, and whether it is on the medium (else: with the next tick)."""

    n: int
    saved: bool


class Erased(msgspec.Struct, frozen=True):
    """Numbers of the parts that are gone, and how much of the recording that was."""

    parts: tuple[int, ...]
    seconds: float


class Finished(msgspec.Struct, frozen=True):
    """The session that was signed."""

    session: str
    clean: bool


class FoundDevice(msgspec.Struct, frozen=True):
    """A device: its spec, and what a person knows it by.

    A paired headset is listed where it is not in reach too: one that is connected can't
    be heard by a search.
    """

    spec: str
    name: str
    model: str = ""
    signal_dbm: int | None = None
    battery_percent: float | None = None
    paired_as: str = ""
    in_reach: bool = True


class Found(msgspec.Struct, frozen=True):
    """What `Scan` found; ``problem`` says why Bluetooth was not listened to."""

    headsets: tuple[FoundDevice, ...]
    microphones: tuple[FoundDevice, ...]
    problem: str = ""
