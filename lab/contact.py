"""How well each electrode sat, from the scores that the box wrote while recording.

A score holds until the next one, but no longer than half a minute.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lab.opened_session import DeviceRows

# recorder/eeg/quality.py: dead, bad, warn, good.
DEAD, BAD, WARN, GOOD = range(4)
_HOLDS_S: Final = 30.0
_FINE_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class ChannelContact:
    """Shares of the judged time at each score, dead first; ``judged_s`` may be 0."""

    judged_s: float
    shares: tuple[float, float, float, float]

    @property
    def fine_share(self) -> float | None:
        """Share of the time that is good or only a warning; None where nobody judged."""
        return self.shares[WARN] + self.shares[GOOD] if self.judged_s else None

    @property
    def status(self) -> str | None:
        """``good`` or ``bad`` as BIDS has it; None where nobody judged."""
        share = self.fine_share
        if share is None:
            return None
        return "good" if share >= _FINE_SHARE else "bad"


@dataclass(frozen=True, slots=True)
class Stretch:
    """One channel's score from when to when, on the host clock."""

    start_s: float
    end_s: float
    score: int


def channel_contacts(rows: DeviceRows, *, end_s: float) -> tuple[ChannelContact, ...]:
    """Return each channel's contact up to host second ``end_s``."""
    rows = _judged(rows)
    lengths_s = _lengths_s(rows.host_s, end_s)
    return tuple(_contact(column, lengths_s) for column in rows.quality.T)


def mean_fine_share(contacts: Sequence[ChannelContact]) -> float | None:
    """Return the share of electrode time that was fine; None where nobody judged."""
    shares = [c.fine_share for c in contacts if c.fine_share is not None]
    return sum(shares) / len(shares) if shares else None


def stretches(rows: DeviceRows, channel: int, *, end_s: float) -> tuple[Stretch, ...]:
    """Return a channel's scores as stretches, equal neighbours joined."""
    found: list[Stretch] = []
    rows = _judged(rows)
    lengths_s = _lengths_s(rows.host_s, end_s)
    for start_s, length_s, score in zip(
        rows.host_s.tolist(), lengths_s.tolist(), rows.quality[:, channel], strict=True
    ):
        if np.isnan(score) or length_s <= 0:
            continue
        last = found[-1] if found else None
        if last and last.score == int(score) and start_s - last.end_s < 1:
            found[-1] = Stretch(last.start_s, start_s + length_s, last.score)
        else:
            found.append(Stretch(start_s, start_s + length_s, int(score)))
    return tuple(found)


def _judged(rows: DeviceRows) -> DeviceRows:
    """Return the rows that judge any electrode; others only tell of the battery."""
    judged = np.isfinite(rows.quality).any(axis=1)
    return replace(
        rows,
        host_s=rows.host_s[judged],
        battery_percent=rows.battery_percent[judged],
        quality=rows.quality[judged],
    )


def _lengths_s(host_s: NDArray[np.float64], end_s: float) -> NDArray[np.float64]:
    return np.clip(np.diff(np.append(host_s, end_s)), 0, _HOLDS_S)


def _contact(column: NDArray[np.float64], lengths_s: NDArray[np.float64]) -> ChannelContact:
    known = np.isfinite(column)
    total_s = float(lengths_s[known].sum())
    if total_s <= 0:
        return ChannelContact(0.0, (0.0, 0.0, 0.0, 0.0))
    dead, bad, warn, good = (
        float(lengths_s[known & (column == score)].sum()) / total_s
        for score in (DEAD, BAD, WARN, GOOD)
    )
    return ChannelContact(total_s, (dead, bad, warn, good))
