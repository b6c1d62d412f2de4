"""The seven XDF streams of a part: fixed ids, one clock, one encoder each.

Stamps come in as host-clock nanoseconds and are written as host-clock seconds (float64,
which holds a month of uptime to a nanosecond). All streams share that clock, so there
are no ClockOffset chunks. A lost sample is a row of NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from recorder.errors import FormatError
from recorder.format import xdf
from recorder.format.marks import MarkRecord, mark_json, plain_text
from recorder.format.part_identity import PartIdentity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "AUDIO_CLOCK_COLUMNS",
    "HOST_CLOCK_COLUMNS",
    "PACKET_CLOCK_COLUMNS",
    "ChronyState",
    "EegStream",
    "MarkRecord",
    "PartIdentity",
    "StreamId",
    "audio_clock_chunk",
    "device_chunk",
    "device_columns",
    "eeg_chunk",
    "host_clock_chunk",
    "marker_log_chunk",
    "markers_chunk",
    "marks_chunks",
    "packet_clock_chunk",
    "part_header",
    "plain_text",
]

_NS_PER_S = 1e9

PACKET_CLOCK_COLUMNS = (
    ("counter", "count"),
    ("stamp", "seconds"),
    ("polled", "seconds"),
    ("rows_in_poll", "count"),
    ("connection", "count"),
)
HOST_CLOCK_COLUMNS = (
    ("host", "seconds"),
    ("wall", "seconds"),
    ("boot", "seconds"),
    ("chrony_state", "state"),
)
AUDIO_CLOCK_COLUMNS = (
    ("frame", "count"),
    ("htimestamp", "seconds"),
    ("xruns", "count"),
    ("segment", "count"),
)


class StreamId(IntEnum):
    """XDF stream ids, the same in every part."""

    EEG = 1
    MARKERS = 2
    MARKER_LOG = 3
    PACKET_CLOCK = 4
    HOST_CLOCK = 5
    AUDIO_CLOCK = 6
    DEVICE = 7


class ChronyState(IntEnum):
    """What chrony said about the wall clock, as HostClock's ``chrony_state``."""

    UNKNOWN = -1
    UNSYNCHRONISED = 0
    SYNCHRONISED = 1


@dataclass(frozen=True, slots=True)
class EegStream:
    """The headset's channels: uV = (count - offset_counts) * uv_per_count.

    ``uv_per_count`` is 0 for a device that gives no counts.
    """

    model: str
    labels: tuple[str, ...]
    uv_per_count: tuple[float, ...]
    offset_counts: tuple[float, ...]
    rate_hz: float

    def __post_init__(self) -> None:
        """Refuse facts that don't fit each other."""
        n = len(self.labels)
        if n == 0 or len(self.uv_per_count) != n or len(self.offset_counts) != n:
            raise FormatError(
                f"{n} EEG labels, {len(self.uv_per_count)} scales,"
                f" {len(self.offset_counts)} offsets; must be equal and not 0"
            )
        if not 0 < self.rate_hz < float("inf"):
            raise FormatError(f"EEG rate {self.rate_hz} Hz: must be above 0")


def part_header(
    identity: PartIdentity, eeg: EegStream, *, extra: Mapping[str, str]
) -> bytes:
    """Return the bytes every part begins with: file header, stream headers, boundary.

    ``extra`` are further elements of the FileHeader, such as the software's version.
    """
    return b"".join(
        (
            xdf.file_header({**identity.to_fields(), **extra}),
            _eeg_header(eeg),
            _text_header(StreamId.MARKERS, name="Markers", type_="Markers"),
            _text_header(StreamId.MARKER_LOG, name="MarkerLog", type_="MarkerLog"),
            _numbers_header(StreamId.PACKET_CLOCK, "PacketClock", PACKET_CLOCK_COLUMNS),
            _numbers_header(StreamId.HOST_CLOCK, "HostClock", HOST_CLOCK_COLUMNS),
            _numbers_header(StreamId.AUDIO_CLOCK, "AudioClock", AUDIO_CLOCK_COLUMNS),
            _numbers_header(StreamId.DEVICE, "Device", device_columns(eeg.labels)),
            xdf.boundary(),
        )
    )


