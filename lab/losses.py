"""Name every loss: what the check of the folder and the walk through the parts found.

How long a missing or cut file was is known exactly for sound, whose frames are counted
through the session, and to a sample or a pause for EEG, whose stamps go on.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from lab.integrity import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lab.survey import Extent, PartSurvey


def find_problems(
    named: Sequence[Problem], parts: Sequence[PartSurvey], rate_hz: int
) -> tuple[Problem, ...]:
    """Return all problems by path: those ``named`` before, and what the parts lost.

    ``rate_hz`` is the rate of the sound, 0 where there is none.
    """
    found = [*named]
    for before, part, after in _with_neighbours(parts):
        found += _of_file(part.number, part.eeg, _eeg_loss(before, part, after))
        found += _of_file(part.number, part.audio, _audio_loss(part, after, rate_hz))
    return tuple(_joined(found))


def recovered_from_journal_s(parts: Iterable[PartSurvey]) -> float:
    """Return how many seconds of the session only journals held."""
    return sum(
        max(
            extent.seconds if extent.recovered.from_journal else 0.0
            for extent in (part.eeg, part.audio)
        )
        for part in parts
    )


def _with_neighbours(
    parts: Sequence[PartSurvey],
) -> Iterable[tuple[PartSurvey | None, PartSurvey, PartSurvey | None]]:
    edges = [None, *parts, None]
    for (before, part), after in zip(pairwise(edges[:-1]), edges[2:], strict=True):
        if part is not None:
            yield before, part, after


def _of_file(number: int, extent: Extent, lost_s: float | None) -> list[Problem]:
    recovered = extent.recovered
    problems: list[Problem] = []
    if not recovered.is_whole:
        problems.append(
            Problem(
                code=recovered.code,
                path=recovered.path,
                part=number,
                lost_s=lost_s,
                text=recovered.problem,
            )
        )
    if not extent.identified:
        text = "its first bytes are lost: nothing in it says whose it is"
        problems.append(
            Problem(code="unidentified", path=recovered.path, part=number, text=text)
        )
    problems += (
        Problem(
            code="unreadable", path=recovered.path, part=number, lost_s=None, text=fault
        )
        for fault in extent.faults
    )
    return problems


def _eeg_loss(
    before: PartSurvey | None, part: PartSurvey, after: PartSurvey | None
) -> float | None:
    extent = part.eeg
    if extent.first_s is None or extent.last_s is None:
        return part.audio.seconds or None
    lost_s = extent.inner_lost_s
    if not extent.recovered.has_end:
        if after is None or after.eeg.first_s is None:
            return None
        lost_s += max(0.0, after.eeg.first_s - extent.last_s)
    if not extent.identified and before is not None and before.eeg.last_s is not None:
        lost_s += max(0.0, extent.first_s - before.eeg.last_s)
    return lost_s


def _audio_loss(part: PartSurvey, after: PartSurvey | None, rate_hz: int) -> float | None:
    """Return how much sound is lost: the next part's first frame tells it exactly."""
    extent = part.audio
    expected_s = extent.expected_s
    first, following = part.first_frame, after.first_frame if after else None
    if first is not None and following is not None and rate_hz:
        expected_s = (following - first) / rate_hz
    if expected_s is not None:
        return max(0.0, expected_s - extent.seconds)
    return extent.inner_lost_s if extent.recovered.has_end else None


def _joined(problems: Iterable[Problem]) -> list[Problem]:
    """Make one problem of all that say the same of one file: the cause, and the cost."""
    by_path: dict[str, Problem] = {}
    others: list[Problem] = []
    for problem in problems:
        known = by_path.get(problem.path)
        if known is None:
            by_path[problem.path] = problem
        elif problem.code == "unsound" and known.code in ("differs", "missing"):
            text = (
                known.text if known.code == "missing" else f"{known.text}; {problem.text}"
            )
            by_path[problem.path] = msgspec.structs.replace(
                known, lost_s=problem.lost_s, text=text
            )
        else:
            others.append(problem)
    return [*by_path.values(), *others]
