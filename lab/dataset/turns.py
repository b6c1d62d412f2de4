"""Who speaks when: by level where two microphones tell two people apart, else by speech.

With two channels the louder one speaks: the first is the client's, the second the
therapist's. Both at once is given to the louder. No voice is recognised, ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from lab.dataset.loudness import RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lab.dataset.loudness import Loudness

Speaker = Literal["client", "therapist", "someone"]

ONSET_UNCERTAINTY_S: Final = 0.1
_SPEAKERS: Final[tuple[Speaker, Speaker]] = ("client", "therapist")
_FLOOR_SHARE: Final = 10  # percent of the time that is surely silent
_ABOVE_FLOOR_DB: Final = 6.0
_LEAST_DB: Final = -75.0
_SMOOTH: Final = 10  # bins: 0.1 s
_SHORTEST: Final = 20  # bins: a shorter sound is no turn
_LONGEST_BREATH: Final = 40  # bins: a shorter silence within a turn is none
_TOLD_APART_DB: Final = 3.0
_SPEECH_PROBABILITY: Final = 0.5


@dataclass(frozen=True, slots=True)
class Turn:
    """From when to when somebody speaks, in EEG time."""

    start_s: float
    end_s: float
    speaker: Speaker


def turns_by_level(loudness: Loudness) -> tuple[Turn, ...]:
    """Return the turns in two channels."""
    levels_db = _levels_db(loudness.voiced)
    heard = np.isfinite(levels_db).all(axis=1)
    if not heard.any():
        return ()
    floor_db = np.percentile(levels_db[heard], _FLOOR_SHARE, axis=0)
    threshold_db = np.maximum(floor_db + _ABOVE_FLOOR_DB, _LEAST_DB)
    loud = np.nan_to_num(levels_db, nan=-200.0) > threshold_db
    active = np.asarray(heard & loud.any(axis=1))
    active = _without_short(_without_breaths(active), _SHORTEST)
    difference_db = levels_db[:, 0] - levels_db[:, 1]
    middle_db = _middle_db(difference_db[active])
    who = np.where(difference_db >= middle_db, 1, 2)
    return _turns(np.where(active, _steady(who, active), 0), loudness)


def turns_by_speech(
    probability: NDArray[np.float32], loudness: Loudness
) -> tuple[Turn, ...]:
    """Return when somebody speaks, from a probability for each bin of ``loudness``."""
    active = _without_breaths(np.nan_to_num(probability) > _SPEECH_PROBABILITY)
    return _turns(np.where(_without_short(active, _SHORTEST), 3, 0), loudness)


def _levels_db(rms: NDArray[np.float32]) -> NDArray[np.float64]:
    kernel = np.ones(_SMOOTH) / _SMOOTH
    power = np.square(rms, dtype=np.float64)
    smooth = np.stack(
        [np.convolve(power[:, n], kernel, mode="same") for n in range(rms.shape[1])], axis=1
    )
    return np.asarray(10 * np.log10(smooth + 1e-20))


def _middle_db(difference_db: NDArray[np.float64]) -> float:
    """Return the level difference that parts two people; 0 where it parts nobody."""
    if not difference_db.size:
        return 0.0
    low, high = np.percentile(difference_db, [10, 90]).tolist()
    for _ in range(20):
        middle = (low + high) / 2
        above = difference_db >= middle
        if above.all() or not above.any():
            return 0.0
        low, high = float(difference_db[~above].mean()), float(difference_db[above].mean())
    return (low + high) / 2 if high - low >= _TOLD_APART_DB else 0.0


def _steady(who: NDArray[np.int64], active: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Let short changes within what is active follow their surroundings."""
    votes = np.where(active, np.where(who == 1, 1.0, -1.0), 0.0)
    near = np.convolve(votes, np.ones(2 * _SHORTEST + 1), mode="same")
    return np.where(near >= 0, 1, 2)


def _runs(values: NDArray[np.generic]) -> NDArray[np.int64]:
    """Return where runs of equal values begin, and the end."""
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1
    return np.concatenate([[0], changes, [values.size]])


def _without_breaths(active: NDArray[np.bool_]) -> NDArray[np.bool_]:
    quiet = _without_short(~active, _LONGEST_BREATH)
    return ~quiet


def _without_short(active: NDArray[np.bool_], shortest: int) -> NDArray[np.bool_]:
    result = active.copy()
    edges = _runs(active)
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if active[start] and end - start < shortest:
            result[start:end] = False
    return result


def _turns(codes: NDArray[np.int64], loudness: Loudness) -> tuple[Turn, ...]:
    speakers: dict[int, Speaker] = {1: _SPEAKERS[0], 2: _SPEAKERS[1], 3: "someone"}
    edges = _runs(codes)
    return tuple(
        Turn(loudness.at_s(start), loudness.at_s(end), speakers[int(codes[start])])
        for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        if codes[start] and end - start >= _SHORTEST
    )


def bins_of(turns: tuple[Turn, ...], loudness: Loudness) -> NDArray[np.int64]:
    """Return 1 (client), 2 (therapist), 3 (someone) or 0 for each bin."""
    codes = {"client": 1, "therapist": 2, "someone": 3}
    result = np.zeros(len(loudness.rms), np.int64)
    for turn in turns:
        start, end = (
            round((edge_s - loudness.start_s) * RATE_HZ)
            for edge_s in (turn.start_s, turn.end_s)
        )
        result[start:end] = codes[turn.speaker]
    return result
