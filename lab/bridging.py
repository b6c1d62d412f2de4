"""Bridge silences inside one connection by whole counter wraps.

How much a long silence lost is known modulo one wrap, exactly: the counter went on. A
first fit with free offsets tells the number of wraps, when it comes out near a whole one;
the neighbouring numbers are a second away, so it can't be wrong by one. Fewer, longer
segments then share an offset, which on a BLE link sees more of the comb.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lab.envelope import Readings
    from lab.packet_numbers import Numbered
    from recorder.alignment import EegClockFacts

_NEAR_S = 0.005  # and one packet: on a coarse comb an offset is no better


def bridge_silences(
    readings: Readings, numbered: Numbered, fit_s: NDArray[np.float64], facts: EegClockFacts
) -> Readings | None:
    """Return the readings with silences bridged, or None where there is none to bridge.

    ``fit_s``, shape ``(n,)``, is the fit of ``readings`` with a free offset per segment.
    """
    counter = facts.counter
    if counter.software or not counter.modulus:
        return None
    wrap = counter.modulus // counter.step
    packet_s = numbered.period_s * counter.rows_per_packet
    begins = np.flatnonzero(np.diff(numbered.segment, prepend=-1)).tolist()
    x_s, segment = readings.x_s.copy(), readings.segment.copy()
    n_bridged = 0
    for number, begin in enumerate(begins):
        if numbered.why[number] != "silence":
            continue
        known = int(numbered.step[begin])
        passed = float(fit_s[begin] - fit_s[begin - 1]) / packet_s
        wraps = (passed - known) / wrap
        apart_s = abs(wraps - round(wraps)) * wrap * packet_s
        if round(wraps) < 0 or apart_s > packet_s + _NEAR_S:
            continue
        ahead_s = (known + round(wraps) * wrap) * packet_s
        end = begins[number + 1] if number + 1 < len(begins) else x_s.shape[0]
        x_s[begin:end] += x_s[begin - 1] + ahead_s - x_s[begin]
        segment[begin:] -= 1
        n_bridged += 1
    if not n_bridged:
        return None
    return type(readings)(x_s, readings.y_s, segment)
