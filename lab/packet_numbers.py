"""Which sample each packet ends with, and where the counter can't be followed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lab.backlog import place_silences
from recorder.alignment.counter import packet_steps
from recorder.alignment.facts import LARGEST_RATE_ERROR
from recorder.alignment.hull import hull_slope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lab.packet_arrivals import PacketRows
    from recorder.alignment import EegClockFacts

_BACK_S = 1e-3
_LONGEST_RATE_PIECE_S = 60.0
# A row that seems to have arrived this long before it was sampled has a wrong number. A
# young segment may have begun inside a stall, with packets that waited for seconds.
_YOUNG_S = 5.0
_AHEAD_YOUNG_S = 5.0
_AHEAD_S = 0.1
_FLOOR_S = 30.0
_MOST_WRONG_NUMBERS = 2000
# Software counters: a loss shows only as a delay that never goes away again.
_HOLE_PERIODS = 1.6
_FLOOR_PACKETS = 50


@dataclass(frozen=True, slots=True)
class Numbered:
    """Packets with their place: ``row`` of the packet's last row in its ``segment``.

    ``step`` is how many packets the counter went ahead, modulo a wrap. ``why`` names, for
    each segment, why it began. ``lost_exact`` counts rows that the counter shows to be
    missing, ``lost_inferred`` rows that only the timing shows. ``unsure`` are spans of
    packets (first, last) that a queue delivered late and whose numbers may be whole wraps
    too low.
    """

    row: NDArray[np.int64]
    step: NDArray[np.int64]
    segment: NDArray[np.int64]
    why: tuple[str, ...]
    period_s: float
    lost_exact: int
    lost_inferred: int
    unsure: tuple[tuple[int, int], ...]
    notes: tuple[str, ...]

    @property
    def sure(self) -> NDArray[np.bool_]:
        """Which packets may have a say in a fit, shape ``(n,)``."""
        sure = np.ones(self.row.shape[0], np.bool_)
        for first, last in self.unsure:
            sure[first : last + 1] = False
        return sure


def number_packets(
    packets: PacketRows,
    arrival_s: NDArray[np.float64],
    facts: EegClockFacts,
    forced_s: Sequence[float] = (),
) -> Numbered:
    """Unwrap the counter of at least one packet and cut the session into segments.

    A segment ends at a reconnect, a silence that the counter can't bridge, an arrival
    before the one before it, a number that can't be, and at the host times ``forced_s``
    (pauses, erased or missing parts).
    """
    notes: list[str] = []
    raw_steps = _raw_steps(packets, facts, notes)
    reasons = _reasons(packets, arrival_s, facts, forced_s)
    if (reasons == "time").any():
        notes.append(f"time went back at {int(np.sum(reasons == 'time'))} packets")
    size = facts.counter.rows_per_packet
    steps, period_s = _followed(arrival_s, raw_steps, reasons, facts, notes)
    unsure: list[tuple[int, int]] = []
    if steps is not None and not facts.counter.software:
        unsure = place_silences(reasons, arrival_s, raw_steps, facts, size * period_s)
    if steps is None:
        steps = np.ones_like(raw_steps)
    begins = reasons != ""
    exact = 0
    if facts.counter.software:
        steps, inferred = _fill_holes(arrival_s, steps, begins, size * period_s)
    else:
        exact, inferred = _missing(steps, begins, unsure)
    segment = np.cumsum(begins) - 1
    packet = np.cumsum(steps)
    packet -= packet[begins][segment]
    return Numbered(
        row=packet * size + size - 1,
        step=raw_steps,
        segment=segment,
        why=tuple(str(reason) for reason in reasons[begins]),
        period_s=period_s,
        lost_exact=exact * size,
        lost_inferred=inferred * size,
        unsure=tuple(unsure),
        notes=tuple(notes),
    )


def _raw_steps(
    packets: PacketRows, facts: EegClockFacts, notes: list[str]
) -> NDArray[np.int64]:
    """Return how far the counter went ahead at each packet; 0 where it stood still."""
    raw_steps = np.ones(packets.counter.shape[0], np.int64)
    if not facts.counter.software:
        raw_steps[1:] = packet_steps(packets.counter, facts.counter)
    stuck = int(np.sum(raw_steps == 0))
    if stuck:
        notes.append(f"counter stood still at {stuck} packets; they count as following")
    return raw_steps


def _followed(
    arrival_s: NDArray[np.float64],
    raw_steps: NDArray[np.int64],
    reasons: NDArray[np.str_],
    facts: EegClockFacts,
    notes: list[str],
) -> tuple[NDArray[np.int64] | None, float]:
    """Return steps that can be followed, None if none can, and the time between rows.

    Where a number can't be, ``reasons`` gets a break.
    """
    steps = np.where(raw_steps == 0, 1, raw_steps)
    begins = reasons != ""
    period_s = _rough_period_s(arrival_s, steps, begins, facts)
    packet_s = facts.counter.rows_per_packet * period_s
    wrong = _wrong_numbers(arrival_s, steps, begins, packet_s)
    if wrong is None:
        notes.append(
            f"counter makes no sense at more than {_MOST_WRONG_NUMBERS} packets;"
            " rows are numbered as they came"
        )
        return None, _rough_period_s(arrival_s, np.ones_like(steps), begins, facts)
    if wrong:
        notes.append(f"counter jumped impossibly at {len(wrong)} packets")
        reasons[wrong] = "counter"
    return steps, period_s


def _reasons(
    packets: PacketRows,
    arrival_s: NDArray[np.float64],
    facts: EegClockFacts,
    forced_s: Sequence[float],
) -> NDArray[np.str_]:
    """Return why a segment begins at each packet, "" where it does not, shape (n,)."""
    reasons = np.zeros(arrival_s.shape[0], "U10")
    waited = np.diff(arrival_s)
    reasons[1:][waited > facts.longest_silence_s] = "silence"
    reasons[1:][waited < -_BACK_S] = "time"
    if facts.counter.modulus == 0 and not facts.counter.software:
        reasons[1:][np.diff(packets.counter) < 0] = "counter"
    reasons[1:][np.diff(packets.connection) != 0] = "reconnect"
    for moment_s in forced_s:
        after = np.flatnonzero(packets.stamp_s >= moment_s)
        if after.shape[0]:
            reasons[after[0]] = "gap"
    reasons[0] = "start"
    return reasons


def _rough_period_s(
    arrival_s: NDArray[np.float64],
    steps: NDArray[np.int64],
    begins: NDArray[np.bool_],
    facts: EegClockFacts,
) -> float:
    """Return the time between rows: the median over pieces of about a minute."""
    size = facts.counter.rows_per_packet
    x = np.cumsum(steps) * size
    piece = np.cumsum(begins) * 100_000 + (
        (arrival_s - arrival_s[0]) // _LONGEST_RATE_PIECE_S
    ).clip(0, 99_999)
    cuts = np.flatnonzero(np.diff(piece, prepend=-1))
    ends = np.append(cuts[1:], arrival_s.shape[0])
    slopes: list[float] = []
    spans: list[float] = []
    nominal_s = facts.period_s
    for begin, end in zip(cuts.tolist(), ends.tolist(), strict=True):
        span = float(arrival_s[end - 1] - arrival_s[begin])
        if span < 2.0:  # noqa: PLR2004 - seconds; less can't tell a rate from jitter
            continue
        part = slice(begin, end, max(1, (end - begin) // 2000))
        since = (x[part] - x[begin]).astype(np.float64)
        z = arrival_s[part] - arrival_s[begin] - since * nominal_s
        slopes.append(hull_slope(since, z))
        spans.append(span)
    if not slopes:
        return nominal_s
    order = np.argsort(slopes)
    weight = np.cumsum(np.array(spans)[order])
    change = slopes[order[int(np.searchsorted(weight, weight[-1] / 2))]]
    if abs(change / nominal_s) > LARGEST_RATE_ERROR:
        return nominal_s
    return nominal_s + float(change)


def _wrong_numbers(
    arrival_s: NDArray[np.float64],
    steps: NDArray[np.int64],
    begins: NDArray[np.bool_],
    packet_s: float,
) -> list[int] | None:
    """Find packets that would have arrived before they were sampled; None if too many."""
    excess = arrival_s - np.cumsum(steps) * packet_s
    drop = np.diff(excess, prepend=excess[0])
    suspects = np.flatnonzero((steps > 1) & (drop < -_AHEAD_S) & ~begins)
    starts = np.flatnonzero(begins)
    wrong: list[int] = []
    for index in suspects.tolist():
        start = int(starts[np.searchsorted(starts, index, side="right") - 1])
        if wrong:
            start = max(start, wrong[-1])
        allowed = _AHEAD_S
        if arrival_s[index] - arrival_s[start] < _YOUNG_S:
            allowed = _AHEAD_YOUNG_S
        low = max(start, int(np.searchsorted(arrival_s, arrival_s[index] - _FLOOR_S)))
        low = min(low, index - 1)
        if excess[index] < np.min(excess[low:index]) - allowed:
            wrong.append(index)
            if len(wrong) > _MOST_WRONG_NUMBERS:
                return None
    return wrong


def _missing(
    steps: NDArray[np.int64], begins: NDArray[np.bool_], unsure: list[tuple[int, int]]
) -> tuple[int, int]:
    """Return how many packets the counter shows to be missing: surely, and perhaps."""
    missing = np.where(begins, 0, steps - 1)
    perhaps = np.zeros(missing.shape[0], np.bool_)
    for first, last in unsure:
        perhaps[first : last + 1] = True
    return int(np.sum(missing[~perhaps])), int(np.sum(missing[perhaps]))


def _fill_holes(
    arrival_s: NDArray[np.float64],
    steps: NDArray[np.int64],
    begins: NDArray[np.bool_],
    packet_s: float,
) -> tuple[NDArray[np.int64], int]:
    """Count rows that a software counter hid: the delay rises and stays up."""
    steps = steps.copy()
    excess = arrival_s - np.cumsum(steps) * packet_s
    holes = np.flatnonzero(
        np.diff(arrival_s, prepend=arrival_s[0]) > _HOLE_PERIODS * packet_s
    )
    edges = np.unique(np.concatenate([[0], np.flatnonzero(begins), [begins.shape[0]]]))
    total = 0
    for index in holes.tolist():
        if begins[index]:
            continue
        # Another segment's delays say nothing: its numbers begin anywhere.
        first = edges[np.searchsorted(edges, index) - 1]
        last = edges[np.searchsorted(edges, index)]
        before = np.min(excess[max(first, index - _FLOOR_PACKETS) : index])
        after = np.min(excess[index : min(last, index + _FLOOR_PACKETS)])
        missing = round(float(after - before) / packet_s)
        if missing > 0:
            steps[index] += missing
            excess[index:] -= missing * packet_s
            total += missing
    return steps, total
