"""Facts about each supported headset: channels, rate, counter, oscillator, link.

They live in one data file, ``boards.toml``, keyed by BrainFlow's board name; each fact
names its source there.
"""

from __future__ import annotations

import difflib
import functools
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

from recorder.errors import UnknownHeadsetError


@dataclass(frozen=True, slots=True)
class Counter:
    """How a board numbers what it sends.

    A packet holds ``rows_per_packet`` rows that carry the same number. The number grows
    by ``step`` a packet and wraps at ``modulus``; 0 means it never wraps. ``software``
    counters are made by the host's library and can't show a loss.
    """

    modulus: int
    step: int = 1
    rows_per_packet: int = 1
    software: bool = False


@dataclass(frozen=True, slots=True)
class Channel:
    """One EEG channel: its 10-20 label and its ADC: uV = (count - offset) * uv_per_count.

    ``uv_per_count`` is 0 for a device that gives no counts.
    """

    label: str
    uv_per_count: float
    offset_counts: float = 0.0


@dataclass(frozen=True, slots=True)
class Board:
    """A headset model as the recorder needs it."""

    name: str  # BrainFlow's board name, e.g. CYTON_BOARD
    model: str  # what people call it, e.g. OpenBCI Cyton
    manufacturer: str
    rate_hz: float  # nominal; an RC oscillator may be 1 % off
    channels: tuple[Channel, ...]
    counter: Counter
    oscillator: Literal["crystal", "rc"]
    link: Literal["ble", "serial", "spi", "bluetooth", "dongle", "none"]
    # A board that spreads stamps over a packet has a true arrival on its last row only.
    stamps: Literal["each_row", "last_row_of_packet"]
    battery: bool
    impedance: bool

    @property
    def n_channels(self) -> int:
        """Number of EEG channels."""
        return len(self.channels)


@functools.cache
def boards() -> tuple[Board, ...]:
    """Return every supported headset, in the order of ``boards.toml``."""
    text = resources.files("recorder.eeg").joinpath("boards.toml").read_text("utf-8")
    return tuple(_board(name, facts) for name, facts in tomllib.loads(text).items())


def board(name: str) -> Board:
    """Return the facts about board ``name``.

    Raises UnknownHeadsetError where it is none of ours.
    """
    known = {one.name: one for one in boards()}
    if name not in known:
        near = difflib.get_close_matches(name.upper(), known, n=3, cutoff=0.5)
        raise UnknownHeadsetError(
            f"headset model {name!r} is unknown",
            hint=f"use {' or '.join(near)}" if near else f"use one of {', '.join(known)}",
        )
    return known[name]


def _board(name: str, facts: dict[str, Any]) -> Board:
    labels: list[str] = facts.pop("labels")
    uv_per_count = float(facts.pop("uv_per_count"))
    offset_counts = float(facts.pop("offset_counts", 0))
    return Board(
        name=name,
        rate_hz=float(facts.pop("rate_hz")),
        channels=tuple(Channel(label, uv_per_count, offset_counts) for label in labels),
        counter=Counter(**facts.pop("counter")),
        **facts,
    )
