"""The production writer on simulated devices, a virtual clock and any disk."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lab.identity import X25519Identity
from lab.journal_reader import Journal, read_journal
from lab.unseal import unseal, unseal_sound
from recorder.audio.simulated import SimulatedCapture
from recorder.audio.source import AudioFormat
from recorder.clock import NS_PER_S, HostClockReading, WallPair
from recorder.eeg.montage import board
from recorder.eeg.simulated import SimulatedHeadset
from recorder.errors import FormatError, IdentityError, StoreWriteError
from recorder.format.marks import MarkRecord
from recorder.format.streams import EegStream
from recorder.simulation import SimulationOptions, Truth
from recorder.store.intake import Intake
from recorder.store.journals import Journals
from recorder.store.layout import AUDIO_FILE, EEG_FILE, JOURNAL_FILE, part_name
from recorder.store.recording import TICK_NS, Recording, RecordingFacts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.pieces import Piece
    from recorder.format.age import Recipient
    from recorder.store.disk import Disk

SESSIONS = Path("/box/sessions")
SESSION = uuid.UUID("6b1f3c9e-0c1a-4a8e-9a51-3d5ce7a7f001")
FOLDER = SESSIONS / str(SESSION)
IDENTITIES = (X25519Identity.generate(), X25519Identity.generate())
RECIPIENTS = tuple(identity.recipient for identity in IDENTITIES)
STREAMINFO_END = 42  # FLAC clause 8.2: totals stand before this byte, frames after it
_STEP_NS = 20_000_000
_START = WallPair(host_ns=1_000 * NS_PER_S, wall_ns=1_700_000_000 * NS_PER_S)


@dataclass
class Rig:
    """Runs a recording; ``saved`` holds what was acknowledged, part by part."""

    disk: Disk
    folder: Path = FOLDER
    audio: AudioFormat | None = field(default_factory=AudioFormat)
    part_length_s: float = 2.0
    simulation: SimulationOptions = field(default_factory=SimulationOptions)
    session: uuid.UUID = SESSION
    device: str = "BOX-00019"
    recipients: tuple[Recipient, ...] = RECIPIENTS

    def __post_init__(self) -> None:
        self.now_ns = _START.host_ns
        facts = board("simulated")
        self.journals = Journals(self.disk, self.folder.parent)
        self.recording = Recording(
            RecordingFacts(
                device=self.device,
                session=self.session,
                eeg=EegStream(
                    model=facts.model,
                    labels=tuple(channel.label for channel in facts.channels),
                    uv_per_count=tuple(channel.uv_per_count for channel in facts.channels),
                    offset_counts=tuple(c.offset_counts for c in facts.channels),
                    rate_hz=facts.rate_hz,
                ),
                audio=self.audio,
                recipients=self.recipients,
                part_length_ns=round(self.part_length_s * NS_PER_S),
            ),
            disk=self.disk,
            journals=self.journals,
            session_path=self.folder,
            intake=Intake(facts, self.audio),
            read_clocks=self._clocks,
        )
        truth = Truth(origin_ns=self.now_ns, seed=self.simulation.seed)
        self._headset = SimulatedHeadset(self.simulation, truth, wall=_START)
        self._microphone = (
            None
            if self.audio is None
            else SimulatedCapture(self.audio, self.simulation, truth)
        )
        self.saved: dict[int, tuple[int, int]] = {}
        self.saved_marks: list[int] = []
        self._next_tick_ns = self.now_ns + TICK_NS

    def _clocks(self) -> HostClockReading:
        """Return the virtual clocks: wall time neither steps nor drifts."""
        wall_ns = _START.wall_ns + self.now_ns - _START.host_ns
        return HostClockReading(self.now_ns, wall_ns, boot_ns=self.now_ns, sync_state=0)

    def begin(self) -> None:
        """Make the session's folder and open the first part."""
        self.journals.prepare()
        self.disk.make_folder(self.folder)
        self.disk.sync_folder(self.folder.parent)
        self.recording.begin(self.now_ns)

    def run(self, seconds: float) -> None:
        """Let devices deliver and ticks fall for a while."""
        end_ns = self.now_ns + round(seconds * NS_PER_S)
        while self.now_ns < end_ns:
            self.now_ns += _STEP_NS
            for event in self._headset.advance(self.now_ns):
                self.recording.intake.eeg(event)
            if self._microphone is not None:
                for sound in self._microphone.advance(self.now_ns):
                    self.recording.intake.audio(sound)
            if self.now_ns >= self._next_tick_ns:
                self._next_tick_ns += TICK_NS
                self.tick()
            self.recording.work()

    def tick(self) -> bool:
        """Tick once and note what that acknowledged."""
        part, encoder = self.recording._part, self.recording._encoder
        saved = self.recording.tick(self.now_ns)
        if saved and part is not None and encoder is not None:
            self.saved[part.number] = (encoder._xdf_taken, encoder._flac_taken)
        return saved

    def mark(self, name: str = "insight") -> None:
        """Mark and save at once, as the writer thread does."""
        record = MarkRecord(n=0, id=name, act="point", stamp_ns=self.now_ns)
        number = self.recording.mark(record).n
        if self.tick():
            self.saved_marks.append(number)

    def stop(self) -> None:
        """Stop as a person would."""
        self.recording.stop(self.now_ns)

    def try_stop(self) -> StoreWriteError | None:
        """Stop and return the complaint, if there is one."""
        try:
            self.stop()
        except StoreWriteError as error:
            return error
        return None


@dataclass(frozen=True)
class PartBytes:
    """What the lab can have of a part."""

    eeg: bytes
    audio: bytes
    closed: bool


def read_parts(files: Mapping[Path, bytes], folder: Path = FOLDER) -> dict[int, PartBytes]:
    """Return every part in ``folder`` as the lab would recover it."""
    parts: dict[int, PartBytes] = {}
    for name in {path.parent.name for path in files if path.parent.parent == folder}:
        found = part_name(name)
        if found is None or found.state == ".erased":
            continue
        journal = _journal(files.get(folder / name / JOURNAL_FILE), found.number)
        eeg, eeg_whole = _best(files.get(folder / name / EEG_FILE), journal.eeg)
        audio, audio_whole = _best(files.get(folder / name / AUDIO_FILE), journal.audio)
        parts[found.number] = PartBytes(eeg, audio, eeg_whole and audio_whole)
    return parts


def _journal(content: bytes | None, part: int) -> Journal:
    if content is None:
        return Journal()
    try:
        return read_journal(
            content,
            session=str(SESSION),
            part=part,
            unseal=lambda sealed: unseal(sealed, IDENTITIES[:1]),
        )
    except (FormatError, IdentityError):
        return Journal()  # its header was never acknowledged


def _best(sealed: bytes | None, pieces: tuple[Piece, ...]) -> tuple[bytes, bool]:
    if sealed is not None:
        try:
            opened = unseal_sound(sealed, IDENTITIES[1:])
        except FormatError:
            opened = None
        if opened is not None and opened.complete:
            return b"".join(content for _, content in opened.pieces), True
    if not pieces:
        return b"", False
    first = pieces[0]
    assert first.offset == 0, "a journal begins with the file's first byte"
    return first.content, False
