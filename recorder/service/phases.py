"""Which request has its place in which phase, and what others see of the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from recorder.errors import PhaseError
from recorder.protocol import calls

if TYPE_CHECKING:
    from collections.abc import Mapping

    import msgspec

    from recorder.continuing import Offer
    from recorder.errors import FieldrecError
    from recorder.protocol.state import Gate, Phase
    from recorder.service.preparing import Prepared
    from recorder.service.running import Running

STARTING = "start"  # busy with what a crash left
ANYWHERE: tuple[Phase, ...] = ("home", "fit", "recording", "paused", "finish")
ALLOWED: Mapping[type[msgspec.Struct], tuple[Phase, ...]] = {
    calls.Prepare: ("home",),
    calls.Skip: ("home",),
    calls.Cancel: ("fit",),
    calls.Record: ("fit",),
    calls.SkipBaseline: ("recording",),
    calls.Mark: ("recording",),
    calls.Pause: ("recording",),
    calls.Resume: ("paused",),
    calls.Erase: ("recording", "paused"),
    calls.Stop: ("recording", "paused"),
    calls.Finish: ("finish",),
    calls.Discard: ("recording", "paused", "finish"),
    calls.Pair: ("home", "fit"),
    calls.Forget: ("home", "fit"),
    calls.Use: ("home", "fit"),
    calls.Scan: ("home", "fit"),  # listening disturbs a headset that sends
}


@dataclass(frozen=True, slots=True)
class View:
    """What others see of the engine at one moment."""

    phase: Phase
    busy: str
    gate: Gate
    problems: tuple[FieldrecError, ...]
    offer: Offer | None
    prepared: Prepared | None
    running: Running | None
    signs_at_ns: int | None


def check_now(call: calls.Call, phase: Phase) -> None:
    """Raise PhaseError where ``call`` has no place in ``phase``."""
    allowed = ALLOWED.get(type(call), ANYWHERE)
    if phase in allowed:
        return
    if isinstance(call, calls.Mark) and phase == "paused":
        raise PhaseError("nothing is recorded in a pause, no mark either")
    tag = call.__struct_config__.tag
    raise PhaseError(f"{tag} is not possible in {phase}, only in {' or '.join(allowed)}")
