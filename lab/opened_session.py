"""Read an opened session's folder back: signals and marks on the host clock."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from lab.integrity import Integrity
from lab.later_marks import read_later_marks
from lab.pieces import Piece
from lab.plain_xml import parse_xml
from lab.xdf_reader import read_xdf
from recorder.clock import NS_PER_S
from recorder.errors import FormatError, OpenError
from recorder.format.marks import MarkRecord, parse_mark_json
from recorder.format.sheet import SessionSheet, parse_sheet
from recorder.format.streams import StreamId

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from lab.xdf_reader import XdfFile


@dataclass(frozen=True, slots=True)
class AudioClock:
    """Piecewise linear map between frames of ``audio.flac`` and host-clock seconds."""

    frames: NDArray[np.float64]
    host_s: NDArray[np.float64]

    def seconds(self, frames: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return when ``frames`` were heard."""
        return np.interp(frames, self.frames, self.host_s)

    def frame(self, at_s: float) -> float:
        """Return which frame was heard at ``at_s``."""
        return float(np.interp(at_s, self.host_s, self.frames))


@dataclass(frozen=True, slots=True)
class EegChannel:
    """One EEG channel: uV = (count - offset_counts) * uv_per_count; 0 means no counts."""

    label: str
    uv_per_count: float = 0.0
    offset_counts: float = 0.0


@dataclass(frozen=True, slots=True)
class DeviceRows:
    """The headset's state over time; NaN where it was not known.

    ``quality`` (scores 0 to 3) has shape ``(n_rows, n_channels)``.
    """

    host_s: NDArray[np.float64]
    battery_percent: NDArray[np.float64]
    quality: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """What an opened session's folder holds.

    ``eeg_s`` has shape ``(n_samples,)``, ``eeg_uv`` shape ``(n_samples, n_channels)`` with
    NaN where samples are lost. ``sheet`` is None where it was damaged, ``audio_clock``
    where no sound was recorded. ``model`` is the headset's. ``marks`` are those of the
    recording, then those that the therapist delivered later; ``stated_uncertainty_s``
    tells by a mark's number how well its moment is known, where somebody said so.
    """

    folder: Path
    sheet: SessionSheet | None
    integrity: Integrity
    model: str
    channels: tuple[EegChannel, ...]
    rate_hz: float
    eeg_s: NDArray[np.float64]
    eeg_uv: NDArray[np.float64]
    marks: tuple[MarkRecord, ...]
    device: DeviceRows
    audio_clock: AudioClock | None
    stated_uncertainty_s: Mapping[int, float]

    @property
    def labels(self) -> tuple[str, ...]:
        """The channels' names."""
        return tuple(channel.label for channel in self.channels)

    @property
    def audio_path(self) -> Path:
        """The merged sound; it exists where there is an audio clock."""
        return self.folder / "audio.flac"

    @property
    def is_simulated(self) -> bool:
        """Whether headset or microphone was a simulated one."""
        sheet = self.sheet
        return sheet is not None and (sheet.headset.simulated or sheet.microphone.simulated)

    @property
    def start_s(self) -> float:
        """When the session started, on the host clock."""
        if self.sheet is not None:
            return self.sheet.started_host_ns / NS_PER_S
        return float(self.eeg_s[0])


def read_opened(folder: Path) -> OpenedSession:
    """Read what ``fieldrec-lab open`` wrote; OpenError where it is not that."""
    for name in ("eeg.xdf", "session.json", "integrity.json"):
        if not (folder / name).is_file():
            raise OpenError(
                f"{folder} is no opened session with EEG: {name} is missing",
                hint="open one with: fieldrec-lab open SESSION --lab LAB --out OUT",
            )
    file = read_xdf((Piece(0, (folder / "eeg.xdf").read_bytes()),))
    header, rows = file.headers.get(StreamId.EEG), file.rows.get(StreamId.EEG)
    if header is None or rows is None:
        raise OpenError(f"{folder / 'eeg.xdf'} holds no EEG samples")
    recorded = _marks(file)
    later = read_later_marks(folder, after=max((mark.n for mark in recorded), default=0))
    return OpenedSession(
        folder=folder,
        sheet=_read_sheet((folder / "session.json").read_bytes()),
        integrity=_read_integrity(folder / "integrity.json"),
        model=parse_xml(header.xml).findtext("desc/acquisition/model", ""),
        channels=_channels(header.xml, header.n_channels),
        rate_hz=header.rate_hz,
        eeg_s=rows.stamps_s,
        eeg_uv=rows.values.astype(np.float64),
        marks=(*recorded, *(mark.record for mark in later)),
        device=_device_rows(file, header.n_channels),
        audio_clock=_read_audio_clock(folder / "audio_clock.tsv"),
        stated_uncertainty_s={mark.record.n: mark.uncertainty_s for mark in later},
    )


def _read_sheet(content: bytes) -> SessionSheet | None:
    try:
        return parse_sheet(content)
    except FormatError:
        return None  # a damaged sheet leaves device and session only


def _read_integrity(path: Path) -> Integrity:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Integrity)
    except msgspec.MsgspecError as error:
        raise OpenError(f"{path} can't be read: {error}") from error


def _channels(xml: bytes, n_channels: int) -> tuple[EegChannel, ...]:
    found = parse_xml(xml).findall("desc/channels/channel")
    if len(found) != n_channels:
        return (EegChannel(""),) * n_channels
    return tuple(
        EegChannel(
            channel.findtext("label", ""),
            _number(channel.findtext("uv_per_count", "")),
            _number(channel.findtext("offset_counts", "")),
        )
        for channel in found
    )


def _number(text: str) -> float:
    """Return the number in ``text``; 0 for what is none or not finite."""
    try:
        number = float(text)
    except ValueError:
        return 0.0
    return number if math.isfinite(number) else 0.0


def _device_rows(file: XdfFile, n_channels: int) -> DeviceRows:
    rows = file.rows.get(StreamId.DEVICE)
    if rows is None or rows.values.shape[1] <= n_channels:
        return DeviceRows(np.empty(0), np.empty(0), np.empty((0, n_channels)))
    values = rows.values.astype(np.float64)
    return DeviceRows(rows.stamps_s, values[:, 0], values[:, 1 : n_channels + 1])


def _marks(file: XdfFile) -> tuple[MarkRecord, ...]:
    rows = file.rows.get(StreamId.MARKER_LOG)
    if rows is None:
        return ()
    stamps_ns = (round(stamp_s * NS_PER_S) for stamp_s in rows.stamps_s.tolist())
    return tuple(
        parse_mark_json(str(text), stamp_ns=stamp_ns)
        for stamp_ns, text in zip(stamps_ns, rows.values[:, 0], strict=True)
    )


def _read_audio_clock(path: Path) -> AudioClock | None:
    if not path.is_file():
        return None
    rows = np.loadtxt(path, skiprows=1, ndmin=2)
    return AudioClock(rows[:, 0], rows[:, 1]) if rows.size else None
