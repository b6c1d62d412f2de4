"""Which frame of the session was heard when: pieces of a straight line each.

Frames are counted as the box wrote them. A pause, a reopened device or an overrun begins
a new segment, whose time is free of the one before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Segment:
    """Frames from ``first`` up to the next segment's, and when some of them were heard.

    ``frames`` and ``host_s``, shape ``(n_knots,)``, are in order; between knots time runs
    straight, outside them at the rate of the nearest two.
    """

    first: int
    frames: NDArray[np.float64]
    host_s: NDArray[np.float64]

    def host_at(self, frames: NDArray[np.float64], rate_hz: float) -> NDArray[np.float64]:
        """Return when ``frames`` were heard, in host seconds."""
        inside = np.interp(frames, self.frames, self.host_s)
        before, after = self.frames[0] - frames, frames - self.frames[-1]
        inside = inside - np.maximum(before, 0) * self._slope(0, rate_hz)
        return np.asarray(inside + np.maximum(after, 0) * self._slope(-2, rate_hz))

    def _slope(self, at: int, rate_hz: float) -> float:
        """Return seconds a frame between knots ``at`` and the next."""
        if self.frames.size < 2:  # noqa: PLR2004 - a line needs two
            return 1 / rate_hz
        frames, host_s = self.frames[at:][:2], self.host_s[at:][:2]
        return float((host_s[1] - host_s[0]) / (frames[1] - frames[0]))


@dataclass(frozen=True, slots=True)
class Delivered:
    """``n_frames`` of the session's frames from ``first``; ``merged``: in the new file."""

    first: int
    n_frames: int
    merged: int


@dataclass(frozen=True, slots=True)
class PartReadings:
    """A part's first and last AudioClock reading, (frame, host second) each."""

    first_frame: int
    first: tuple[float, float]
    last: tuple[float, float]


def begin_with_parts(
    segments: Sequence[Segment], parts: Sequence[PartReadings], rate_hz: float
) -> tuple[Segment, ...]:
    """Return ``segments`` with those a part began at that part's first frame.

    A clock reading also counts frames that still waited in the device, and a pause throws
    those away: by the readings alone a segment seems to begin a little too late.
    """
    result = list(segments)
    for before, part in pairwise(parts):
        ended = _closest(segments, before.last, rate_hz)
        begun = _closest(segments, part.first, rate_hz)
        if begun == ended + 1:
            first = min(segments[begun].first, part.first_frame)
            result[begun] = replace(segments[begun], first=first)
    return tuple(result)


def _closest(
    segments: Sequence[Segment], reading: tuple[float, float], rate_hz: float
) -> int:
    """Return the index of the segment that ``reading`` lies in."""
    frame, host_s = np.array([reading[0]]), reading[1]
    apart_s = [abs(float(s.host_at(frame, rate_hz)[0]) - host_s) for s in segments]
    return int(np.argmin(apart_s)) if apart_s else -1


def clock_rows(
    delivered: Iterable[Delivered], segments: Sequence[Segment], rate_hz: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return (merged frame, host second) knots for the merged file.

    Each run of frames without a loss has a knot on its first and its last frame, so that
    straight lines between rows never cross a loss by more than one frame.
    """
    frames: list[NDArray[np.float64]] = []
    host_s: list[NDArray[np.float64]] = []
    for piece in delivered:
        for start, end, segment in _within(piece, segments):
            inner = segment.frames[(segment.frames > start) & (segment.frames < end - 1)]
            knots = np.unique(np.concatenate([[start], inner, [end - 1]]))
            frames.append(knots + (piece.merged - piece.first))
            host_s.append(segment.host_at(knots, rate_hz))
    if not frames:
        return np.empty(0, np.int64), np.empty(0)
    return np.concatenate(frames).astype(np.int64), np.concatenate(host_s)


def _within(
    piece: Delivered, segments: Sequence[Segment]
) -> Iterable[tuple[int, int, Segment]]:
    """Yield the spans of ``piece`` that lie in each segment."""
    end_of_piece = piece.first + piece.n_frames
    edges = [*(segment.first for segment in segments), end_of_piece]
    for segment, (first, end) in zip(segments, pairwise(edges), strict=True):
        start = max(first, piece.first)
        stop = min(max(end, first), end_of_piece)
        if segment is segments[-1]:
            stop = end_of_piece
        if start < stop:
            yield start, stop, segment
