"""One session from connected devices to a signed manifest.

Devices are connected first: what can't record makes no session. Then the folder, the
sheet and the first part come to be, and only then samples are written.
"""

from __future__ import annotations

import contextlib
import platform
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from recorder import __version__
from recorder.clock import NS_PER_S, read_host_clock, read_host_ns
from recorder.errors import StoreWriteError
from recorder.format.calibration import choose_calibration
from recorder.format.sheet import Consent, Equipment, SessionSheet
from recorder.format.streams import EegStream
from recorder.store.intake import Intake
from recorder.store.layout import session_folder
from recorder.store.recording import Recording, RecordingFacts
from recorder.store.space import check_fits, free_minutes
from recorder.store.writer import Writer

if TYPE_CHECKING:
    from pathlib import Path

    from recorder.audio.source import AudioSource
    from recorder.box import Box
    from recorder.clients import Consent as AuthorisedConsent
    from recorder.eeg.montage import Board
    from recorder.eeg.source import EegSource
    from recorder.format.manifest import Manifest
    from recorder.format.marks import MarkRecord
    from recorder.format.sheet import ClockState, Ending, Mode, Preparation
    from recorder.store.disk import Disk
    from recorder.store.sessions import Sessions
    from recorder.store.writer import Erasure, WriterStatus, Written

PLANNED_MIN = 90.0  # how long a session may get when nobody says
ALMOST_FULL_MIN = 1.0  # then a session is closed rather than cut off
_TIME_ERROR = 5  # adjtimex(2): wall time is not synchronised


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """What is to be recorded, of whom, and how."""

    consent: AuthorisedConsent
    mode: Mode
    codebook: str  # its version
    headset_spec: str
    microphone_spec: str
    part_length_s: float = 60.0
    duration_s: float | None = None
    simulation: dict[str, int | float] | None = None
    continues: uuid.UUID | None = None
    preparation: Preparation | None = None


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """What a person may want to know of a running session."""

    elapsed_s: float
    saved_s: float
    free_min: float
    writer: WriterStatus


@dataclass(frozen=True, slots=True)
class SessionResult:
    """What became of a session."""

    session: uuid.UUID
    path: Path
    seconds: float
    manifest: Manifest
    writer: WriterStatus


