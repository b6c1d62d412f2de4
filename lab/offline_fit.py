"""EEG stamps as good as the readings allow, computed once a session is whole.

The live stamps only had the past. Here the whole session is fitted at once (see
`lab.envelope`), checked against a second, simpler method, and given an uncertainty that
one can stand behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lab.bridging import bridge_silences
from lab.checked_fit import CheckedFit, checked_fit
from lab.envelope import Envelope, Readings
from lab.link_comb import Comb, claimed_ms, find_comb, find_interval
from lab.packet_arrivals import HostRows, PacketRows, arrivals
from lab.packet_numbers import Numbered, number_packets
from recorder.alignment.facts import LARGEST_RATE_ERROR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from recorder.alignment import EegClockFacts

__all__ = ["EegFit", "EegSegment", "HostRows", "PacketRows", "fit_eeg"]

_CLOSEST_SHARE = 1 / 16
_LONGEST_SESSION_S = 5e5


@dataclass(frozen=True, slots=True)
class EegSegment:
    """A stretch without a break, host seconds; ``offset_ms`` is what the fit moved it by.

    ``why`` it began: start, reconnect, silence, counter, time or gap.
    ``lost_before`` rows are inferred from the fit, never exact.
    """

    start_s: float
    end_s: float
    offset_ms: float
    why: str
    lost_before: int


@dataclass(frozen=True, slots=True)
class EegFit:
    """The fitted clock of a headset; None stands for what could not be measured."""

    nominal_hz: float
    rate_hz: float | None
    drift_ppm: float | None
    residual_ms: float | None
    disagreement_ms: float | None
    uncertainty_ms: float | None
    comb: Comb | None
    segments: tuple[EegSegment, ...]
    lost_exact: int
    lost_inferred: int
    unsure_s: tuple[tuple[float, float], ...]  # host times whose stamps may be wraps off
    notes: tuple[str, ...]
    packet_live_s: NDArray[np.float64]
    packet_fit_s: NDArray[np.float64]
    row_period_s: float

    def stamps_s(self, live_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return fitted stamps for recorded rows from their live stamps, shape ``(n,)``.

        ``live_s`` are all rows of the EEG stream in order, NaN rows included. The last
        row of each packet is found by its live stamp, which PacketClock shares; rows
        between follow on the regular grid. Strictly increasing. Without packets the live
        stamps stay.
        """
        n = live_s.shape[0]
        if not n or not self.packet_live_s.shape[0]:
            return live_s.copy()
        ends = np.searchsorted(
            live_s, self.packet_live_s - _CLOSEST_SHARE / 2 / self.nominal_hz
        )
        found = ends < n
        ends, fitted = ends[found], self.packet_fit_s[found]
        ends, first = np.unique(ends, return_index=True)
        fitted = fitted[first]
        if not ends.shape[0]:
            return live_s.copy()
        row = np.arange(n)
        packet = np.clip(np.searchsorted(ends, row), 0, ends.shape[0] - 1)
        stamps = fitted[packet] + (row - ends[packet]) * self.row_period_s
        least = _CLOSEST_SHARE / self.nominal_hz * row
        return np.asarray(np.maximum.accumulate(stamps - least) + least)


def fit_eeg(
    packets: PacketRows,
    host: HostRows,
    facts: EegClockFacts,
    *,
    link: str = "none",
    interval_ms: float | None = None,
    forced_breaks_s: Sequence[float] = (),
) -> EegFit:
    """Fit a session's EEG clock from its raw readings. Never raises for their content.

    ``link`` is the headset's kind of link, ``interval_ms`` the connection interval of a
    BLE link where it is known, ``forced_breaks_s`` host times (live stamps) of pauses and
    of erased or missing parts.
    """
    notes: list[str] = []
    packets = _sane(packets, notes)
    if not packets.stamp_s.shape[0]:
        return _nothing(facts, (*notes, "no packets: the live stamps stay as they are"))
    if not np.isfinite(host.host_s).any():
        notes.append("no HostClock rows: the times of the polls stand in for arrivals")
    arrival_s = arrivals(packets, host)
    numbered = number_packets(packets, arrival_s, facts, forced_breaks_s)
    readings, checked, comb = _fitted(numbered, arrival_s, facts, link, interval_ms)
    notes += [*numbered.notes, *checked.notes]
    rate_hz = _rate_hz(readings, checked.envelope, numbered, facts, notes)
    claim_ms = max(claimed_ms(link, comb), checked.disagreement_ms)
    fit_s = checked.fit_s + arrival_s[0]
    segments = _segments(packets, numbered, fit_s)
    return EegFit(
        nominal_hz=facts.rate_hz,
        rate_hz=rate_hz,
        drift_ppm=None if rate_hz is None else (rate_hz / facts.rate_hz - 1) * 1e6,
        residual_ms=float(np.median(np.abs(checked.envelope.residual_s))) * 1e3,
        disagreement_ms=checked.disagreement_ms,
        uncertainty_ms=None if rate_hz is None else claim_ms,
        comb=comb,
        segments=segments,
        lost_exact=numbered.lost_exact,
        lost_inferred=numbered.lost_inferred + sum(one.lost_before for one in segments),
        unsure_s=tuple(
            (float(fit_s[first]), float(fit_s[last])) for first, last in numbered.unsure
        ),
        notes=tuple(notes),
        packet_live_s=packets.stamp_s,
        packet_fit_s=fit_s,
        row_period_s=1 / (rate_hz or facts.rate_hz),
    )


