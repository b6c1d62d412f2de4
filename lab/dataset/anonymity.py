"""Nobody stands out: what could single a person out is published for groups only.

Quasi-identifiers are what somebody may know of a client without the study. Where fewer
than ``k`` clients share all of them, the rarest kinds are taken away one by one until at
least ``k`` share what is left, or nothing is left.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# In the order in which they are taken away.
QUASI_IDENTIFIERS: Final = (
    *("diagnosis_group", "medication", "education", "handedness"),
    *("mode", "sex", "age_band"),
)
Profile = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Assessment:
    """What may be published of each client, and how much was taken away.

    ``smallest_group`` is the least number of clients who share what is left of their
    profiles; 0 where nothing is left of any.
    """

    k: int
    profiles: Mapping[str, Profile]
    suppressed: Mapping[str, int]
    smallest_group: int


def assess(profiles: Mapping[str, Profile], *, k: int) -> Assessment:
    """Return ``profiles`` with everything taken away that fewer than ``k`` share."""
    published: dict[str, Profile] = {}
    waiting = {name: dict(profile) for name, profile in profiles.items()}
    for level in range(len(QUASI_IDENTIFIERS) + 1):
        kept = QUASI_IDENTIFIERS[level:]
        groups = Counter(_key(profile, kept) for profile in waiting.values())
        for name, profile in list(waiting.items()):
            if groups[_key(profile, kept)] >= k or not kept:
                published[name] = {key: profile.get(key) for key in kept}
                del waiting[name]
    full = {
        name: {key: published[name].get(key) for key in QUASI_IDENTIFIERS}
        for name in profiles
    }
    suppressed = {
        key: sum(
            profiles[name].get(key) is not None and full[name][key] is None
            for name in profiles
        )
        for key in QUASI_IDENTIFIERS
    }
    told = [
        _key(profile, QUASI_IDENTIFIERS)
        for profile in full.values()
        if any(profile.values())
    ]
    return Assessment(k, full, suppressed, min(Counter(told).values(), default=0))


def _key(profile: Profile, kept: tuple[str, ...]) -> tuple[str | None, ...]:
    return tuple(profile.get(key) for key in kept)
