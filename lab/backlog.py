"""Find where in a backlog samples are missing, once a silence was too long to count.

A headset's queue delivers its old packets first; what it dropped is missing behind them.
So a segment ends not at the silence but at the largest jump of the numbers before the
delay is back to normal. If it comes back to what it was before, no wrap was missed. A
connection that begins inside a stall begins with such a backlog, and nothing before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recorder.alignment import EegClockFacts

_FLOOR_S = 30.0
_DRAINED_SHARE = 0.25  # of the longest silence, above the fastest way
_LONGEST_BACKLOG_S = 5.0
_PACE, _NORMAL_PACE = 8, 0.7  # packets, and periods apart, once a backlog is drained
# The radio loses single packets all the time: such a jump is no sign of a full queue.
_LARGEST_COMMON_JUMP = 2


def place_silences(
    reasons: NDArray[np.str_],
    arrival_s: NDArray[np.float64],
    steps: NDArray[np.int64],
    facts: EegClockFacts,
    packet_s: float,
) -> list[tuple[int, int]]:
    """Move each break "silence" in ``reasons`` to where it belongs, or take it away.

    ``steps`` says how far the counter went ahead at each packet, modulo a wrap. Where
    exactly whole wraps were lost no jump shows the place; returned are the spans of
    packets (first, last) that may be on the wrong side of it. So are those that a
    segment begins with faster than sampled: they had waited, and a whole wrap may be
    lost behind them, or nothing behind them tells how long they had.
    """
    wrap = max(1, facts.counter.modulus // facts.counter.step)
    ahead = np.where(steps == 0, 1, steps)
    jump_size = np.where(steps == 0, wrap, steps)
    excess = arrival_s - np.cumsum(ahead) * packet_s
    drained_s = facts.longest_silence_s * _DRAINED_SHARE
    unsure: list[tuple[int, int]] = []
    marks = np.flatnonzero(reasons != "").tolist()
    began = 0
    for index, following in zip(marks, [*marks[1:], arrival_s.shape[0]], strict=True):
        late = int(np.searchsorted(arrival_s, arrival_s[index] + _LONGEST_BACKLOG_S))
        high = min(following, max(late, index + 1))
        if reasons[index] != "silence":
            began = index
            hidden = facts.counter.modulus and wrap * packet_s < _LONGEST_BACKLOG_S
            drained = _normal_pace(arrival_s, index, high, packet_s)
            if index < drained and (hidden or drained + _PACE >= following):
                unsure.append((index, min(drained + _PACE, high - 1)))
            continue
        low = max(began, int(np.searchsorted(arrival_s, arrival_s[index] - _FLOOR_S)))
        floor_s = float(np.min(excess[min(low, index - 1) : index]))
        reasons[index] = ""
        if np.min(excess[index:high]) <= floor_s + drained_s:
            continue
        jump, span = _hidden_at(arrival_s, jump_size, index, high, packet_s)
        unsure += span
        if jump < high:
            reasons[jump] = "silence"
            began = jump
    return unsure


def _hidden_at(
    arrival_s: NDArray[np.float64],
    jump_size: NDArray[np.int64],
    begin: int,
    end: int,
    packet_s: float,
) -> tuple[int, list[tuple[int, int]]]:
    """Return where whole wraps are missing, and the span that may be on either side."""
    jumps = begin + np.flatnonzero(jump_size[begin:end] > _LARGEST_COMMON_JUMP)
    largest = begin + int(np.argmax(jump_size[begin:end]))
    if jumps.shape[0] == 1:
        return largest, []
    if jumps.shape[0] > 1:
        return largest, [(int(jumps[0]), int(jumps[-1]))]
    drained = _normal_pace(arrival_s, begin, end, packet_s)
    last = min(drained + _PACE, arrival_s.shape[0] - 1)
    if jump_size[largest] == 1 or largest > last:
        largest = drained
    return largest, [(begin, last)]


def _normal_pace(
    arrival_s: NDArray[np.float64], begin: int, end: int, packet_s: float
) -> int:
    """Return where packets come as they are sampled again; ``end`` if they never do."""
    last = max(begin, min(end, arrival_s.shape[0] - _PACE))
    took_s = arrival_s[begin + _PACE : last + _PACE] - arrival_s[begin:last]
    normal = np.flatnonzero(took_s > _PACE * _NORMAL_PACE * packet_s)
    return begin + int(normal[0]) if normal.shape[0] else end
