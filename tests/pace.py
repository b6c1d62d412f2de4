"""How fast something came, judged where it came in time: a busy machine only delays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


def between_timely(
    counts: Sequence[int], at_s: Sequence[float], rate_hz: float
) -> tuple[float, float]:
    """Return how much came between two moments, and the seconds between them.

    ``counts`` had come at ``at_s``, nominally at ``rate_hz``. The moments are those with
    the least delay in the first and in the last third, so one long delay moves neither.
    """
    counted, moment_s = np.asarray(counts, np.float64), np.asarray(at_s, np.float64)
    late_s = moment_s - counted / rate_hz
    third = counted.size // 3
    first = int(np.argmin(late_s[:third]))
    last = counted.size - third + int(np.argmin(late_s[-third:]))
    return float(counted[last] - counted[first]), float(moment_s[last] - moment_s[first])
