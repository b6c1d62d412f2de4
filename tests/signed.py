"""Clear and sign a transcript the quick way, for tests of what comes after."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from lab.review.desk import Desk
from lab.review.signing import leaks_of, sign_off
from lab.settings import Lab
from lab.transcripts.reviewers import read_reviewer_key

if TYPE_CHECKING:
    from lab.review.cases import Case
    from tests.spoken import SpokenBench


def desk(bench: SpokenBench) -> Desk:
    """Return anna's desk; its lot always falls alike."""
    return Desk(bench.cases(), random.Random(1))


def read_all(bench: SpokenBench, number: int = 1) -> Case:
    """Accept every turn and look at what is drawn."""
    one, session = desk(bench), bench.session(number)
    found = bench.cases().read(session)
    for turn in range(len(found.transcript.turns)):
        found = one.accept_turn(session, found.state.version, turn)
    while found.state.to_look:
        found = one.look(session, found.state.version, min(found.state.to_look))
    return found


def waive_all(bench: SpokenBench, number: int = 1) -> Case:
    """Sign away all that the leak test finds."""
    session = bench.session(number)
    found = bench.cases().read(session)
    for leak in leaks_of(bench.cases(), found):
        found = desk(bench).waive(session, found.state.version, leak.id)
    return found


def sign_all(bench: SpokenBench, number: int = 1) -> Case:
    """Clear a transcript and sign it as anna."""
    read_all(bench, number)
    found = waive_all(bench, number)
    key = read_reviewer_key(Lab.load(bench.lab), "anna", bench.root / "anna_ed25519")
    sign_off(bench.cases(), bench.session(number), found.state.version, key)
    return bench.cases().read(bench.session(number))
