"""Where each audio frame lies on the host clock: a piecewise linear map.

A sound card says "this many frames had been captured by then". One oscillator for the
session, one free offset per segment: an overrun or a pause starts a new one, and how many
frames an overrun lost is the rounded difference of the offsets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lab.envelope import OSCILLATORS, Envelope, Readings, fit_envelope

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KNOT_S = 10.0
_MOST_CORNERS = 10_000
# The pointer moves a millisecond at a time; what jumps further is no jitter.
_JUMP_S = 0.05
_LARGEST_RATE_ERROR = 0.03
_STALL_S = 2.0  # a delay that is over within it was a delay, and no lost frames
_MOST_ROWS_OF_STALL = 40  # the box writes 10 a second
_LEAST_S = 2.0
_LONGEST_SESSION_S = 5e5
_LATEST_HOST_S = 1e12  # no computer runs so long; larger ones overflow in sums
_MOST_FRAMES = 2**53  # beyond, float64 can't count
_CLAIMED_MS = 0.1


@dataclass(frozen=True, slots=True)
class AudioRows:
    """The AudioClock stream, each of shape ``(n,)``.

    ``frame`` counts frames written and waiting, ``host_s`` is when the last of them was
    captured, ``xrun`` the overruns so far, ``segment`` changes where the box began anew.
    """

    frame: NDArray[np.float64]
    host_s: NDArray[np.float64]
    xrun: NDArray[np.int64]
    segment: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class AudioSegment:
    """Frames without a break, from ``first`` up to the next segment's.

    ``frame`` and ``host_s``, shape ``(k,)``, are the corners of its map. ``lost_before``
    frames were lost in the overrun before it.
    """

    first: int
    frame: NDArray[np.float64]
    host_s: NDArray[np.float64]
    lost_before: int


@dataclass(frozen=True, slots=True)
class AudioFit:
    """The fitted clock of a microphone; None stands for what could not be measured."""

    rate_hz: float | None
    drift_ppm: float | None
    residual_ms: float | None
    uncertainty_ms: float | None
    segments: tuple[AudioSegment, ...]
    lost_inferred: int
    notes: tuple[str, ...]
    frames_per_s: float  # measured, else nominal

    def to_host_s(self, frame: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return host times of frames, shape ``(n,)``; NaN without any reading."""
        if not self.segments:
            return np.full(frame.shape[0], np.nan)
        firsts = [part.first for part in self.segments[1:]]
        number = np.searchsorted(firsts, frame, side="right")
        host_s = np.empty(frame.shape[0])
        for index, part in enumerate(self.segments):
            inside = number == index
            wanted = frame[inside]
            beyond = np.maximum(wanted - part.frame[-1], 0) / self.frames_per_s
            host_s[inside] = np.interp(wanted, part.frame, part.host_s) + beyond
        return host_s


def fit_audio(rows: AudioRows, nominal_hz: float) -> AudioFit:
    """Fit a session's audio clock. Never raises for what the rows hold."""
    notes: list[str] = []
    rows = _without_late(_sane(rows, notes), nominal_hz)
    n = rows.frame.shape[0]
    if n == 0:
        notes.append("no AudioClock rows: frames have no host time")
        return AudioFit(None, None, None, None, (), 0, tuple(notes), nominal_hz)
    segment = _segments(rows, nominal_hz)
    begins = np.flatnonzero(np.diff(segment, prepend=-1))
    readings = Readings(
        x_s=(rows.frame - rows.frame[begins][segment]) / nominal_hz,
        y_s=rows.host_s - rows.host_s[0],
        segment=segment,
    )
    envelope = fit_envelope(readings, OSCILLATORS["crystal"])
    rate_hz = _rate_hz(rows, readings, envelope, nominal_hz)
    if rate_hz is None:
        notes.append(f"{np.ptp(rows.host_s):.1f} s of readings: no rate can be measured")
    segments = _mapped(rows, begins, envelope, rate_hz or nominal_hz, nominal_hz)
    return AudioFit(
        rate_hz=rate_hz,
        drift_ppm=None if rate_hz is None else (rate_hz / nominal_hz - 1) * 1e6,
        residual_ms=float(np.median(np.abs(envelope.residual_s))) * 1e3,
        uncertainty_ms=None if rate_hz is None else _CLAIMED_MS,
        segments=segments,
        lost_inferred=sum(part.lost_before for part in segments),
        notes=tuple(notes),
        frames_per_s=rate_hz or nominal_hz,
    )


