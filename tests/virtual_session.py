"""Whole sessions on a virtual clock: recorded, signed and opened by the product itself.

Three minutes take seconds; every file is real.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lab.open import open_session
from recorder.format.manifest import NAMESPACE_MANIFEST
from recorder.format.sheet import Consent, Equipment, SessionSheet
from recorder.format.signers import AllowedSigners, allowed_signers_line, public_line
from recorder.store.disk import RealDisk
from recorder.store.sessions import Sessions
from recorder.store.signing import Signer
from tests.recording_rig import IDENTITIES, RECIPIENTS, Rig

if TYPE_CHECKING:
    from pathlib import Path

    from recorder.format.sheet import AppliedCalibration
    from recorder.simulation import SimulationOptions

DEVICE = "BOX-00019"
AT = datetime(2026, 11, 23, tzinfo=UTC)
PAUSE_S = 4.0


@dataclass
class VirtualBox:
    """A box whose sessions run on a virtual clock; ``folder`` holds all it makes."""

    folder: Path
    calibration: AppliedCalibration | None = None
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def record(
        self, simulation: SimulationOptions, *, seconds: float, pause_at_s: float = 0.0
    ) -> Path:
        """Record, sign and open a session; return the opened folder."""
        sessions = self.folder / "sessions"
        sessions.mkdir(exist_ok=True)
        session = uuid.uuid4()
        signer = Signer(DEVICE, uuid.UUID(int=7), self.key, RECIPIENTS)
        with Sessions(sessions, disk=RealDisk(), signer=signer) as store:
            rig = Rig(
                RealDisk(),
                sessions / str(session),
                part_length_s=60.0,
                simulation=simulation,
                session=session,
            )
            store.begin(_sheet(session, simulation, self.calibration, rig.now_ns))
            rig.recording.begin(rig.now_ns)
            if pause_at_s:
                rig.run(pause_at_s)
                rig.recording.pause(rig.now_ns)
                rig.run(PAUSE_S)
                rig.recording.resume(rig.now_ns)
                seconds -= pause_at_s + PAUSE_S
            rig.run(seconds)
            rig.stop()
            store.finish(session)
        return self.open(sessions / str(session))

    def open(self, session: Path) -> Path:
        """Open a session at the lab."""
        signers = allowed_signers_line(
            DEVICE,
            public_line(self.key, "test"),
            namespaces=[NAMESPACE_MANIFEST],
            valid_after=datetime(2020, 1, 1, tzinfo=UTC),
        )
        opened = open_session(
            session,
            out=self.folder / "opened",
            identities=IDENTITIES[:1],
            signers=AllowedSigners.parse(signers),
            at=AT,
            progress=lambda _: None,
        )
        assert opened.outcome() is None
        return opened.folder


def _sheet(
    session: uuid.UUID,
    simulation: SimulationOptions,
    calibration: AppliedCalibration | None,
    started_host_ns: int,
) -> SessionSheet:
    return SessionSheet(
        device=DEVICE,
        session=session,
        client="K7QX3",
        consent=Consent(scopes=("eeg", "audio"), form="1"),
        mode="in-person",
        headset=Equipment(
            spec="simulated", description={}, simulated=True, board="simulated"
        ),
        microphone=Equipment(
            spec="simulated", description={"kind": "simulated"}, simulated=True
        ),
        codebook="1",
        software={},
        started_wall_ns=0,
        clock_state="unknown",
        started_host_ns=started_host_ns,
        simulation=asdict(simulation),
        calibration=calibration,
    )
