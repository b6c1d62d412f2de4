"""The session sheet: what the session was, sealed as ``session.json.age``.

It is written when a session starts and replaced whole when the outcome is known. The
only names in it are pseudonyms.
"""

from __future__ import annotations

from typing import Literal
from uuid import UUID  # noqa: TC003 - msgspec reads the annotations at run time

import msgspec

from recorder.errors import FormatError

VERSION = 1

Outcome = Literal["complete", "partial", "skipped", "not stated"]
OUTCOME_NOT_STATED: Outcome = "not stated"
Scope = Literal["eeg", "audio", "transcript", "sharing"]
Mode = Literal["in-person", "online"]
ClockState = Literal["synchronised", "unsynchronised", "unknown"]


class Consent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the client agreed to, and on which version of the form.

    ``signed_on`` is the form's date as ``2026-01-31``, empty where nobody gave it.
    """

    scopes: tuple[Scope, ...]
    form: str
    signed_on: str = ""


class Equipment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A headset or microphone: as asked for (``spec``), and which one it was.

    ``board`` is BrainFlow's board name, empty for a microphone.
    """

    spec: str
    description: dict[str, str]
    simulated: bool
    board: str = ""


class AppliedCalibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How late the headset's samples arrive by a calibration that fits this session.

    ``constant_ms`` is to be taken off the EEG's stamps, ``spread_ms`` (SD) is what differs
    from connection to connection. Nothing that the box writes is moved by it.
    """

    id: str
    constant_ms: float
    spread_ms: float


class Preparation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was confirmed and seen before the first sample.

    ``confirmed`` holds the ids of the study's questions that were answered with yes.
    ``only_consented`` says that nobody else was in the room. ``good_share`` is the share
    of electrodes that were fine when recording began; ``fit_overridden`` says that it was
    begun although they were too few.
    """

    only_consented: bool
    confirmed: tuple[str, ...] = ()
    good_share: float = 0.0
    fit_overridden: bool = False


class Ending(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the therapist said when the session was over.

    ``reason`` is an id of the study's list; ``scales`` maps a scale's id to its items'
    ids and answers.
    """

    outcome: Outcome = OUTCOME_NOT_STATED
    reason: str = ""
    scales: dict[str, dict[str, int]] = {}


class SessionSheet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything about a session that is not a sample.

    ``started_wall_ns`` is wall time since 1970 and only labels; ``clock_state`` says how
    far to believe it. ``started_host_ns`` is the same moment on the host clock.
    ``continues`` names the session that a crash cut off. ``simulation`` holds the
    options of simulated devices. ``calibration`` is None where none on the box fits.
    ``preparation`` is None where a technician recorded from the command line.
    """

    version: int = VERSION
    device: str
    session: UUID
    client: str
    consent: Consent
    mode: Mode
    headset: Equipment
    microphone: Equipment
    codebook: str
    software: dict[str, str]
    started_wall_ns: int
    clock_state: ClockState
    started_host_ns: int
    ending: Ending = Ending()
    preparation: Preparation | None = None
    continues: UUID | None = None
    simulation: dict[str, int | float] | None = None
    calibration: AppliedCalibration | None = None


def encode_sheet(sheet: SessionSheet) -> bytes:
    """Return the sheet as JSON, indented for people."""
    return msgspec.json.format(msgspec.json.encode(sheet), indent=2)


def parse_sheet(data: bytes) -> SessionSheet:
    """Read a sheet; raises FormatError for an unknown version, field or value."""
    try:
        sheet = msgspec.json.decode(data, type=SessionSheet)
    except msgspec.MsgspecError as error:
        # Without its cause: that one quotes what the sheet says.
        raise FormatError(f"session sheet: {_place_only(error)}") from None
    if sheet.version != VERSION:
        raise FormatError(
            f"session sheet of version {sheet.version}; this program reads {VERSION}",
            hint="update the lab's software",
        )
    return sheet


def _place_only(error: msgspec.MsgspecError) -> str:
    """Name the field but never its value: the sheet holds the client's pseudonym."""
    _, at, place = str(error).rpartition(" - at ")
    return f"a wrong value{at}{place}" if at else "not readable as JSON of a sheet"
