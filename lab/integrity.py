"""What `open` found wrong with a session, and what it says in ``integrity.json``.

A problem is a fact about one file of the session: which, of which part, how many seconds
it cost. The codes are stable; docs/opening.md lists them.
"""

from __future__ import annotations

from typing import Literal

import msgspec

ProblemCode = Literal[
    "differs",  # bytes are not those the box signed
    "missing",  # signed, but not there
    "extra",  # there, but not signed
    "unsound",  # some of it does not authenticate
    "journal",  # the journal of an open part can't be used
    "unidentified",  # its first bytes are lost: nothing in it says whose it is
    "unreadable",  # it opens, but is not the XDF, FLAC or JSON it should be
]
# What costs nothing that was signed does not make a session damaged.
_HARMLESS: frozenset[ProblemCode] = frozenset({"extra"})


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong; ``lost_s`` is None where nobody can know."""

    code: ProblemCode
    path: str
    part: int | None = None
    lost_s: float | None = 0.0
    text: str

    @property
    def is_harmless(self) -> bool:
        """Whether every signed byte still opened."""
        return self.code in _HARMLESS


class Integrity(msgspec.Struct, frozen=True, kw_only=True):
    """The content of ``integrity.json``."""

    session: str
    device: str | None
    signed: bool
    clean: bool
    parts: int
    erased: tuple[int, ...]
    recovered_from_journal_s: float
    lost_samples: int
    xruns: int
    problems: tuple[Problem, ...]

    @property
    def is_damaged(self) -> bool:
        """Whether anything signed could not be opened."""
        return not all(problem.is_harmless for problem in self.problems)


def to_json(content: object) -> bytes:
    """Return ``content`` as readable JSON; NaN and infinity become null."""
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
