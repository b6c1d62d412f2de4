"""Keys become marks: on and off, a moment ago, with a strength or a value, and undone."""

from __future__ import annotations

import msgspec
import pytest

from recorder.clock import NS_PER_S
from recorder.format.codebook import default_codebook_text, parse_codebook
from recorder.protocol.state import LoggedMark
from tests.tui.staged import LIVE
from tui.marking import Marking

CODEBOOK = parse_codebook(default_codebook_text())
NOW_NS = 1000 * NS_PER_S


@pytest.fixture
def marking() -> Marking:
    return Marking(CODEBOOK)


def logged(n: int, age_s: float, mark_id: str = "insight", **more: object) -> LoggedMark:
    fields: dict[str, object] = {"undone": False, **more}
    key_ns = NOW_NS - round(age_s * NS_PER_S)
    return LoggedMark(n, mark_id, "point", key_ns, **fields)  # type: ignore[arg-type]  # undone only


def test_every_key_of_the_codebook_makes_its_mark(marking: Marking) -> None:
    made = {key: marking.mark_of(key) for key in marking.mark_keys()}
    assert {key: mark.id for key, mark in made.items() if mark} == {
        mark.key.lower(): mark.id for mark in CODEBOOK.visible
    }


def test_the_same_key_turns_a_mark_on_and_off(marking: Marking) -> None:
    tears = CODEBOOK.get("tears")
    assert marking.press(tears, NOW_NS, ()).act == "on"
    assert marking.press(tears, NOW_NS, ("tears",)).act == "off"


def test_a_moment_ago_counts_for_one_mark(marking: Marking) -> None:
    marking.turn_back()
    marking.turn_back()
    assert marking.back_s == 30
    assert marking.press(CODEBOOK.get("insight"), NOW_NS, ()).back_s == 30
    assert marking.press(CODEBOOK.get("insight"), NOW_NS, ()).back_s == 0


def test_a_moment_ago_comes_round_to_now(marking: Marking) -> None:
    seen = []
    for _ in range(4):
        marking.turn_back()
        seen.append(marking.back_s)
    assert seen == [10, 30, 60, 0]


def test_a_value_is_stamped_with_the_key_that_asked_for_it(marking: Marking) -> None:
    first_ns, last_ns = NOW_NS, NOW_NS + 7 * NS_PER_S
    call = marking.value(CODEBOOK.get("suds"), 8, first_ns=first_ns, key_ns=last_ns)
    assert (call.value, call.key_ns) == (8, last_ns)
    assert call.key_ns - round(call.back_s * NS_PER_S) == first_ns


def test_a_running_marks_strength_goes_with_its_end(marking: Marking) -> None:
    emotion = CODEBOOK.get("emotion")
    marking.press(emotion, NOW_NS, ())
    for by in (1, 1, 1, 1, 1):
        marking.change_strength(("emotion", "silence"), by)
    assert marking.strength("emotion") == emotion.high == 7
    assert marking.press(emotion, NOW_NS, ("emotion",)).value == 7
    assert marking.strength("emotion") is None


@pytest.mark.parametrize(
    ("marks", "undone"),
    [
        ((), None),
        ((logged(1, 9.9),), 1),
        ((logged(1, 10.1),), None),
        ((logged(1, 5), logged(2, 3)), 2),
        ((logged(1, 5), logged(2, 3, undone=True)), 1),
        ((logged(1, 5), logged(2, 3, "pause")), 1),  # the recorder's own
    ],
)
def test_the_newest_mark_of_the_last_ten_seconds_is_undone(
    marking: Marking, marks: tuple[LoggedMark, ...], undone: int | None
) -> None:
    session = msgspec.structs.replace(LIVE, marks=marks)
    call = marking.undo(session, NOW_NS)
    assert (call.of if call else None) == undone


def test_a_mark_on_its_way_can_be_undone_once_it_has_a_number(marking: Marking) -> None:
    call = marking.press(CODEBOOK.get("insight"), NOW_NS, ())
    assert marking.undoable((), NOW_NS) is None
    marking.settle(call, n=5, saved=True)
    assert marking.undoable((), NOW_NS) == (5, "insight")


def test_while_a_mark_is_on_its_way_no_older_one_is_taken_back(marking: Marking) -> None:
    older = (logged(5, 1),)
    call = marking.press(CODEBOOK.get("insight"), NOW_NS, ())
    assert marking.undoable(older, NOW_NS) is None
    marking.settle(call, refused="too late")
    assert marking.undoable(older, NOW_NS) == (5, "insight")


def test_an_echo_goes_when_the_recorder_lists_the_mark(marking: Marking) -> None:
    call = marking.press(CODEBOOK.get("insight"), NOW_NS, ())
    marking.settle(call, n=5, saved=True)
    marking.drop_listed((logged(5, 0),), NOW_NS)
    assert marking.echoes == []


def test_a_refused_mark_is_shown_for_a_while(marking: Marking) -> None:
    call = marking.press(CODEBOOK.get("insight"), NOW_NS, ())
    marking.settle(call, refused="too late")
    marking.drop_listed((), NOW_NS + 9 * NS_PER_S)
    assert [echo.refused for echo in marking.echoes] == ["too late"]
    marking.drop_listed((), NOW_NS + 11 * NS_PER_S)
    assert marking.echoes == []
