"""One part's bytes, growing in RAM: ``eeg.xdf`` and ``audio.flac``.

Rows wait until `PartEncoder.new_bytes` turns them into whole XDF chunks, so whatever the
journal holds ends on a chunk's edge. XDF bytes only grow. FLAC bytes only grow until
`PartEncoder.finish`, which puts totals into STREAMINFO; the journal never holds those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recorder import __version__
from recorder.format import streams, xdf
from recorder.format.flac import FlacEncoder
from recorder.format.journal import STREAM_AUDIO, STREAM_EEG
from recorder.store.layout import AUDIO_FILE, EEG_FILE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from recorder.audio.source import AudioFormat
    from recorder.clock import HostClockReading
    from recorder.format.marks import MarkRecord
    from recorder.format.streams import EegStream, PartIdentity


@dataclass(frozen=True, slots=True)
class Packets:
    """The packets one poll completed, shape ``(p,)`` each.

    ``stamps_ns`` are those of each packet's last sample in the EEG stream.
    """

    stamps_ns: NDArray[np.int64]
    counter: NDArray[np.int64]
    stamp_s: NDArray[np.float64]
    polled_ns: int
    rows_in_poll: int
    connection: int


class PartEncoder:
    """Collects one part's samples and gives its bytes. Belongs to the writer thread."""

    def __init__(
        self, identity: PartIdentity, *, eeg: EegStream, audio: AudioFormat | None
    ) -> None:
        self.identity = identity
        software = {"software": f"fieldrec {__version__}"}
        self._xdf = bytearray(streams.part_header(identity, eeg, extra=software))
        self._xdf_taken = 0
        self._flac_taken = 0
        self._flac: FlacEncoder | None = None
        self._flac_file: bytes | None = None
        if audio is not None:
            self._flac = FlacEncoder(
                rate_hz=audio.rate_hz,
                bits=audio.bits,
                n_channels=audio.n_channels,
                tag=identity.to_text(),
            )
        self._stamps: list[NDArray[np.int64]] = []
        self._samples: list[NDArray[np.float32]] = []
        self._packets: list[Packets] = []

    def add_eeg(
        self,
        stamps_ns: NDArray[np.int64],
        samples_uv: NDArray[np.float32],
        packets: Packets,
    ) -> None:
        """Add rows: stamps ``(n,)`` on the host clock, samples ``(n_channels, n)``."""
        if stamps_ns.shape[0]:
            self._stamps.append(stamps_ns)
            self._samples.append(samples_uv)
            self._packets.append(packets)

    def add_audio(self, frames: NDArray[np.int16] | NDArray[np.int32]) -> None:
        """Add interleaved frames, shape ``(n_frames, n_channels)``."""
        if self._flac is not None and frames.shape[0]:
            self._flac.write(frames)

    def add_audio_clock(
        self, *, stamp_ns: int, frame: int, xruns: int, segment: int
    ) -> None:
        """Add which frame of the session the microphone had captured at ``stamp_ns``."""
        self._xdf += streams.audio_clock_chunk(
            stamp_ns, frame=frame, xruns=xruns, segment=segment
        )

    def add_device(
        self, host_ns: int, *, battery_percent: float | None, quality: Sequence[float]
    ) -> None:
        """Add the headset's state; ``quality`` has one score for each EEG channel."""
        self._xdf += streams.device_chunk(
            host_ns, battery_percent=battery_percent, quality=quality, impedance_kohm=None
        )

    def add_host_clock(self, reading: HostClockReading) -> None:
        """Add one reading of the clocks, once a second, and a boundary chunk."""
        self._xdf += streams.host_clock_chunk(
            reading.host_ns,
            wall_ns=reading.wall_ns,
            boot_ns=reading.boot_ns,
            state=_chrony_state(reading.sync_state),
        )
        self._xdf += xdf.boundary()

    def add_mark(self, record: MarkRecord) -> None:
        """Add a marker to both marker streams."""
        self._xdf += streams.marks_chunks([record])

    def new_bytes(self) -> list[tuple[int, int, bytes]]:
        """Return what grew since the last call: ``(stream, position, bytes)`` each."""
        self._encode_waiting()
        new: list[tuple[int, int, bytes]] = []
        if len(self._xdf) > self._xdf_taken:
            new.append((STREAM_EEG, self._xdf_taken, bytes(self._xdf[self._xdf_taken :])))
            self._xdf_taken = len(self._xdf)
        grown = self._flac.take() if self._flac is not None else b""
        if grown:
            new.append((STREAM_AUDIO, self._flac_taken, grown))
            self._flac_taken += len(grown)
        return new

    @property
    def frames_waiting(self) -> int:
        """Frames inside the FLAC encoder that no byte shows yet."""
        if self._flac is None:
            return 0
        return self._flac.frames_written - self._flac.frames_in_bytes

    def finish(self) -> dict[str, bytes | bytearray]:
        """Return the finished files by name; nothing can be added afterwards."""
        self._encode_waiting()
        files: dict[str, bytes | bytearray] = {EEG_FILE: self._xdf}
        if self._flac is not None:
            if self._flac_file is None:
                self._flac_file = self._flac.close()
            files[AUDIO_FILE] = self._flac_file
        return files

    def _encode_waiting(self) -> None:
        if not self._stamps:
            return
        samples_uv = np.concatenate(self._samples, axis=1)
        self._xdf += streams.eeg_chunk(np.concatenate(self._stamps), samples_uv)
        waiting = [packets for packets in self._packets if packets.stamps_ns.shape[0]]
        if waiting:
            n = [packets.stamps_ns.shape[0] for packets in waiting]
            self._xdf += streams.packet_clock_chunk(
                np.concatenate([packets.stamps_ns for packets in waiting]),
                counter=np.concatenate([packets.counter for packets in waiting]),
                stamp_s=np.concatenate([packets.stamp_s for packets in waiting]),
                polled_ns=np.repeat([packets.polled_ns for packets in waiting], n),
                rows_in_poll=np.repeat([packets.rows_in_poll for packets in waiting], n),
                connection=np.repeat([packets.connection for packets in waiting], n),
            )
        self._stamps, self._samples, self._packets = [], [], []


def _chrony_state(sync_state: int) -> streams.ChronyState:
    """Reduce what adjtimex(2) returns: 5 is TIME_ERROR, below it the wall is in step."""
    unsynchronised = 5
    if sync_state < 0:
        return streams.ChronyState.UNKNOWN
    if sync_state >= unsynchronised:
        return streams.ChronyState.UNSYNCHRONISED
    return streams.ChronyState.SYNCHRONISED