def _fitted(
    numbered: Numbered,
    arrival_s: NDArray[np.float64],
    facts: EegClockFacts,
    link: str,
    interval_ms: float | None,
) -> tuple[Readings, CheckedFit, Comb | None]:
    """Fit twice: with every offset free, then with the silences bridged that can be."""
    readings = Readings(
        x_s=numbered.row.astype(np.float64) * numbered.period_s,
        y_s=arrival_s - arrival_s[0],
        segment=numbered.segment,
    )
    interval, comb = None, None
    if link == "ble":
        packet_s = facts.counter.rows_per_packet / facts.rate_hz
        interval = find_interval(readings.y_s, packet_s, interval_ms)
    spacing = interval.spacing_ms if interval else 0.0
    checked = checked_fit(readings, numbered.sure, facts.oscillator, spacing)
    bridged = bridge_silences(readings, numbered, checked.fit_s, facts)
    if bridged is not None:
        readings = bridged
        checked = checked_fit(readings, numbered.sure, facts.oscillator, spacing)
    if interval is not None:
        device_s = readings.x_s / (numbered.period_s * facts.rate_hz)
        comb = find_comb(interval, readings.y_s, checked.fit_s, device_s, readings.segment)
    return readings, checked, comb


def _sane(packets: PacketRows, notes: list[str]) -> PacketRows:
    sane = np.isfinite(packets.wall_s)
    for times in (packets.stamp_s, packets.polled_s):
        sane &= np.isfinite(times)
        if sane.any():  # no session is longer than days
            sane &= np.abs(times - np.median(times[sane])) < _LONGEST_SESSION_S
    if sane.all():
        return packets
    notes.append(f"{int(np.sum(~sane))} PacketClock rows without a sane time were left out")
    return packets.only(sane)


def _nothing(facts: EegClockFacts, notes: tuple[str, ...]) -> EegFit:
    none = np.empty(0)
    return EegFit(
        nominal_hz=facts.rate_hz,
        rate_hz=None,
        drift_ppm=None,
        residual_ms=None,
        disagreement_ms=None,
        uncertainty_ms=None,
        comb=None,
        segments=(),
        lost_exact=0,
        lost_inferred=0,
        unsure_s=(),
        notes=notes,
        packet_live_s=none,
        packet_fit_s=none,
        row_period_s=facts.period_s,
    )


def _rate_hz(
    readings: Readings,
    envelope: Envelope,
    numbered: Numbered,
    facts: EegClockFacts,
    notes: list[str],
) -> float | None:
    """Return rows a second over the session; None, and a note, where nothing tells it."""
    least_s = 2.0
    span_s = float(np.max(readings.y_s) - np.min(readings.y_s))
    if span_s < least_s or np.max(numbered.row) < facts.counter.rows_per_packet * 2:
        notes.append(f"{span_s:.1f} s of arrivals: too little to measure a rate")
        return None
    ends = envelope.deviation_at(np.array([np.min(readings.y_s), np.max(readings.y_s)]))
    rate_hz = float((1 - (ends[1] - ends[0]) / span_s) / numbered.period_s)
    if abs(rate_hz / facts.rate_hz - 1) > LARGEST_RATE_ERROR:
        notes.append(
            f"{rate_hz:.2f} Hz came out, which no {facts.rate_hz:g} Hz headset has: the"
            " readings contradict each other, and the stamps can't be trusted"
        )
        return None
    return rate_hz


def _segments(
    packets: PacketRows, numbered: Numbered, fit_s: NDArray[np.float64]
) -> tuple[EegSegment, ...]:
    begins = np.flatnonzero(np.diff(numbered.segment, prepend=-1))
    ends = np.append(begins[1:], fit_s.shape[0])
    segments: list[EegSegment] = []
    for number, (begin, end) in enumerate(zip(begins.tolist(), ends.tolist(), strict=True)):
        why = numbered.why[number]
        lost = 0
        if why in {"reconnect", "silence", "counter"}:
            size = int(numbered.row[begin]) + 1
            apart_s = float(fit_s[begin] - fit_s[begin - 1])
            lost = max(0, round(apart_s / numbered.period_s) - size)
        moved_s = fit_s[begin:end] - packets.stamp_s[begin:end]
        segments.append(
            EegSegment(
                start_s=float(fit_s[begin]),
                end_s=float(fit_s[end - 1]),
                offset_ms=float(np.median(moved_s)) * 1e3,
                why=why,
                lost_before=lost,
            )
        )
    return tuple(segments)
