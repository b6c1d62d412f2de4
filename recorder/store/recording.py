"""One session being written: the only place that decides what reaches the disk, and when.

A `Recording` belongs to one thread, the writer. It is fed events in the order of their
arrival and told to tick; it never waits for a device. Whatever it was given before a
tick returned is on the medium and can be opened at the lab.

Failures of the disk are never retried on the same file. The failed part keeps its bytes
in RAM and goes on trying to close; the session continues in a new part with another
journal, and `Recording.trouble` tells what a person should know.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from recorder.clock import NS_PER_S, read_host_clock
from recorder.errors import StoreWriteError
from recorder.format.journal import JOURNAL_BYTES
from recorder.format.marks import MarkRecord
from recorder.format.streams import PartIdentity
from recorder.store.closing import ClosingParts
from recorder.store.encoder import PartEncoder
from recorder.store.erase import decide_erase, finish_erase, is_decided
from recorder.store.layout import LAST_PART
from recorder.store.part import OpenPart

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from uuid import UUID

    from recorder.audio.source import AudioFormat
    from recorder.clock import HostClockReading
    from recorder.format.age import Recipient
    from recorder.format.streams import EegStream
    from recorder.store.disk import Disk
    from recorder.store.intake import Intake
    from recorder.store.journals import Journals

# Room that has to be left in a journal: a second and a half of the worst load there is
# (24-bit stereo noise, 64 channels), or the part closes early.
_JOURNAL_RESERVE_BYTES = 1 << 20
_GIVE_UP_NS = 120 * NS_PER_S
_HOST_CLOCK_EVERY_NS = NS_PER_S
_WALL_STEP_NS = NS_PER_S // 1000  # NTP slews by 0.5 ms a second at most
TICK_NS = NS_PER_S // 2  # how often the writer calls `Recording.tick`


@dataclass(frozen=True, slots=True)
class RecordingFacts:
    """What does not change while a session is recorded."""

    device: str
    session: UUID
    eeg: EegStream
    audio: AudioFormat | None
    recipients: tuple[Recipient, ...]
    part_length_ns: int


@dataclass(frozen=True, slots=True)
class PartSpan:
    """From when to when a part was open, in host time; it holds nothing taken later."""

    number: int
    start_ns: int
    end_ns: int
    lost_ns: int  # of the headset, meanwhile


class Recording:
    """The parts of one session. Belongs to the writer thread."""

    def __init__(
        self,
        facts: RecordingFacts,
        *,
        disk: Disk,
        journals: Journals,
        session_path: Path,
        intake: Intake,
        read_clocks: Callable[[], HostClockReading] = read_host_clock,
    ) -> None:
        self._facts = facts
        self._read_clocks = read_clocks
        self._disk = disk
        self._journals = journals
        self._path = session_path
        self.intake = intake
        self._encoder: PartEncoder | None = None
        self._part: OpenPart | None = None
        self._closing = ClosingParts()
        self._spans: list[PartSpan] = []
        self._erased: list[int] = []
        self._number = 0
        self._part_start_ns = 0
        self._part_lost_ns = 0
        self._host_clock_ns = 0
        self._wall_ahead_ns = 0
        self._saved_ns = 0
        self._failing_since_ns: int | None = None
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """What the disk last refused, for a person; empty while all is well."""
        return self._trouble or self._closing.trouble

    @property
    def paused(self) -> bool:
        """Whether no samples are written."""
        return self._encoder is None

    @property
    def saved_ns(self) -> int:
        """Host time up to which everything is on the medium."""
        return self._saved_ns

    @property
    def n_parts(self) -> int:
        """Parts begun, erased ones included."""
        return self._number

    @property
    def erased(self) -> tuple[int, ...]:
        """Numbers of the parts erased so far."""
        return tuple(self._erased)

    def written_ns(self, now_ns: int) -> int:
        """Return how long samples were written, without pauses and what was erased."""
        kept = sum(span.end_ns - span.start_ns for span in self._kept_spans())
        return kept + (0 if self.paused else now_ns - self._part_start_ns)

    def lost_ns(self, now_ns: int) -> int:
        """Return how much of that the headset has no samples for."""
        kept = sum(span.lost_ns for span in self._kept_spans())
        return kept + (0 if self.paused else self._lost_of_part_ns(now_ns))

    def begin(self, now_ns: int) -> None:
        """Open the first part; raises StoreWriteError where even that fails."""
        self._saved_ns = now_ns
        self._open_part(now_ns)
        if self._part is None or not self._part.opened:
            raise StoreWriteError(
                f"the first part can't be opened: {self.trouble}",
                hint="check the box's disk",
            )

    def mark(self, record: MarkRecord) -> MarkRecord:
        """Write a marker; it is acknowledged once the next `tick` returns True."""
        return self.intake.mark(record)

    def tick(self, upto_ns: int) -> bool:
        """Save all that arrived before ``upto_ns``; tell whether it is on the medium.

        Raises StoreWriteError when the disk has refused for two minutes on end.
        """
        self._closing.rested()
        self.intake.notice_silence(upto_ns)
        if self._encoder is None:
            return True
        self._write_clocks(self._encoder, upto_ns)
        saved = self._save(upto_ns)
        old = upto_ns - self._part_start_ns + TICK_NS > self._facts.part_length_ns
        full = self._part is not None and not self._part.has_room(_JOURNAL_RESERVE_BYTES)
        if saved and (old or full):
            self._end_part(upto_ns)
            self._open_part(upto_ns)
        return saved

    def work(self) -> bool:
        """Take one step in closing finished parts; tell whether there is more to do."""
        return self._closing.work() or self._journals.work()

    def pause(self, now_ns: int) -> None:
        """Close the part; nothing is written until `resume`."""
        self.mark(_machine("pause", now_ns))
        self._save(now_ns)
        self._end_part(now_ns)

    def resume(self, now_ns: int) -> None:
        """Go on in a new part with what is taken from ``now_ns`` on."""
        self.intake.begin_segment(not_before_ns=now_ns)
        self._open_part(now_ns)
        self.mark(_machine("resume", now_ns))
        self._save(now_ns)

    def erase(self, back_ns: int, now_ns: int) -> tuple[int, ...]:
        """Erase every part that holds anything of the last ``back_ns``; tell which.

        Raises StoreWriteError where the disk refuses. Its hint says whether nothing was
        erased or the next start of the box finishes it.
        """
        was_paused = self.paused
        numbers = self._parts_since(now_ns - back_ns)
        self._decide(numbers)
        self._drop_part(now_ns)
        self._closing.forget(numbers)
        self._erased.extend(numbers)
        try:
            finish_erase(self._disk, self._journals, self._path)
        except OSError as error:
            raise StoreWriteError(
                f"erasing failed: {error.strerror}", hint="the next start finishes it"
            ) from error
        finally:
            self.intake.begin_segment(not_before_ns=now_ns)
            self._open_part(now_ns)
            self.mark(_machine("erase", now_ns, back_s=back_ns / NS_PER_S))
            self._save(now_ns)
            if was_paused:
                self._end_part(now_ns)
        return numbers

    def _decide(self, numbers: tuple[int, ...]) -> None:
        """Put the decision on the medium; one not yet carried out stays part of it."""
        everything = {*self._erased, *numbers}
        try:
            decide_erase(self._disk, self._path, everything)
        except OSError as error:
            if is_decided(self._disk, self._path, everything):
                return  # the file is there, if not for certain: then it holds
            raise StoreWriteError(
                f"erasing failed: {error.strerror}", hint="nothing was erased; try again"
            ) from error

    def stop(self, now_ns: int) -> None:
        """Close everything. Raises StoreWriteError naming what could not be saved."""
        if self._encoder is not None:
            with contextlib.suppress(StoreWriteError):  # closing may still work
                self._save(now_ns)
            self._end_part(now_ns)
        self._make_room()
        unsaved = self._closing.finish()
        if unsaved:
            raise StoreWriteError(
                f"{unsaved} part(s) could not be saved whole: {self.trouble}",
                hint="everything up to the last saved moment is kept",
            )

    def _make_room(self) -> None:
        """Give up the free journals where closing may need their space: no more parts."""
        with contextlib.suppress(OSError):
            if self._disk.free_bytes(self._path.parent) < JOURNAL_BYTES:
                self._journals.scrub()

    def let_go(self) -> None:
        """Close the files and write nothing more; everything stays as it lies."""
        self._closing.let_go()
        if self._part is not None:
            self._part.abandon()

    def _open_part(self, now_ns: int) -> None:
        if self._number == LAST_PART:
            raise StoreWriteError(
                f"part {LAST_PART} was the last a session can have",
                hint="start a new session",
            )
        self._number += 1
        identity = PartIdentity(
            device=self._facts.device,
            session=self._facts.session,
            part=self._number,
            first_frame=self.intake.frames_written,
        )
        self._encoder = PartEncoder(identity, eeg=self._facts.eeg, audio=self._facts.audio)
        self._part = OpenPart(
            self._encoder,
            disk=self._disk,
            journals=self._journals,
            session_path=self._path,
            recipients=self._facts.recipients,
        )
        self._part_start_ns = now_ns
        self._host_clock_ns = 0
        self.intake.write_to(self._encoder)
        self._part_lost_ns = self._lost_so_far_ns(now_ns)
        self._begin_journal(now_ns)

    def _write_clocks(self, encoder: PartEncoder, upto_ns: int) -> None:
        """Write a reading each second, and at once when the wall clock was stepped."""
        reading = self._read_clocks()
        wall_ahead_ns = reading.wall_ns - reading.host_ns
        stepped = abs(wall_ahead_ns - self._wall_ahead_ns) > _WALL_STEP_NS
        if stepped or upto_ns - self._host_clock_ns >= _HOST_CLOCK_EVERY_NS:
            self._host_clock_ns = upto_ns
            self._wall_ahead_ns = wall_ahead_ns
            encoder.add_host_clock(reading)

    def _begin_journal(self, now_ns: int) -> None:
        """Give the part its journal; without one it grows in RAM until the disk allows."""
        if self._part is None or self._part.opened:
            return
        try:
            self._part.open()
        except OSError as error:
            self._tell(error, now_ns)

    def _save(self, upto_ns: int) -> bool:
        self._begin_journal(upto_ns)
        if self._part is None or self._encoder is None or not self._part.opened:
            self._check_patience(upto_ns)
            return False
        try:
            self._part.tick()
        except OSError as error:
            self._tell(error, upto_ns)
            self._end_part(upto_ns)
            self._open_part(upto_ns)
            return False
        if self._closing.any_unsafe:
            self._check_patience(upto_ns)
            return False
        self._failing_since_ns = None
        self._trouble = ""
        rate_hz = self._facts.audio.rate_hz if self._facts.audio is not None else 1
        waiting_ns = self._encoder.frames_waiting * NS_PER_S // rate_hz
        self._saved_ns = max(self._saved_ns, upto_ns - waiting_ns)
        return True

    def _end_part(self, now_ns: int) -> None:
        """Move the open part to those being closed."""
        self._leave_part(now_ns)
        if self._part is not None:
            self._closing.add(self._part)
        self._part = None

    def _drop_part(self, now_ns: int) -> None:
        """Write no more of the open part and don't close it either."""
        self._leave_part(now_ns)
        if self._part is not None:
            self._part.abandon()
        self._part = None

    def _leave_part(self, now_ns: int) -> None:
        lost_ns = self._lost_of_part_ns(now_ns)
        self.intake.write_to(None)
        if self._part is not None:
            span = PartSpan(self._number, self._part_start_ns, now_ns, lost_ns)
            self._spans.append(span)
        self._encoder = None

    def _lost_of_part_ns(self, now_ns: int) -> int:
        return self._lost_so_far_ns(now_ns) - self._part_lost_ns

    def _lost_so_far_ns(self, now_ns: int) -> int:
        rate_hz = self._facts.eeg.rate_hz
        by_counter_ns = self.intake.counts.lost_samples * NS_PER_S / rate_hz
        return self.intake.gaps_ns(now_ns) + round(by_counter_ns)

    def _kept_spans(self) -> list[PartSpan]:
        return [span for span in self._spans if span.number not in self._erased]

    def _parts_since(self, from_ns: int) -> tuple[int, ...]:
        open_part = [] if self._part is None else [self._number]
        ended = [span.number for span in self._spans if span.end_ns > from_ns]
        return tuple(n for n in ended + open_part if n not in self._erased)

    def _tell(self, error: OSError, now_ns: int) -> None:
        self._trouble = f"the disk refused: {error.strerror}"
        if self._failing_since_ns is None:
            self._failing_since_ns = now_ns

    def _check_patience(self, now_ns: int) -> None:
        since_ns = self._failing_since_ns
        if since_ns is not None and now_ns - since_ns > _GIVE_UP_NS:
            raise StoreWriteError(
                f"nothing saved for {(now_ns - since_ns) // NS_PER_S} s: {self.trouble}",
                hint="what was saved before stays saved",
            )


def _machine(
    act: Literal["pause", "resume", "erase"], now_ns: int, *, back_s: float = 0.0
) -> MarkRecord:
    return MarkRecord(
        n=0, id=act, act=act, stamp_ns=now_ns, back_s=back_s, source="machine"
    )
