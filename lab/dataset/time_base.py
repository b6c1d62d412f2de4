"""EEG time: the one time axis of an exported run, in which sample n is at n / rate.

A device's samples are kept as they are; what was not measured between them (a pause, a
reconnect, an erased piece) becomes whole samples that say so. Any other moment, such as a
mark or a frame of sound, is placed between the very samples it fell between, so that an
oscillator that drifts moves nothing against the EEG.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from recorder.errors import OpenError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from lab.mark_spans import MarkSpan

Why = Literal["lost", "paused", "erased", "disconnected", "padding"]

_MAX_SAMPLES = 1 << 27  # of a run: more than 24 hours at 1 kHz
_GAP_STEPS = 1.5  # a longer step between two stamps is a gap
# A BDF header has eight characters for the length of a record.
_RECORD_S = (0.5, 3.0)
_HEADER_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """Samples from ``start`` up to ``end`` that no electrode gave, and why."""

    start: int
    end: int
    why: Why


@dataclass(frozen=True, slots=True)
class TimeBase:
    """Where each measured sample lies among ``n_samples`` of exactly ``rate_hz``.

    ``index`` and ``host_s`` have shape ``(n_measured,)``. The rate is what the file's
    header can say exactly: ``record_samples`` in ``record_s`` seconds.
    """

    record_samples: int
    record_s: float
    n_samples: int
    index: NDArray[np.int64]
    host_s: NDArray[np.float64]

    @property
    def rate_hz(self) -> float:
        """Samples a second."""
        return self.record_samples / self.record_s

    @property
    def duration_s(self) -> float:
        """Length of the run in EEG time."""
        return self.n_samples / self.rate_hz

    def eeg_s(self, host_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return moments of the host clock in EEG time; outside the run at its rate."""
        inside = np.interp(host_s, self.host_s, self.index) / self.rate_hz
        before = np.minimum(host_s - self.host_s[0], 0)
        after = np.maximum(host_s - self.host_s[-1], 0)
        return np.asarray(inside + before + after)

    def at(self, host_s: float) -> float:
        """Return one moment of the host clock in EEG time."""
        return float(self.eeg_s(np.array([host_s]))[0])

    def to_host_s(self, eeg_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return moments of EEG time on the host clock."""
        samples = eeg_s * self.rate_hz
        inside = np.interp(samples, self.index, self.host_s)
        before = np.minimum(samples - self.index[0], 0) / self.rate_hz
        after = np.maximum(samples - self.index[-1], 0) / self.rate_hz
        return np.asarray(inside + before + after)

    def knots(self, *, tolerance_s: float = 1e-6) -> NDArray[np.float64]:
        """Return (sample, host second) rows, shape ``(k, 2)``: straight lines between.

        A line is drawn as far as no sample lies further than ``tolerance_s`` beside it.
        """
        rows: list[int] = []
        for start, end in pairwise([*self._gap_starts(), len(self.index)]):
            found = _corners(self.index[start:end], self.host_s[start:end], tolerance_s)
            rows += (start + row for row in found)
        return np.column_stack([self.index[rows], self.host_s[rows]])

    def _gap_starts(self) -> list[int]:
        return [0, *(np.flatnonzero(np.diff(self.index) > 1) + 1).tolist()]


def make_time_base(stamps_s: NDArray[np.float64], nominal_hz: float) -> TimeBase:
    """Return the time base of samples with these stamps, which strictly increase.

    Raises OpenError for fewer than two samples or a run that would be absurdly long.
    """
    if stamps_s.size < 2:  # noqa: PLR2004 - a rate needs two
        raise OpenError(f"a run of {stamps_s.size} EEG samples has no rate: at least 2")
    steps_s = np.diff(stamps_s)
    usual = steps_s < _GAP_STEPS / nominal_hz
    rate_hz = usual.sum() / steps_s[usual].sum() if usual.any() else nominal_hz
    index = np.concatenate(
        [[0], np.cumsum(np.maximum(1, np.rint(steps_s * rate_hz)))]
    ).astype(np.int64)
    n_measured = int(index[-1]) + 1
    if n_measured > _MAX_SAMPLES:
        raise OpenError(
            f"a run of {n_measured} samples would be too long, the limit is {_MAX_SAMPLES}",
            hint="its clock must have jumped: look at alignment.json of the opened session",
        )
    record_samples, n_samples = _record_of(n_measured, rate_hz)
    record_s = float(f"{record_samples / rate_hz:.10f}"[:_HEADER_DIGITS])
    return TimeBase(record_samples, record_s, n_samples, index, stamps_s)


def _record_of(n_measured: int, rate_hz: float) -> tuple[int, int]:
    """Return a record's length in samples, and the run's in whole records.

    The one that wants the fewest samples more than were measured; the longest of those.
    """
    shortest, longest = (max(1, round(length_s * rate_hz)) for length_s in _RECORD_S)
    if n_measured <= longest:
        return n_measured, n_measured
    lengths = np.arange(longest, shortest - 1, -1)
    padding = -n_measured % lengths
    best = int(np.argmin(padding))
    return int(lengths[best]), n_measured + int(padding[best])


def unmeasured(
    base: TimeBase, *, lost: NDArray[np.bool_], spans: Sequence[MarkSpan]
) -> tuple[Unmeasured, ...]:
    """Return every stretch of samples that was not measured, in order.

    ``lost``, shape ``(n_rows,)``, tells which rows of the recording are known to be lost.
    """
    found = [
        Unmeasured(int(base.index[run[0]]), int(base.index[run[-1]]) + 1, "lost")
        for run in _runs(np.flatnonzero(lost))
    ]
    for row in np.flatnonzero(np.diff(base.index) > 1).tolist():
        begin_s, end_s = base.host_s[row : row + 2].tolist()
        why = _why(begin_s, end_s, spans)
        found.append(Unmeasured(int(base.index[row]) + 1, int(base.index[row + 1]), why))
    if base.n_samples > base.index[-1] + 1:
        found.append(Unmeasured(int(base.index[-1]) + 1, base.n_samples, "padding"))
    return tuple(sorted(found, key=lambda stretch: stretch.start))


def filled(
    values: NDArray[np.float64], base: TimeBase, lost: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return ``values``, shape ``(n_rows, n_channels)``, on every sample of the run.

    What was not measured repeats the last measured value: a line that is visibly none.
    """
    rows = np.arange(len(values))
    rows[lost] = -1
    rows = np.maximum.accumulate(rows)
    first = int(np.argmax(rows >= 0))
    rows = np.where(rows < 0, first, rows)
    at = np.searchsorted(base.index, np.arange(base.n_samples), side="right") - 1
    return np.asarray(values[rows[at]])


def _why(begin_s: float, end_s: float, spans: Sequence[MarkSpan]) -> Why:
    """Return what the marks say about a gap; the gravest of several reasons."""
    slack_s = 1.0
    touching = {
        span.text
        for span in spans
        if span.start_s <= end_s + slack_s and span.end_s >= begin_s - slack_s
    }
    reasons: tuple[tuple[str, Why], ...] = (
        ("erase", "erased"),
        ("pause", "paused"),
        ("headset lost", "disconnected"),
    )
    return next((why for text, why in reasons if text in touching), "lost")


def _runs(rows: NDArray[np.int64]) -> Iterable[NDArray[np.int64]]:
    if not rows.size:
        return ()
    return np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)


def _corners(
    index: NDArray[np.int64], host_s: NDArray[np.float64], tolerance_s: float
) -> list[int]:
    """Return which rows are corners of a polyline through all of them."""
    kept, todo = {0, len(index) - 1}, [(0, len(index) - 1)]
    while todo:
        first, last = todo.pop()
        if last - first < 2:  # noqa: PLR2004 - nothing lies between
            continue
        inner = slice(first, last + 1)
        line = np.interp(index[inner], index[[first, last]], host_s[[first, last]])
        apart = np.abs(host_s[inner] - line)
        worst = int(np.argmax(apart))
        if apart[worst] > tolerance_s:
            kept.add(first + worst)
            todo += [(first, first + worst), (first + worst, last)]
    return sorted(kept)
