"""Feed a simulated session to the live timeline, as the recorder would, poll by poll."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recorder.alignment import EegTimeline, Placed
from recorder.clock import NS_PER_S, WallPair

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.transport_simulation import Profile, SeenEeg, WallClock


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the timeline said: live stamps of packets, all stamps, breaks, all rows."""

    packet_s: NDArray[np.float64]
    stamps_ns: NDArray[np.int64]
    reasons: list[str]
    n_inserted: int
    timeline: EegTimeline


def replay(seen: SeenEeg, profile: Profile, wall: WallClock) -> Replayed:
    """Place every poll of a session and keep what the timeline said."""
    timeline = EegTimeline(profile.facts)
    size = profile.facts.counter.rows_per_packet
    cuts = np.flatnonzero(np.diff(seen.polled_s, prepend=-1.0))
    placed: list[Placed] = []
    for begin, end in zip(cuts, np.append(cuts[1:], seen.counter.shape[0]), strict=True):
        polled_s = seen.polled_s[begin]
        counter = np.repeat(seen.counter[begin:end], size)
        placed.append(
            timeline.place(
                connection=int(seen.connection[begin]),
                polled_ns=round(polled_s * NS_PER_S),
                wall=WallPair(
                    round(polled_s * NS_PER_S),
                    round(float(wall.at(np.array([polled_s]))[0]) * NS_PER_S),
                ),
                counter=counter,
                stamp_s=np.repeat(seen.stamp_s[begin:end], size),
                samples_uv=np.zeros((2, counter.shape[0]), np.float32),
            )
        )
    stamps_ns = [part.stamps_ns for part in placed]
    return Replayed(
        packet_s=np.concatenate([p.stamps_ns[p.packet_row] for p in placed]) / NS_PER_S,
        stamps_ns=np.concatenate(stamps_ns),
        reasons=[p.break_reason for p in placed if p.break_reason],
        n_inserted=sum(p.lost_exact for p in placed),
        timeline=timeline,
    )
