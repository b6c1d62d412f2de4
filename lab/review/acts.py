"""What a reviewer does, one act after another; the review is what they add up to.

Acts are only ever added. To undo one is another act, so nothing that was decided is lost,
and who decided what when can be read for ever.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations
from typing import Literal

import msgspec

from lab.deidentify.kinds import Found, Kind  # noqa: TC001 - msgspec reads them

VERSION = 1
MarkSource = Literal["person", "protected"]


class Decide(msgspec.Struct, frozen=True, tag="decide"):
    """Take out what these proposals cover, or leave it."""

    masks: tuple[int, ...]
    yes: bool


class NewMask(msgspec.Struct, frozen=True):
    """A place in a turn that is to be taken out."""

    turn: int
    start: int
    end: int
    kind: Kind
    key: str


class Mark(msgspec.Struct, frozen=True, tag="mark"):
    """Take these places out, which nobody had proposed."""

    places: tuple[NewMask, ...]
    source: MarkSource = "person"


class Read(msgspec.Struct, frozen=True, tag="read"):
    """A turn was read to its end; what was proposed in it is decided."""

    turn: int


class Draw(msgspec.Struct, frozen=True, tag="draw"):
    """These turns were drawn by lot, to be looked at a second time."""

    turns: tuple[int, ...]


class Look(msgspec.Struct, frozen=True, tag="look"):
    """A drawn turn was looked at again, as others will read it."""

    turn: int


class Waive(msgspec.Struct, frozen=True, tag="waive"):
    """What the leak test found there tells nobody who the client is."""

    leak: str


class Undo(msgspec.Struct, frozen=True, tag="undo"):
    """The act of this number does not count."""

    of: int


Act = Decide | Mark | Read | Draw | Look | Waive | Undo


class Entry(msgspec.Struct, frozen=True):
    """An act, who did it and when; acts of one ``group`` are undone together."""

    number: int
    at_utc: datetime
    who: str
    act: Act
    group: str = ""


class Proposals(msgspec.Struct, frozen=True):
    """What the machine proposed for each turn of a transcript."""

    transcript_sha256: str
    software: str
    turns: tuple[tuple[Found, ...], ...]
    finders: tuple[str, ...] = ()  # whose lists and weights were asked, with versions


class ReviewFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything done so far about one transcript."""

    transcript_sha256: str
    entries: tuple[Entry, ...] = ()
    version: int = VERSION
