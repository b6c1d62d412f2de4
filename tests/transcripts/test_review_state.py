"""A review is what its acts add up to, and every act can be taken back."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from lab.deidentify.clients_words import ClientWords
from lab.deidentify.kinds import Found
from lab.review.acts import Act, Decide, Entry, Look, Mark, NewMask, Read, Undo, Waive
from lab.review.state import ReviewState, fold

PROPOSALS = (
    (Found(0, 5, "name", "anna", "dictionary", 0.9),),
    (),
    (Found(3, 7, "city", "tver", "rule", 0.8), Found(9, 12, "name", "anna", "finder", 0.7)),
)
ACTS = st.one_of(
    st.builds(Decide, st.tuples(st.integers(1, 6)), st.booleans()),
    st.builds(
        Mark,
        st.tuples(
            st.builds(
                NewMask,
                turn=st.integers(0, 2),
                start=st.integers(0, 4),
                end=st.integers(5, 9),
                kind=st.just("org"),
                key=st.just("x"),
            )
        ),
    ),
    st.builds(Read, st.integers(0, 2)),
    st.builds(Look, st.integers(0, 2)),
    st.builds(Waive, st.sampled_from(["a", "b"])),
)


def state(*acts: Act) -> ReviewState:
    now = datetime(2026, 11, 25, tzinfo=UTC)
    return fold(PROPOSALS, [Entry(n, now, "anna", a) for n, a in enumerate(acts, 1)])


def verdicts(found: ReviewState) -> list[str]:
    return [mask.verdict for mask in found.masks]


def test_nothing_is_decided_before_somebody_decides() -> None:
    assert verdicts(state()) == ["open", "open", "open"]
    assert state().n_open == 3


def test_a_decision_counts_until_another_one_or_its_undo() -> None:
    yes = Decide((1, 3), yes=True)
    assert verdicts(state(yes)) == ["yes", "open", "yes"]
    assert verdicts(state(yes, Decide((1,), yes=False))) == ["no", "open", "yes"]
    assert verdicts(state(yes, Undo(1))) == ["open", "open", "open"]


def test_a_marked_place_is_taken_out_and_what_it_overlaps_gives_way() -> None:
    found = state(Mark((NewMask(2, 5, 12, "place", "x"),)))
    assert verdicts(found) == ["open", "no", "no", "yes"]
    assert found.masks_of(2)[-1].source == "person" or found.masks[-1].source == "person"


@given(st.lists(ACTS, max_size=12), ACTS)
def test_undoing_the_last_act_gives_what_was_before(before: list[Act], act: Act) -> None:
    was = state(*before)
    after = state(*before, act)
    assert after.last == len(before) + 1
    again = state(*before, act, Undo(after.last))
    for name in ("masks", "read", "drawn", "looked", "waived", "last"):
        assert getattr(again, name) == getattr(was, name)
    assert again.version == was.version + 2


def test_a_person_keeps_the_same_number_for_ever() -> None:
    words = ClientWords().with_numbers([("name", "иван петрович"), ("name", "анна")])
    assert words.number("name", "иван петрович") == 1
    assert words.number("name", "иван") == 1  # there is one Ivan only
    more = words.with_numbers([("name", "иван"), ("name", "иван сидоров"), ("city", "x")])
    assert (more.number("name", "иван"), more.number("name", "анна")) == (1, 2)
    assert more.number("name", "иван сидоров") == 1 or more.number("name", "иван") == 1
    assert more.number("city", "x") == 1
    assert more.with_numbers([("name", "анна")]) == more
