"""Walk through all parts once: write the sound, note extents, clocks and losses.

The EEG is read a second time to be written, when the clocks of the whole session are
known: opening twice is cheap, keeping a long session in memory is not.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from lab.audio_timeline import PartReadings
from lab.flac_reader import FlacFile, FlacHead, read_flac
from lab.ownership import Owner, identity_of_flac, identity_of_xdf
from lab.xdf_merge import merged_headers
from lab.xdf_reader import StreamHeader, XdfFile, read_xdf
from recorder.errors import FormatError, OpenError
from recorder.format.streams import (
    AUDIO_CLOCK_COLUMNS,
    HOST_CLOCK_COLUMNS,
    PACKET_CLOCK_COLUMNS,
    PartIdentity,
    StreamId,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from lab.audio_merge import AudioMerger
    from lab.parts import Part, Recovered

_PAUSE = '"act":"pause"'  # as MarkerLog writes it
_MAX_EEG_HZ = 100_000
_CLOCKS = (
    *(StreamId.PACKET_CLOCK, StreamId.HOST_CLOCK, StreamId.AUDIO_CLOCK, StreamId.DEVICE),
)
_SHAPES = {  # channel format, and number of channels where it is fixed
    StreamId.EEG: ("float32", 0),
    StreamId.MARKERS: ("string", 1),
    StreamId.MARKER_LOG: ("string", 1),
    StreamId.PACKET_CLOCK: ("double64", len(PACKET_CLOCK_COLUMNS)),
    StreamId.HOST_CLOCK: ("double64", len(HOST_CLOCK_COLUMNS)),
    StreamId.AUDIO_CLOCK: ("double64", len(AUDIO_CLOCK_COLUMNS)),
    StreamId.DEVICE: ("double64", 0),
}


@dataclass(frozen=True, slots=True)
class Extent:
    """What one part gave of one file; ``recovered`` keeps no bytes here.

    ``seconds`` is what can be had, ``inner_lost_s`` what is lost between, and
    ``expected_s`` the file's whole length by its own total, where it has one.
    ``first_s`` and ``last_s`` are host seconds of the first and last row.
    """

    recovered: Recovered
    seconds: float = 0.0
    first_s: float | None = None
    last_s: float | None = None
    inner_lost_s: float = 0.0
    expected_s: float | None = None
    identified: bool = True
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PartSurvey:
    """One part's two files and the session's number of its first audio frame."""

    number: int
    eeg: Extent
    audio: Extent
    first_frame: int | None


@dataclass(slots=True)
class Survey:
    """What the walk through the parts finds."""

    owner: Owner
    audio: AudioMerger
    headers: dict[int, StreamHeader] = field(default_factory=dict)
    flac_head: FlacHead | None = None
    parts: list[PartSurvey] = field(default_factory=list)
    lost_samples: int = 0
    eeg_stamps: list[NDArray[np.float64]] = field(default_factory=list)  # by part
    audio_readings: list[PartReadings] = field(default_factory=list)
    _clocks: dict[int, list[NDArray[np.float64]]] = field(default_factory=dict)
    _pauses_s: list[float] = field(default_factory=list)
    _holes_s: list[float] = field(default_factory=list)
    _eeg_digests: dict[int, bytes] = field(default_factory=dict)  # by part number

    def clock(self, stream: StreamId, n_columns: int) -> NDArray[np.float64]:
        """Return a clock stream's rows of all parts: the stamp, then ``n_columns``."""
        empty = np.empty((0, n_columns + 1))
        return np.concatenate([empty, *self._clocks.get(stream, [])])

    def device_rows(self, n_columns: int) -> NDArray[np.float64]:
        """Return the headset's state rows: the stamp, then its first ``n_columns``."""
        rows = [
            table[:, : n_columns + 1] for table in self._clocks.get(StreamId.DEVICE, [])
        ]
        fitting = [table for table in rows if table.shape[1] == n_columns + 1]
        return np.concatenate([np.empty((0, n_columns + 1)), *fitting])

    @property
    def breaks_s(self) -> list[float]:
        """Host times at which the EEG goes on after a pause, an erased or lost piece."""
        resumed = [
            after.eeg.first_s
            for before, after in pairwise(self.parts)
            if after.eeg.first_s is not None
            and (after.number != before.number + 1 or not before.eeg.recovered.is_whole)
        ]
        return sorted([*self._pauses_s, *self._holes_s, *resumed])

    @property
    def xruns(self) -> int:
        """Overruns of the microphone: the recorder counts them over the session."""
        rows = self.clock(StreamId.AUDIO_CLOCK, 4)
        return int(np.nan_to_num(rows[:, 3]).max()) if len(rows) else 0

    def add(self, part: Part) -> None:
        """Read both files of ``part``; writes its sound.

        Raises ManifestError for a file that belongs elsewhere.
        """
        eeg, eeg_identity = self._add_eeg(part)
        audio, first_frame = self._add_audio(part, eeg_identity)
        part.forget()
        self.parts.append(PartSurvey(part.number, eeg, audio, first_frame))

    def read_eeg(self, part: Part) -> tuple[XdfFile, Recovered]:
        """Read a part's XDF, with the headers of the others where its own are lost.

        Raises OpenError where an earlier reading gave something else.
        """
        recovered = part.recover("eeg")
        self._check_unchanged(part.number, recovered)
        return read_xdf(recovered.runs, self.headers), recovered

    def _check_unchanged(self, number: int, recovered: Recovered) -> None:
        """Raise OpenError where a part is not what it was when it was read before."""
        digest = hashlib.blake2b()
        for run in recovered.runs:
            digest.update(run.offset.to_bytes(8) + len(run.content).to_bytes(8))
            digest.update(run.content)
        if self._eeg_digests.setdefault(number, digest.digest()) != digest.digest():
            raise OpenError(
                f"part {number} of the session changed while it was read: the session is"
                " still being recorded or copied",
                hint="open it when that has ended",
            )

    def _add_eeg(self, part: Part) -> tuple[Extent, PartIdentity | None]:
        file, recovered = self.read_eeg(part)
        identity = None
        if recovered.runs and recovered.runs[0].offset == 0:
            identity = identity_of_xdf(file, recovered.path)
            self._check(identity, part, recovered)
        self.headers = merged_headers(self.headers, file.headers)
        _check_streams(self.headers)
        self._note_clocks(file, identity)
        extent = Extent(
            recovered=replace(recovered, runs=()),
            identified=identity is not None or not recovered.runs,
            faults=file.problems,
        )
        rows = file.rows.get(StreamId.EEG)
        self.eeg_stamps.append(np.empty(0) if rows is None else rows.stamps_s)
        if rows is None:
            return extent, identity
        self.lost_samples += int(np.isnan(rows.values).all(axis=1).sum())
        resumed = _resumed_at(file, len(rows.stamps_s))
        self._holes_s += rows.stamps_s[resumed].tolist()
        period_s = 1 / self.headers[StreamId.EEG].rate_hz
        return _with_rows(extent, rows.stamps_s, resumed, period_s), identity

    def _note_clocks(self, file: XdfFile, identity: PartIdentity | None) -> None:
        for stream in _CLOCKS:
            if stream in file.rows:
                rows = file.rows[stream]
                table = np.column_stack([rows.stamps_s, rows.values])
                self._clocks.setdefault(stream, []).append(table)
        audio = file.rows.get(StreamId.AUDIO_CLOCK)
        if audio is not None and identity is not None:
            (frame, host_s), last = audio.values[[0, -1], :2].astype(float).tolist()
            self.audio_readings.append(
                PartReadings(identity.first_frame, (frame, host_s), (last[0], last[1]))
            )
        marks = file.rows.get(StreamId.MARKER_LOG)
        if marks is not None:
            for stamp_s, text in zip(marks.stamps_s, marks.values[:, 0], strict=True):
                if _PAUSE in str(text):
                    self._pauses_s.append(float(stamp_s))

    def _add_audio(
        self, part: Part, eeg_identity: PartIdentity | None
    ) -> tuple[Extent, int | None]:
        recovered = part.recover("audio")
        first_frame = eeg_identity.first_frame if eeg_identity else None
        bare = Extent(recovered=replace(recovered, runs=()))
        if not recovered.runs:
            return bare, first_frame
        try:
            file = read_flac(recovered.runs, self.flac_head)
        except FormatError as error:
            return replace(bare, faults=(error.message,)), first_frame
        if file.own_head:
            identity = identity_of_flac(file, recovered.path)
            self._check(identity, part, recovered)
            first_frame = identity.first_frame
            self.flac_head = self.flac_head or file.head
        faults = self.audio.add(file, self._place(first_frame))
        return _with_frames(bare, file, faults), first_frame

    def _check(self, identity: PartIdentity, part: Part, recovered: Recovered) -> None:
        self.owner.check(identity, part=part.number, path=recovered.path)
        if not self.owner.device:
            self.owner = replace(self.owner, device=identity.device)

    def _place(self, first_frame: int | None) -> int:
        """Return a part's first frame; one that nothing tells follows those before."""
        if first_frame is not None:
            return first_frame
        last = self.audio.delivered[-1:]
        return last[0].first + last[0].n_frames if last else 0


