"""The chain of a box's manifests: what is missing, what stands twice, what does not fit.

Each manifest has a number and names the one before it, so a session that was withheld
or replaced shows. A finding is about the box, never a verdict on one session. The same
manifest come again is no finding: the catalogue counts the copies.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

FindingKind = Literal["gap", "fork", "mismatch"]


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """One manifest's place in its device's chain."""

    device: str
    chain: str
    sequence: int
    sha256: str
    previous: str
    session: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about numbers ``first`` to ``last`` of a chain, in words in ``text``."""

    kind: FindingKind
    device: str
    chain: str
    first: int
    last: int
    text: str


def check_chains(links: Iterable[Link]) -> tuple[Finding, ...]:
    """Return what does not fit in the chains of ``links``, by device, chain and number."""
    found: list[Finding] = []
    for _, group in groupby(sorted(set(links)), key=lambda link: (link.device, link.chain)):
        found += _check_chain(list(group))
    return tuple(found)


def _check_chain(links: list[Link]) -> list[Finding]:
    steps = [list(same) for _, same in groupby(links, key=lambda link: link.sequence)]
    found = [_fork(same) for same in steps if len(same) > 1]
    head = steps[0][0]
    if head.sequence > 1:
        found.append(_gap(head, 1, head.sequence - 1))
    for before, after in pairwise(steps):
        if after[0].sequence > before[0].sequence + 1:
            found.append(_gap(head, before[0].sequence + 1, after[0].sequence - 1))
            continue
        digests = {link.sha256 for link in before}
        found += [_mismatch(link) for link in after if link.previous not in digests]
    return sorted(found, key=lambda finding: (finding.first, finding.kind))


def _fork(same: list[Link]) -> Finding:
    link = same[0]
    sessions = ", ".join(sorted({link.session for link in same}))
    text = (
        f"{len(same)} manifests have this number (sessions {sessions}): the box's card or"
        " its key was copied, or a session was replaced"
    )
    return Finding("fork", link.device, link.chain, link.sequence, link.sequence, text)


def _gap(link: Link, first: int, last: int) -> Finding:
    n = last - first + 1
    text = f"{n} session(s) are not here: not uploaded yet, deleted unseen, or withheld"
    return Finding("gap", link.device, link.chain, first, last, text)


def _mismatch(link: Link) -> Finding:
    text = (
        f"session {link.session} follows another manifest than the one that came here:"
        " that one was replaced"
    )
    number = link.sequence
    return Finding("mismatch", link.device, link.chain, number, number, text)
