"""What the offline fit must know about a session's headset, by its board's name.

The facts live in the recorder's data file: the lab reads that file and none of the code
that talks to headsets.
"""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final, Literal

import msgspec

from recorder.alignment import CounterFacts, EegClockFacts
from recorder.errors import FormatError

_FREE: Final = "where the lab places it, most often on an earlobe"
# Makers' documentation: reference, then ground.
_REFERENCES: Final = {
    "MUSE_2": ("FPz", "FPz (driven)"),
    "MUSE_S": ("FPz", "FPz (driven)"),
    "MUSE_S_ATHENA": ("FPz", "FPz (driven)"),
    "CYTON": (f"SRB2, {_FREE}", f"BIAS, {_FREE}"),
    "CYTON_DAISY": (f"SRB2, {_FREE}", f"BIAS, {_FREE}"),
    "GANGLION_NATIVE": (f"REF, {_FREE}", f"D_G, {_FREE}"),
    "UNICORN": ("mastoids, linked", "mastoids"),
    "simulated": ("none: simulated", "none: simulated"),
}


class _Counter(msgspec.Struct, frozen=True):
    modulus: int
    step: int = 1
    rows_per_packet: int = 1
    software: bool = False


class _Board(msgspec.Struct, frozen=True):
    rate_hz: float
    counter: _Counter
    oscillator: Literal["crystal", "rc"]
    stamps: Literal["each_row", "last_row_of_packet"]
    link: str


@dataclass(frozen=True, slots=True)
class HeadsetMaker:
    """Who made a headset and where it measures against; empty where nobody states it."""

    manufacturer: str = ""
    reference: str = ""
    ground: str = ""


@dataclass(frozen=True, slots=True)
class HeadsetFacts:
    """A headset's clock, and the kind of link its packets came over."""

    clock: EegClockFacts
    link: str


def headset_facts(board: str) -> HeadsetFacts:
    """Return the facts about ``board``; FormatError where it is unknown here."""
    boards = _boards()
    if board not in boards:
        raise FormatError(
            f"headset model {board!r} is unknown: its stamps stay as recorded",
            hint="update the lab's software",
        )
    facts = msgspec.convert(boards[board], type=_Board)
    counter = facts.counter
    return HeadsetFacts(
        EegClockFacts(
            counter=CounterFacts(
                modulus=counter.modulus,
                step=counter.step,
                rows_per_packet=counter.rows_per_packet,
                software=counter.software,
            ),
            rate_hz=facts.rate_hz,
            oscillator=facts.oscillator,
            stamps=facts.stamps,
        ),
        facts.link,
    )


def headset_maker(board: str) -> HeadsetMaker:
    """Return who made ``board``'s headset, and its reference."""
    facts = _boards().get(board, {})
    reference, ground = _REFERENCES.get(board.removesuffix("_BOARD"), ("", ""))
    return HeadsetMaker(str(facts.get("manufacturer", "")), reference, ground)


@functools.cache
def _boards() -> dict[str, dict[str, Any]]:
    text = resources.files("recorder.eeg").joinpath("boards.toml").read_text("utf-8")
    return tomllib.loads(text)
