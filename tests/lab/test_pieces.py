"""Pieces of a file join to the longest runs; earlier pieces win where they overlap."""

from __future__ import annotations

import time
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from lab.pieces import Piece, holes, join
from recorder.clock import NS_PER_S

PIECES = st.lists(st.builds(Piece, st.integers(0, 40), st.binary(max_size=12)), max_size=12)


@settings(deadline=None)
@given(PIECES)
def test_joined_runs_hold_each_byte_of_the_first_piece_that_has_it(
    pieces: list[Piece],
) -> None:
    expected: dict[int, int] = {}
    for piece in pieces:
        for at, octet in enumerate(piece.content, piece.offset):
            expected.setdefault(at, octet)
    runs = join(pieces)
    held = {at: octet for run in runs for at, octet in enumerate(run.content, run.offset)}
    assert held == expected


@settings(deadline=None)
@given(PIECES)
def test_runs_are_in_order_and_never_touch(pieces: list[Piece]) -> None:
    runs = join(pieces)
    assert all(a.end < b.offset for a, b in pairwise(runs))
    assert all(run.content for run in runs)


def test_many_pieces_in_falling_order_join_quickly() -> None:
    pieces = [Piece(at * 3, b"x") for at in reversed(range(100_000))]
    began_ns = time.process_time_ns()  # whatever else this machine does
    assert len(join(pieces)) == len(pieces)
    assert time.process_time_ns() - began_ns < 5 * NS_PER_S


@settings(deadline=None)
@given(PIECES)
def test_holes_are_what_lies_before_and_between_the_runs(pieces: list[Piece]) -> None:
    runs = join(pieces)
    missing = {at for start, end in holes(runs) for at in range(start, end)}
    held = {at for run in runs for at in range(run.offset, run.end)}
    assert missing | held == set(range(max(held, default=-1) + 1))
    assert not missing & held