def device_columns(labels: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return the Device stream's channels for EEG channels called ``labels``."""
    return (
        ("battery", "percent"),
        *((f"quality_{label}", "score") for label in labels),
        *((f"impedance_{label}", "kohm") for label in labels),
    )


def eeg_chunk(stamps_ns: NDArray[np.int64], samples_uv: NDArray[np.float32]) -> bytes:
    """Return EEG samples, shape ``(n_channels, n_samples)``; NaN where lost."""
    return xdf.numeric_samples(
        StreamId.EEG, _seconds(stamps_ns), samples_uv.astype(np.float32, copy=False)
    )


def markers_chunk(stamps_ns: ArrayLike, texts: Sequence[str]) -> bytes:
    """Return plain markers for stock tools."""
    return xdf.string_samples(StreamId.MARKERS, _seconds(stamps_ns), texts)


def marker_log_chunk(records: Sequence[MarkRecord]) -> bytes:
    """Return marks as the therapist made them, one JSON text each."""
    stamps_ns = [record.stamp_ns for record in records]
    texts = [mark_json(record) for record in records]
    return xdf.string_samples(StreamId.MARKER_LOG, _seconds(stamps_ns), texts)


def marks_chunks(records: Sequence[MarkRecord]) -> bytes:
    """Return both chunks that record the same marks: plain ones and their log."""
    stamps_ns = [record.stamp_ns for record in records]
    texts = [plain_text(record) for record in records]
    return markers_chunk(stamps_ns, texts) + marker_log_chunk(records)


def packet_clock_chunk(
    stamp_ns: ArrayLike,
    *,
    counter: ArrayLike,
    stamp_s: ArrayLike,
    polled_ns: ArrayLike,
    rows_in_poll: ArrayLike,
    connection: ArrayLike,
) -> bytes:
    """Return one row a packet, stamped exactly as its last sample in the EEG stream.

    The equal stamp says which sample a packet ended with. ``counter`` and ``stamp_s`` are
    the driver's, untouched (wall seconds). A number in place of an array holds for all
    rows, so one poll is one call.
    """
    return _numbers_chunk(
        StreamId.PACKET_CLOCK,
        _seconds(stamp_ns),
        (counter, stamp_s, _seconds(polled_ns), rows_in_poll, connection),
    )


def host_clock_chunk(
    host_ns: ArrayLike, *, wall_ns: ArrayLike, boot_ns: ArrayLike, state: ChronyState
) -> bytes:
    """Return one moment on the host, wall and boot clock, stamped with host time."""
    host_s = _seconds(host_ns)
    return _numbers_chunk(
        StreamId.HOST_CLOCK,
        host_s,
        (host_s, _seconds(wall_ns), _seconds(boot_ns), state),
    )


def audio_clock_chunk(
    stamp_ns: ArrayLike, *, frame: ArrayLike, xruns: ArrayLike, segment: ArrayLike
) -> bytes:
    """Return which frame the hardware had captured at host time ``stamp_ns``.

    ``frame`` is frames written plus frames still waiting in the device's buffer;
    ``xruns`` the overruns so far; ``segment`` grows after a pause or a reopened device.
    """
    stamp_s = _seconds(stamp_ns)
    columns = (frame, stamp_s, xruns, segment)
    return _numbers_chunk(StreamId.AUDIO_CLOCK, stamp_s, columns)


def device_chunk(
    stamp_ns: int,
    *,
    battery_percent: float | None,
    quality: Sequence[float],
    impedance_kohm: Sequence[float] | None,
) -> bytes:
    """Return the headset's state at one moment; None and NaN are "not known".

    ``quality`` and ``impedance_kohm`` have one value for each EEG channel.
    """
    unknown = float("nan")
    impedance = [unknown] * len(quality) if impedance_kohm is None else impedance_kohm
    if len(impedance) != len(quality):
        raise FormatError(f"{len(impedance)} impedances for {len(quality)} channels")
    battery = unknown if battery_percent is None else battery_percent
    columns = (battery, *quality, *impedance)
    return _numbers_chunk(StreamId.DEVICE, _seconds(stamp_ns), columns)


def _seconds(stamps_ns: ArrayLike) -> NDArray[np.float64]:
    stamps = np.atleast_1d(np.asarray(stamps_ns, dtype=np.int64))
    return stamps / _NS_PER_S


def _numbers_chunk(
    stream_id: StreamId, stamps_s: NDArray[np.float64], columns: Sequence[ArrayLike]
) -> bytes:
    try:
        *rows, stamps = np.broadcast_arrays(
            *(np.asarray(column, dtype=np.float64) for column in columns), stamps_s
        )
    except ValueError:
        raise FormatError(f"columns of {stream_id.name} differ in length") from None
    return xdf.numeric_samples(stream_id, stamps, np.stack(rows))


def _eeg_header(eeg: EegStream) -> bytes:
    facts = zip(eeg.labels, eeg.uv_per_count, eeg.offset_counts, strict=True)
    channels = [
        xdf.Channel(
            label=label,
            unit="microvolts",
            type="EEG",
            extra={"uv_per_count": repr(scale), "offset_counts": repr(offset)},
        )
        for label, scale, offset in facts
    ]
    return xdf.stream_header(
        StreamId.EEG,
        name="EEG",
        type="EEG",
        channel_format="float32",
        nominal_srate_hz=eeg.rate_hz,
        channels=channels,
        desc={"acquisition": {"model": eeg.model}},
        can_drop_samples=True,
    )


def _text_header(stream_id: StreamId, *, name: str, type_: str) -> bytes:
    return xdf.stream_header(
        stream_id,
        name=name,
        type=type_,
        channel_format="string",
        nominal_srate_hz=0,
        channels=[xdf.Channel(label=name, unit="text", type=type_)],
    )


def _numbers_header(
    stream_id: StreamId, name: str, columns: Sequence[tuple[str, str]]
) -> bytes:
    return xdf.stream_header(
        stream_id,
        name=name,
        type=name,
        channel_format="double64",
        nominal_srate_hz=0,
        channels=[
            xdf.Channel(label=label, unit=unit, type=name) for label, unit in columns
        ],
    )