def _check_streams(headers: Mapping[int, StreamHeader]) -> None:
    """Refuse streams of another shape than a box writes; FormatError."""
    for stream, (channel_format, n_channels) in _SHAPES.items():
        header = headers.get(stream)
        if header is None:
            continue
        if header.channel_format != channel_format or (
            n_channels and header.n_channels != n_channels
        ):
            raise FormatError(
                f"stream {stream} has {header.n_channels} channels of"
                f" {header.channel_format}; a box writes {n_channels or 'some'} of"
                f" {channel_format}"
            )
        if stream == StreamId.EEG and not 1 <= header.rate_hz <= _MAX_EEG_HZ:
            raise FormatError(f"EEG at {header.rate_hz} Hz: allowed are 1 to {_MAX_EEG_HZ}")


def _resumed_at(file: XdfFile, n_rows: int) -> list[int]:
    """Return the first EEG row behind each hole."""
    resumed = {counts.get(StreamId.EEG, 0) for counts in file.resumed_at}
    return sorted(at for at in resumed if 0 < at < n_rows)


def _with_rows(
    extent: Extent, stamps_s: NDArray[np.float64], resumed: list[int], period_s: float
) -> Extent:
    """Note when the EEG of a part begins and ends and what its holes cost."""
    inner_s = sum(
        max(0.0, float(stamps_s[at] - stamps_s[at - 1]) - period_s) for at in resumed
    )
    return replace(
        extent,
        seconds=float(stamps_s[-1] - stamps_s[0]) + period_s - inner_s,
        first_s=float(stamps_s[0]),
        last_s=float(stamps_s[-1]),
        inner_lost_s=inner_s,
    )


def _with_frames(extent: Extent, file: FlacFile, faults: list[str]) -> Extent:
    """Note how much sound of a part there is and what its holes cost."""
    rate_hz = file.head.stream.rate_hz
    end = file.spans[-1].first + file.spans[-1].n_frames if file.spans else 0
    total = file.head.total_frames if file.own_head else 0
    return replace(
        extent,
        seconds=file.n_frames / rate_hz,
        inner_lost_s=(end - file.n_frames) / rate_hz,
        expected_s=total / rate_hz if total else None,
        identified=file.own_head,
        faults=tuple(faults),
    )
