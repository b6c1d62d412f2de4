"""Sessions of a real box folder, recorded by the product's own store on a virtual clock.

Devices, journal, parts, sheet, signature and chain are the real ones; minutes take seconds.
"""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import msgspec

from recorder.audio.source import AudioFormat
from recorder.box import Box
from recorder.clock import NS_PER_S
from recorder.format.marks import MarkRecord
from recorder.format.sheet import Consent, Ending, Equipment, SessionSheet
from recorder.simulation import SimulationOptions
from recorder.store.disk import RealDisk
from recorder.store.sessions import Sessions
from recorder.store.signing import Signer
from tests.recording_rig import Rig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from recorder.format.marks import Act, Source
    from recorder.format.sheet import AppliedCalibration, Mode, Scope

SHARED: tuple[Scope, ...] = ("eeg", "audio", "sharing")
# 2026-11-23 10:00 UTC; a day later for each session that is made.
WALL_NS = 1_795_428_000 * NS_PER_S
_DAY_NS = 86_400 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Who:
    """Whose session, under which consent, and how it is held."""

    client: str
    scopes: tuple[Scope, ...] = SHARED
    mode: Mode = "in-person"
    codebook: str = "1"
    day: int = 0
    continues: uuid.UUID | None = None


@dataclass
class Recorded:
    """A session that runs; time passes only by `go`."""

    rig: Rig
    session: uuid.UUID
    ending: Ending = field(default_factory=lambda: Ending(outcome="complete"))
    marked_ns: dict[int, int] = field(default_factory=dict)

    def go(self, seconds: float) -> None:
        """Let time pass."""
        self.rig.run(seconds)

    def mark(
        self,
        mark_id: str,
        act: Act = "point",
        *,
        value: int | None = None,
        of: int | None = None,
        at_ns: int = 0,
        source: Source = "key",
    ) -> int:
        """Press a key now or at ``at_ns``; return the mark's number."""
        record = MarkRecord(
            n=0,
            id=mark_id,
            act=act,
            stamp_ns=at_ns or self.rig.now_ns,
            value=value,
            of=of,
            source=source,
        )
        written = self.rig.recording.mark(record)
        self.marked_ns[written.n] = written.stamp_ns
        return written.n

    def score(self, *scores: float) -> None:
        """Write how the electrodes sit, as the box does every few seconds."""
        encoder = self.rig.recording._encoder
        assert encoder is not None
        encoder.add_device(self.rig.now_ns, battery_percent=80.0, quality=scores)

    def pause(self, seconds: float) -> None:
        """Pause for a while."""
        self.rig.recording.pause(self.rig.now_ns)
        self.rig.run(seconds)
        self.rig.recording.resume(self.rig.now_ns)

    def erase(self, seconds: float) -> tuple[int, ...]:
        """Erase what was recorded last."""
        return self.rig.recording.erase(round(seconds * NS_PER_S), self.rig.now_ns)


@contextmanager
def recording(
    box_folder: Path,
    who: Who,
    *,
    simulation: SimulationOptions | None = None,
    channels: int = 2,
    part_length_s: float = 20.0,
    calibration: AppliedCalibration | None = None,
) -> Iterator[Recorded]:
    """Record a session of the box in ``box_folder``; it is signed when the block ends."""
    box = Box.load(box_folder)
    session = uuid.uuid4()
    options = simulation or SimulationOptions(jitter_ms=1, seed=int(session) % 1000)
    signer = Signer(box.device, box.chain, box.signing_key(), box.recipients)
    with Sessions(box.sessions, disk=RealDisk(), signer=signer) as store:
        rig = Rig(
            RealDisk(),
            box.sessions / str(session),
            audio=AudioFormat(n_channels=channels),
            part_length_s=part_length_s,
            simulation=options,
            session=session,
            device=box.device,
            recipients=box.recipients,
        )
        recorded = Recorded(rig, session)
        sheet = _sheet(box, who, recorded, options, calibration)
        store.begin(sheet)
        rig.recording.begin(rig.now_ns)
        yield recorded
        rig.stop()
        store.write_sheet(msgspec.structs.replace(sheet, ending=recorded.ending))
        store.finish(session)


def skip(box_folder: Path, who: Who, reason: str) -> uuid.UUID:
    """Sign a session of which nothing was recorded."""
    box = Box.load(box_folder)
    session = uuid.uuid4()
    signer = Signer(box.device, box.chain, box.signing_key(), box.recipients)
    with Sessions(box.sessions, disk=RealDisk(), signer=signer) as store:
        rig = Rig(RealDisk(), box.sessions / str(session), session=session)
        sheet = _sheet(box, who, Recorded(rig, session), SimulationOptions(), None)
        ending = Ending(outcome="skipped", reason=reason)
        store.begin(msgspec.structs.replace(sheet, ending=ending))
        store.finish(session)
    return session


def _sheet(
    box: Box,
    who: Who,
    recorded: Recorded,
    options: SimulationOptions,
    calibration: AppliedCalibration | None,
) -> SessionSheet:
    return SessionSheet(
        device=box.device,
        session=recorded.session,
        client=who.client,
        consent=Consent(scopes=who.scopes, form="2026-1"),
        mode=who.mode,
        headset=Equipment("simulated", {}, simulated=True, board="simulated"),
        microphone=Equipment("simulated", {"kind": "simulated"}, simulated=True),
        codebook=who.codebook,
        software={"fieldrec": "0.1.0"},
        started_wall_ns=WALL_NS + who.day * _DAY_NS,
        clock_state="synchronised",
        started_host_ns=recorded.rig.now_ns,
        continues=who.continues,
        simulation=asdict(options),
        calibration=calibration,
    )
