"""The one door to edfio: digitised channels into a BDF file, and back.

Header fields that could tell who or when hold X, as EDF+ has it. A record's length may be
any fraction of a second, so that the file's rate is the device's true one.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from lab.dataset.counts import HIGHEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lab.dataset.counts import Digitised
    from lab.dataset.time_base import TimeBase

# EDF specification, header record: "8 ascii: duration of a data record, in seconds".
_DURATION_FIELD: Final = slice(244, 252)
_FIELD_CHARACTERS: Final = 8  # EDF specification: physical minimum and maximum
_LEAST_COUNT: Final = 1 << 15
_SEARCHED: Final = 20_000


def bdf_bytes(
    labels: Sequence[str],
    channels: Sequence[Digitised],
    base: TimeBase,
    *,
    transducer: str,
) -> bytes:
    """Return a BDF file of ``channels``, each of ``base.n_samples``."""
    from edfio import Bdf, BdfSignal  # noqa: PLC0415 - loads slowly

    signals = []
    for label, channel in zip(labels, channels, strict=True):
        low, high = _ends(channel)
        signals.append(
            BdfSignal.from_digital(
                channel.counts,
                # edfio wants whole records of whole seconds: one a record, put right below.
                sampling_frequency=base.record_samples,
                label=label[:16],
                transducer_type=transducer[:80],
                physical_dimension="uV",
                physical_range=(low.uv, high.uv),
                digital_range=(low.count, high.count),
            )
        )
    buffer = io.BytesIO()
    Bdf(signals, data_record_duration=1.0).write(buffer)
    content = bytearray(buffer.getvalue())
    content[_DURATION_FIELD] = f"{base.record_s:.10f}"[:8].rstrip("0").ljust(8).encode()
    return bytes(content)


def read_counts(content: bytes) -> NDArray[np.int32]:
    """Return the counts in a BDF file, shape ``(n_channels, n_samples)``."""
    from edfio import read_bdf  # noqa: PLC0415 - loads slowly

    return np.stack([signal.digital for signal in read_bdf(content).signals])


def header_error_uv(channel: Digitised) -> float:
    """Return by how much a reader's microvolts are off because of the header's digits."""
    low, high = _ends(channel)
    slope = (high.uv - low.uv) / (high.count - low.count)
    extremes = (int(channel.counts.min()), int(channel.counts.max()))
    return max(
        abs(low.uv + (count - low.count) * slope - channel.physical_uv(count))
        for count in extremes
    )


@dataclass(frozen=True, slots=True)
class _End:
    """One end of a channel's range: a count, and the microvolts that the header says."""

    count: int
    uv: float


def _ends(channel: Digitised) -> tuple[_End, _End]:
    """Return a range that holds every count and whose ends eight characters can tell."""
    largest = int(np.abs(channel.counts.astype(np.int64)).max(initial=0))
    least = max(_LEAST_COUNT, largest)
    reach = min(least + max(_SEARCHED, least // 100), HIGHEST)
    high = np.arange(max(least, reach - _SEARCHED), reach + 1)
    return _best(channel, -high), _best(channel, high)


def _best(channel: Digitised, counts: NDArray[np.int64]) -> _End:
    """Return the count whose microvolts are nearest to what fits into the header."""
    exact_uv = (counts - channel.offset_counts) * channel.uv_per_count
    largest = float(np.abs(exact_uv).max())
    sign = int(exact_uv.min() < 0)
    # Digits before the point, the point and a sign; the rest are decimals.
    whole = len(f"{math.ceil(largest)}")
    decimals = max(0, _FIELD_CHARACTERS - whole - 1 - sign)
    told_uv = np.round(exact_uv, decimals)
    best = int(np.argmin(np.abs(told_uv - exact_uv)))
    return _End(int(counts[best]), float(told_uv[best]))
