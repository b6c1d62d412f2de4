"""What is left of a file: runs of sound bytes at known offsets, with holes between.

A sealed file that was damaged and the journal of its part may each hold some of it;
joined they give the longest runs that can be had.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import pairwise, zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Piece:
    """Sound bytes of a file that start at ``offset``."""

    offset: int
    content: bytes

    @property
    def end(self) -> int:
        """Offset just behind the last byte."""
        return self.offset + len(self.content)


def join(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """Return ``pieces`` as runs in order that neither touch nor overlap.

    Where two overlap, the one named earlier keeps its bytes.
    """
    named = [piece for piece in pieces if piece.content]
    order = sorted(range(len(named)), key=lambda index: named[index].offset)
    cuts: list[Piece] = []
    begun: list[int] = []  # a heap: the piece named first is on top
    for index, following in zip_longest(order, order[1:]):
        heappush(begun, index)
        at = named[index].offset
        stop = math.inf if following is None else named[following].offset
        while begun and at < stop:
            piece = named[begun[0]]
            if piece.end <= at:
                heappop(begun)
                continue
            end = int(min(piece.end, stop))
            cuts.append(_slice(piece, at, end))
            at = end
    return tuple(_glue(cuts))


def holes(runs: tuple[Piece, ...]) -> tuple[tuple[int, int], ...]:
    """Return the missing spans of bytes (start, end) before and between ``runs``."""
    edges = [(0, 0), *((run.offset, run.end) for run in runs)]
    return tuple((a[1], b[0]) for a, b in pairwise(edges) if b[0] > a[1])


def _slice(piece: Piece, start: int, end: int) -> Piece:
    return Piece(start, piece.content[start - piece.offset : end - piece.offset])


def _glue(runs: list[Piece]) -> list[Piece]:
    """Join neighbours that touch; copies each byte once."""
    groups: list[list[Piece]] = []
    for run in runs:
        if groups and groups[-1][-1].end == run.offset:
            groups[-1].append(run)
        else:
            groups.append([run])
    return [Piece(g[0].offset, b"".join(run.content for run in g)) for g in groups]