def _mapped(
    rows: AudioRows,
    begins: NDArray[np.intp],
    envelope: Envelope,
    rate_hz: float,
    nominal_hz: float,
) -> tuple[AudioSegment, ...]:
    """Return each segment's corners: its ends and every 10 s between."""
    segments: list[AudioSegment] = []
    ends = np.append(begins[1:], rows.frame.shape[0])
    first = 0.0
    for number, (begin, end) in enumerate(zip(begins.tolist(), ends.tolist(), strict=True)):
        last = max(first, float(rows.frame[end - 1]))
        step = max(_KNOT_S * nominal_hz, (last - first) / _MOST_CORNERS)
        inner = np.arange(first, last, step)
        frame = np.unique(np.append(inner, last))
        x_s = (frame - rows.frame[begin]) / nominal_hz
        host_s = envelope.to_host_s(x_s, np.full(frame.shape[0], number)) + rows.host_s[0]
        lost = 0
        if number and rows.xrun[begin] != rows.xrun[begin - 1]:
            # Both segments place the same frame: apart by what the overrun lost.
            lost = max(0, round(float(host_s[0] - segments[-1].host_s[-1]) * rate_hz))
        segments.append(AudioSegment(int(frame[0]), frame, host_s, lost))
        # What waited in the device is lost with an overrun: the next segment's frames
        # follow what was written, at most what the last row says.
        first = last if number + 1 < ends.shape[0] else first
    return tuple(segments)


def _sane(rows: AudioRows, notes: list[str]) -> AudioRows:
    sane = np.isfinite(rows.frame) & np.isfinite(rows.host_s)
    sane &= np.abs(rows.frame) < _MOST_FRAMES
    sane &= np.abs(rows.host_s) < _LATEST_HOST_S
    if sane.any():  # no session is longer than days
        off_s = np.abs(rows.host_s[sane] - np.median(rows.host_s[sane]))
        sane[sane] = off_s < _LONGEST_SESSION_S
    if sane.all():
        return rows
    notes.append(f"{int(np.sum(~sane))} AudioClock rows without a sane value were left out")
    return AudioRows(
        rows.frame[sane], rows.host_s[sane], rows.xrun[sane], rows.segment[sane]
    )


def _without_late(rows: AudioRows, nominal_hz: float) -> AudioRows:
    """Leave out readings that a later one shows to have been late.

    Nothing is captured before its time: where the clock seems to jump ahead and soon back
    again, no frame was lost. As a segment of its own it would overlap the next one.
    """
    late_s = rows.host_s - rows.frame / nominal_hz
    stalled = np.zeros(rows.frame.shape[0], np.bool_)
    for ahead in range(1, min(_MOST_ROWS_OF_STALL, rows.frame.shape[0] - 1) + 1):
        between_s = rows.host_s[ahead:] - rows.host_s[:-ahead]
        same = (rows.xrun[ahead:] == rows.xrun[:-ahead]) & (
            rows.segment[ahead:] == rows.segment[:-ahead]
        )
        same &= (between_s >= 0) & (between_s < _STALL_S)
        slack_s = _JUMP_S + _LARGEST_RATE_ERROR * np.abs(between_s)
        stalled[:-ahead] |= same & (late_s[:-ahead] - late_s[ahead:] > slack_s)
    kept = ~stalled
    return AudioRows(
        rows.frame[kept], rows.host_s[kept], rows.xrun[kept], rows.segment[kept]
    )


def _segments(rows: AudioRows, nominal_hz: float) -> NDArray[np.int64]:
    """Cut at overruns, declared starts and jumps that no oscillator makes."""
    frames, times = np.diff(rows.frame), np.diff(rows.host_s)
    new = (np.diff(rows.xrun) != 0) | (np.diff(rows.segment) != 0)
    new |= (frames < 0) | (times < 0)
    slack_s = _JUMP_S + _LARGEST_RATE_ERROR * np.abs(times)
    new |= np.abs(times - frames / nominal_hz) > slack_s
    return np.concatenate([[0], np.cumsum(new)])


def _rate_hz(
    rows: AudioRows, readings: Readings, envelope: Envelope, nominal_hz: float
) -> float | None:
    span_s = float(np.ptp(rows.host_s))
    if span_s < _LEAST_S or float(np.max(readings.x_s)) < _LEAST_S / 2:
        return None
    ends = envelope.deviation_at(np.array([np.min(readings.y_s), np.max(readings.y_s)]))
    return float((1 - (ends[1] - ends[0]) / span_s) * nominal_hz)
