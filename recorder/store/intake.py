"""From device events to rows: what the writer puts into the open part.

Keeps what outlives a part: the EEG timeline, the count of audio frames written, segment
and marker numbers. While paused it writes nothing, but it goes on watching the clock of
the headset, so that stamps are right from the first sample after the pause.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from recorder.alignment.eeg_timeline import EegTimeline
from recorder.alignment.facts import CounterFacts, EegClockFacts
from recorder.audio.source import AudioBlock, AudioConnected, AudioLost
from recorder.audio.watch import SoundWatch
from recorder.clock import NS_PER_S
from recorder.eeg.contact import ContactTrend
from recorder.eeg.source import EegBlock, EegConnected, EegLost
from recorder.format.marks import MarkRecord
from recorder.store.encoder import Packets

if TYPE_CHECKING:
    from recorder.alignment.eeg_timeline import LiveNumbers, Placed
    from recorder.audio.source import AudioEvent, AudioFormat
    from recorder.audio.watch import Sound
    from recorder.eeg.montage import Board
    from recorder.eeg.source import EegEvent
    from recorder.store.encoder import PartEncoder

_AUDIO_CLOCK_EVERY_NS = 100_000_000  # 10 Hz; the format asks for 5 at least
_DEVICE_EVERY_NS = 10 * NS_PER_S
_SILENT_NS = 3 * NS_PER_S  # a source tells of a loss within 2 s, unless it broke itself


@dataclass(frozen=True, slots=True)
class Counts:
    """What came and what is known to be missing, since the session began."""

    rows: int = 0
    lost_samples: int = 0
    frames: int = 0
    xruns: int = 0
    overflowed: int = 0


@dataclass(frozen=True, slots=True)
class AudioClockRow:
    """Which frame of the session the microphone had captured at ``stamp_ns``."""

    stamp_ns: int
    frame: int
    xruns: int
    segment: int


class Intake:
    """Turns events into rows of the encoder it is given. Belongs to the writer thread."""

    def __init__(self, board: Board, audio: AudioFormat | None) -> None:
        counter = board.counter
        self._timeline = EegTimeline(
            EegClockFacts(
                counter=CounterFacts(
                    modulus=counter.modulus,
                    step=counter.step,
                    rows_per_packet=counter.rows_per_packet,
                    software=counter.software,
                ),
                rate_hz=board.rate_hz,
                oscillator=board.oscillator,
                stamps=board.stamps,
            )
        )
        self._board = board
        self._audio = audio
        self._encoder: PartEncoder | None = None
        self._not_before_ns = 0  # nothing taken before this moment may be written
        self._marks = 0
        self._device_ns = 0
        self._battery: float | None = None
        self._written_ns: int | None = None  # poll of the newest block written
        self._gaps_ns = 0
        self._frames = 0
        self._segment = 0
        self._xruns = 0
        self._clock_row: AudioClockRow | None = None
        self._clock_row_ns = 0
        self._eeg_heard_ns = self._audio_heard_ns = 0
        self._counts = Counts()
        self._sound = None if audio is None else SoundWatch(audio)
        self.contact = ContactTrend(board)
        self.headset_lost = False
        self.microphone_lost = False

    @property
    def counts(self) -> Counts:
        """What came and what is missing so far."""
        return self._counts

    @property
    def frames_written(self) -> int:
        """Audio frames given to encoders since the session began."""
        return self._frames

    @property
    def battery_percent(self) -> float | None:
        """The headset's battery, where it tells."""
        return self._battery

    def gaps_ns(self, now_ns: int) -> int:
        """Return how long nothing could be written of the headset that no counter shows."""
        if self._encoder is None or self._written_ns is None or not self.headset_lost:
            return self._gaps_ns
        return self._gaps_ns + now_ns - self._written_ns

    def sound(self, now_ns: int) -> tuple[Sound, ...]:
        """Return how each channel of the microphone sounds."""
        return () if self._sound is None else self._sound.read(now_ns)

    def numbers(self, now_ns: int) -> LiveNumbers:
        """Return the live clock figures of the headset."""
        return self._timeline.numbers(now_ns)

    def write_to(self, encoder: PartEncoder | None) -> None:
        """Write into ``encoder`` from now on; None writes nothing."""
        self._flush_clock_row()
        self._device_ns = 0  # each part says how the headset was
        self._encoder = encoder

    def begin_segment(self, not_before_ns: int) -> None:
        """Begin again after a pause: nothing from before that moment is written."""
        self._gaps_ns = self.gaps_ns(not_before_ns)
        self._written_ns = self._not_before_ns = not_before_ns
        self._new_audio_segment()

    def overflow(self, blocks: int) -> None:
        """Count blocks that found the queue full."""
        self._count(overflowed=blocks)
        self._new_audio_segment()

    def mark(self, record: MarkRecord) -> MarkRecord:
        """Give a marker its number, write it, and return it as written.

        While paused nothing is written; the record comes back without a number.
        """
        if self._encoder is None:
            return record
        self._marks += 1
        numbered = msgspec.structs.replace(record, n=self._marks)
        self._encoder.add_mark(numbered)
        return numbered

    def eeg(self, event: EegEvent) -> None:
        """Take news or a block of the headset."""
        if isinstance(event, EegLost):
            self._lose_headset(event.host_ns)
        elif isinstance(event, EegConnected):
            self._hear_headset(event.host_ns)
        else:
            self._hear_headset(event.polled_ns)
            self._eeg_block(event)

    def audio(self, event: AudioEvent) -> None:
        """Take news or a block of the microphone."""
        if isinstance(event, AudioLost):
            self._lose_microphone(event.host_ns)
        elif isinstance(event, AudioConnected):
            self._hear_microphone(event.host_ns)
            if self._sound is not None:
                self._sound.restart()
        else:
            self._hear_microphone(event.read_ns)
            self._audio_block(event)

    def notice_silence(self, upto_ns: int) -> None:
        """Take a device for lost that says nothing at all, not even that it is.

        Everything that was delivered before ``upto_ns`` has been taken.
        """
        self._eeg_heard_ns = self._eeg_heard_ns or upto_ns
        self._audio_heard_ns = self._audio_heard_ns or upto_ns
        if upto_ns - self._eeg_heard_ns > _SILENT_NS:
            self._lose_headset(upto_ns)
        if self._audio is not None and upto_ns - self._audio_heard_ns > _SILENT_NS:
            self._lose_microphone(upto_ns)

    def _lose_headset(self, host_ns: int) -> None:
        if not self.headset_lost:
            self.headset_lost = True
            self.contact.lost(host_ns)
            self._news("headset", "lost", host_ns)

    def _hear_headset(self, host_ns: int) -> None:
        self._eeg_heard_ns = host_ns
        if self.headset_lost:
            self.headset_lost = False
            self._news("headset", "back", host_ns)

    def _lose_microphone(self, host_ns: int) -> None:
        if not self.microphone_lost:
            self.microphone_lost = True
            self._news("microphone", "lost", host_ns)

    def _hear_microphone(self, host_ns: int) -> None:
        self._audio_heard_ns = host_ns
        if self.microphone_lost:
            self.microphone_lost = False
            self._news("microphone", "back", host_ns)
            self._new_audio_segment()

    def _news(self, what: str, act: Literal["lost", "back"], host_ns: int) -> None:
        self.mark(MarkRecord(n=0, id=what, act=act, source="machine", stamp_ns=host_ns))

    def _eeg_block(self, block: EegBlock) -> None:
        placed = self._timeline.place(
            connection=block.connection,
            polled_ns=block.polled_ns,
            wall=block.wall,
            counter=block.counter,
            stamp_s=block.stamp_s,
            samples_uv=block.samples_uv,
        )
        self._battery = block.battery_percent
        self.contact.observe(block)
        if self._encoder is None or not placed.stamps_ns.size:
            return
        if int(placed.stamps_ns[0]) < self._not_before_ns:
            return  # taken before the pause ended
        self._encoder.add_eeg(placed.stamps_ns, placed.samples_uv, _packets(block, placed))
        self._count(rows=block.n_rows, lost_samples=placed.lost_exact)
        if self._written_ns is not None and placed.break_reason:
            self._gaps_ns += block.polled_ns - self._written_ns
        self._written_ns = block.polled_ns
        if block.polled_ns - self._device_ns >= _DEVICE_EVERY_NS:
            self._device_ns = block.polled_ns
            self._encoder.add_device(
                block.polled_ns,
                battery_percent=self._battery,
                quality=self._scores(),
            )

    def _scores(self) -> list[float]:
        """Return each channel's verdict as its score; NaN before the first judgement."""
        if not self.contact.judged_ns:
            return [math.nan] * self._board.n_channels
        return [float(contact.verdict) for contact in self.contact.contacts]

    def _audio_block(self, block: AudioBlock) -> None:
        if self._audio is None or self._sound is None:
            return
        if block.xruns > self._xruns:
            self._count(xruns=block.xruns - self._xruns)
            self._xruns = block.xruns
            self._new_audio_segment()
        self._sound.observe(block)
        frames = block.frames
        if self._not_before_ns:
            frames = frames[self._frames_too_early(block) :]
        if self._encoder is None or not frames.shape[0]:
            return
        self._encoder.add_audio(frames)
        self._frames += frames.shape[0]
        self._count(frames=frames.shape[0])
        if block.stamp_ns is not None:
            self._clock_row = AudioClockRow(
                stamp_ns=block.stamp_ns,
                frame=self._frames + block.avail_frames,
                xruns=self._xruns,
                segment=self._segment,
            )
            if block.stamp_ns - self._clock_row_ns >= _AUDIO_CLOCK_EVERY_NS:
                self._flush_clock_row()

    def _frames_too_early(self, block: AudioBlock) -> int:
        """Return how many frames at the block's start were heard before the pause ended."""
        rate_hz = 0 if self._audio is None else self._audio.rate_hz
        at_ns = block.read_ns if block.stamp_ns is None else block.stamp_ns
        n = block.frames.shape[0]
        first_ns = at_ns - (block.avail_frames + n) * NS_PER_S // rate_hz
        early = -(-(self._not_before_ns - first_ns) * rate_hz // NS_PER_S)
        return int(min(max(early, 0), n))

    def _new_audio_segment(self) -> None:
        self._flush_clock_row()  # the last good position before the break
        self._segment += 1
        self._clock_row_ns = 0

    def _flush_clock_row(self) -> None:
        row, self._clock_row = self._clock_row, None
        if row is not None and self._encoder is not None:
            self._clock_row_ns = row.stamp_ns
            self._encoder.add_audio_clock(
                stamp_ns=row.stamp_ns, frame=row.frame, xruns=row.xruns, segment=row.segment
            )

    def _count(self, **more: int) -> None:
        old = self._counts
        self._counts = Counts(
            rows=old.rows + more.get("rows", 0),
            lost_samples=old.lost_samples + more.get("lost_samples", 0),
            frames=old.frames + more.get("frames", 0),
            xruns=old.xruns + more.get("xruns", 0),
            overflowed=old.overflowed + more.get("overflowed", 0),
        )


def _packets(block: EegBlock, placed: Placed) -> Packets:
    source = placed.packet_source
    return Packets(
        stamps_ns=placed.stamps_ns[placed.packet_row],
        counter=block.counter[source],
        stamp_s=block.stamp_s[source],
        polled_ns=block.polled_ns,
        rows_in_poll=block.n_rows,
        connection=block.connection,
    )