class Session:
    """A session being recorded. Owned by one thread, which calls every method."""

    def __init__(
        self,
        plan: SessionPlan,
        *,
        box: Box,
        sessions: Sessions,
        disk: Disk,
        headset: EegSource,
        microphone: AudioSource | None,
    ) -> None:
        self.session = uuid.uuid4()
        self._plan = plan
        self._box = box
        self._sessions = sessions
        self._disk = disk
        self._headset = headset
        self._microphone = microphone
        self._audio = None if microphone is None else microphone.format
        self.path = session_folder(box.sessions, self.session)
        recording = Recording(
            RecordingFacts(
                device=box.device,
                session=self.session,
                eeg=_eeg_stream(headset.board),
                audio=self._audio,
                recipients=box.recipients,
                part_length_ns=round(plan.part_length_s * NS_PER_S),
            ),
            disk=disk,
            journals=sessions.journals,
            session_path=self.path,
            intake=Intake(headset.board, self._audio),
        )
        self._writer = Writer(recording, clock=read_host_ns)
        self._start_ns = self._end_ns = 0

    def start(self) -> None:
        """Connect the devices and begin to write.

        Raises HeadsetError or MicrophoneError, StoreSpaceError or StoreWriteError; then
        the devices are released and nothing was recorded.
        """
        planned_s = self._plan.duration_s
        check_fits(
            self._free_minutes(), PLANNED_MIN if planned_s is None else planned_s / 60
        )
        with contextlib.ExitStack() as undo:
            # A fault of ours too must leave no thread behind: the program would not end.
            undo.callback(self._writer.abandon)
            undo.callback(self._release_devices)
            self._writer.start()
            self._headset.start(self._writer.deliver)
            if self._microphone is not None:
                self._microphone.start(self._writer.deliver)
            self._sheet = self._make_sheet()
            self._sessions.begin(self._sheet)
            self._writer.begin()
            undo.pop_all()
        self._start_ns = read_host_ns()

    def status(self) -> SessionStatus:
        """Return the newest figures; raise what ended the writer, if something did."""
        self._writer.check()
        writer = self._writer.status
        now_ns = read_host_ns()
        return SessionStatus(
            elapsed_s=(now_ns - self._start_ns) / NS_PER_S,
            saved_s=max(0.0, (writer.saved_ns - self._start_ns) / NS_PER_S),
            free_min=self._free_minutes(),
            writer=writer,
        )

    @property
    def paused(self) -> bool:
        """Whether nothing is written."""
        return self._writer.status.paused

    @property
    def start_ns(self) -> int:
        """Host time at which writing began; 0 before."""
        return self._start_ns

    @property
    def writer(self) -> WriterStatus:
        """The writer's newest figures, also after it ended."""
        return self._writer.status

    def mark(self, record: MarkRecord) -> Written:
        """Write a marker and save it."""
        return self._writer.mark(record)

    def pause(self) -> None:
        """Write no samples until `resume`."""
        self._writer.pause()

    def resume(self) -> None:
        """Write again."""
        self._writer.resume()

    def erase(self, minutes: float) -> Erasure:
        """Erase every part that holds anything of the last ``minutes``."""
        return self._writer.erase(round(minutes * 60 * NS_PER_S))

    def close(self) -> None:
        """Release the devices and save everything; the session is not signed yet.

        Raises StoreWriteError where something could not be saved; it is closed all the
        same.
        """
        self._release_devices()
        self._end_ns = read_host_ns()
        self._writer.stop()

    def sign(self, ending: Ending | None = None) -> SessionResult:
        """Sign a session that was closed, with what it has. Raises OSError, StoreError."""
        if ending is not None:
            self._sheet = msgspec.structs.replace(self._sheet, ending=ending)
        if ending is not None or not self._sessions.has_sheet(self.session):
            self._sessions.write_sheet(self._sheet)
        return SessionResult(
            session=self.session,
            path=self.path,
            seconds=(self._end_ns - self._start_ns) / NS_PER_S,
            manifest=self._sessions.finish(self.session),
            writer=self._writer.status,
        )

    def stop(self) -> SessionResult:
        """Close and sign the session.

        Raises StoreWriteError where something could not be saved; the session is signed
        all the same, with what it has.
        """
        trouble: StoreWriteError | None = None
        try:
            self.close()
        except StoreWriteError as error:
            trouble = error
        try:
            result = self.sign()
        except OSError as error:
            # What could not be saved is the graver news of the two.
            raise trouble or error from error
        if trouble is not None:
            raise trouble
        return result

    def discard(self) -> Manifest:
        """Erase the whole session; only a signed tombstone stays."""
        self._release_devices()
        self._writer.abandon()
        return self._sessions.discard(self.session)

    def _release_devices(self) -> None:
        self._headset.stop()
        if self._microphone is not None:
            self._microphone.stop()

    def _free_minutes(self) -> float:
        return free_minutes(
            self._disk, self._box.sessions, board=self._headset.board, audio=self._audio
        )

    def _make_sheet(self) -> SessionSheet:
        clock = read_host_clock()
        plan = self._plan
        headset, microphone = self._equipment()
        return SessionSheet(
            device=self._box.device,
            session=self.session,
            client=plan.consent.code,
            consent=sheet_consent(plan.consent),
            mode=plan.mode,
            headset=headset,
            microphone=microphone,
            codebook=plan.codebook,
            software=software(),
            started_wall_ns=clock.wall_ns,
            clock_state=clock_state(clock.sync_state),
            started_host_ns=clock.host_ns,
            simulation=plan.simulation,
            preparation=plan.preparation,
            continues=plan.continues,
            calibration=choose_calibration(
                self._box.calibrations,
                headset=headset,
                microphone=microphone,
                audio_rate_hz=0 if self._audio is None else self._audio.rate_hz,
            ),
        )

    def _equipment(self) -> tuple[Equipment, Equipment]:
        """Return headset and microphone as the sheet names them."""
        microphone = self._microphone
        return (
            Equipment(
                spec=self._plan.headset_spec,
                description=self._headset.description,
                simulated=self._headset.simulated,
                board=self._headset.board.name,
            ),
            Equipment(
                spec=self._plan.microphone_spec,
                description={} if microphone is None else microphone.description,
                simulated=microphone is not None and microphone.simulated,
            ),
        )


def sheet_consent(given: AuthorisedConsent) -> Consent:
    """Return a consent as the sheet has it."""
    return Consent(
        scopes=tuple(sorted(given.scopes)), form=given.form, signed_on=given.signed_on
    )


def software() -> dict[str, str]:
    """Return the versions that the sheet names."""
    return {"fieldrec": __version__, "python": platform.python_version()}


def clock_state(sync_state: int) -> ClockState:
    """Return how far wall time may be believed."""
    if sync_state < 0:
        return "unknown"
    return "unsynchronised" if sync_state >= _TIME_ERROR else "synchronised"


def _eeg_stream(board: Board) -> EegStream:
    return EegStream(
        model=board.model,
        labels=tuple(channel.label for channel in board.channels),
        uv_per_count=tuple(channel.uv_per_count for channel in board.channels),
        offset_counts=tuple(channel.offset_counts for channel in board.channels),
        rate_hz=board.rate_hz,
    )
