"""What a client of the recorder may ask for."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from recorder.format.registers import Scope  # noqa: TC001 - msgspec reads it

EraseMinutes = Literal[1, 5, 15]
Mode = Literal["in-person", "online"]
Outcome = Literal["complete", "partial", "skipped", "not stated"]
# Nothing that a file's name or a log's line can't hold.
_Short = Annotated[str, msgspec.Meta(max_length=1000, pattern=r"\A[^\x00-\x1f\x7f]*\Z")]
# Longer ones can't be reckoned with beside a float.
Whole = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]


class _Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do"):
    """A request's body; its kind stands in ``do``."""


class Hello(_Call, frozen=True, tag="hello"):
    """Who are you? The answer is `Welcome`."""


class Subscribe(_Call, frozen=True, tag="subscribe"):
    """Send `News` from now on; with ``trace`` also the newest samples."""

    trace: bool = False


class ListClients(_Call, frozen=True, tag="clients"):
    """Which clients may be recorded? The answer is `ClientList`."""


class ReadPapers(_Call, frozen=True, tag="papers"):
    """What did the lab give this box to work by? The answer is `Papers`."""


class Prepare(_Call, frozen=True, tag="prepare"):
    """Begin the fit for a session with ``client``: home -> fit.

    ``scopes`` and ``form`` are what a client signed just now, None for what is on file.
    ``signed_on`` is the form's date as ``2026-01-31``. ``confirmed`` holds ids of the
    study's questions: its eligibility before a client's first session, its online check
    before each online one. ``continues`` goes on with the interrupted session that
    `State.interrupted` offers.
    """

    client: _Short
    mode: Mode
    only_consented: bool
    scopes: tuple[Scope, ...] | None = None
    form: _Short | None = None
    signed_on: _Short = ""
    confirmed: tuple[_Short, ...] = ()
    continues: bool = False


class Cancel(_Call, frozen=True, tag="cancel"):
    """Leave the fit, nothing recorded: fit -> home."""


class Skip(_Call, frozen=True, tag="skip"):
    """A planned session that did not take place: signed without samples: home -> home."""

    client: _Short
    mode: Mode
    reason: _Short


class Record(_Call, frozen=True, tag="record"):
    """Begin to record: fit -> recording.

    ``override`` records although too few electrodes are fine; ``baseline`` begins with two
    minutes of rest.
    """

    override: bool = False
    baseline: bool = False


class SkipBaseline(_Call, frozen=True, tag="skip_baseline"):
    """End the baseline early and go on with the session."""


class Mark(_Call, frozen=True, tag="mark"):
    """A mark whose key was pressed at ``key_ns``; the answer is `Marked`.

    ``act`` is point, on, off or value, or undo with the number ``of`` the mark it undoes.
    ``back_s`` says how long before the key the event was.
    """

    id: _Short
    act: Literal["point", "on", "off", "value", "undo"]
    key_ns: Whole
    value: Whole | None = None
    back_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 0
    of: Whole | None = None


class Pause(_Call, frozen=True, tag="pause"):
    """Write nothing until `Resume`: recording -> paused."""


class Resume(_Call, frozen=True, tag="resume"):
    """Write again: paused -> recording."""


class Erase(_Call, frozen=True, tag="erase"):
    """Erase the last minutes; the answer is `Erased`. In recording or paused."""

    minutes: EraseMinutes


class Stop(_Call, frozen=True, tag="stop"):
    """End the recording: recording or paused -> finish. Everything is saved then."""


class Finish(_Call, frozen=True, tag="finish"):
    """Say how it was and sign: finish -> home. The answer is `Finished`."""

    outcome: Outcome = "not stated"
    reason: _Short = ""
    scales: dict[_Short, dict[_Short, Whole]] = {}


class Discard(_Call, frozen=True, tag="discard"):
    """Erase the whole session: recording, paused or finish -> home."""


class Scan(_Call, frozen=True, tag="scan"):
    """Look for headsets and microphones, which takes seconds. The answer is `Found`."""


class Pair(_Call, frozen=True, tag="pair"):
    """Remember headset ``spec`` under ``name`` and use it from now on."""

    spec: _Short
    name: _Short


class Forget(_Call, frozen=True, tag="forget"):
    """Forget the paired headset ``name``."""

    name: _Short


class Use(_Call, frozen=True, tag="use"):
    """Use another headset (a paired name or a spec) or microphone; in home or fit.

    It is remembered for the next start; empty leaves one as it is.
    """

    headset: _Short = ""
    microphone: _Short = ""


class Seen(_Call, frozen=True, tag="seen"):
    """A person has seen the alarm ``id``: it stays listed only while it lasts."""

    id: _Short


class Provoke(_Call, frozen=True, tag="provoke"):
    """Let simulated devices fail, or mend them: refused with real devices.

    ``electrodes`` and ``microphone`` (mute) change each time; a lost ``headset`` comes
    back by itself after 8 s.
    """

    fault: Literal["electrodes", "headset", "microphone"]


Call = (
    Hello
    | Subscribe
    | ListClients
    | ReadPapers
    | Prepare
    | Cancel
    | Skip
    | Record
    | SkipBaseline
    | Mark
    | Pause
    | Resume
    | Erase
    | Stop
    | Finish
    | Discard
    | Scan
    | Pair
    | Forget
    | Use
    | Seen
    | Provoke
)
