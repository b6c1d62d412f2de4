"""Which class of headset a board belongs to: it sets how far calibrations may spread.

The facts stand in the recorder's data file; the code that talks to headsets isn't needed.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources

import msgspec

from recorder.errors import ProvisionError

_FINE_COMB_MS = 1.25


class _Board(msgspec.Struct, frozen=True):
    model: str
    link: str


@dataclass(frozen=True, slots=True)
class HeadsetClass:
    """A board's model, and the class of its link as `TARGETS_MS` names it."""

    model: str
    name: str


def headset_class(board: str, comb_spacing_ms: float | None) -> HeadsetClass:
    """Return the class of ``board``; ProvisionError for an unknown one.

    ``comb_spacing_ms`` is what the lab found of a Bluetooth link, the coarsest there was;
    None where it found none.
    """
    text = resources.files("recorder.eeg").joinpath("boards.toml").read_text("utf-8")
    boards = tomllib.loads(text)
    if board not in boards:
        raise ProvisionError(f"headset model {board!r} is unknown", hint="update Fieldrec")
    facts = msgspec.convert(boards[board], type=_Board)
    fine = comb_spacing_ms is not None and comb_spacing_ms <= _FINE_COMB_MS
    return HeadsetClass(
        facts.model, "ble-fine" if facts.link == "ble" and fine else facts.link
    )
