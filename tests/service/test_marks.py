"""A mark is taken if the codebook knows it, its value fits, and its key was pressed now."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.clock import NS_PER_S
from recorder.errors import MarkError
from recorder.format.codebook import default_codebook_text, parse_codebook
from recorder.format.marks import MarkRecord
from recorder.protocol.calls import Mark
from recorder.service.marks import MarkLog
from recorder.store.writer import Written

BOOK = parse_codebook(default_codebook_text())
NOW = 1000 * NS_PER_S


class Desk:
    """A log that writes what it allows, each mark into ``part``."""

    def __init__(self) -> None:
        self.log = MarkLog(BOOK)
        self.n = 0
        self.part = 1

    def make(self, call: Mark, *, now_ns: int = NOW, since_ns: int = 0) -> MarkRecord:
        record = self.log.check(call, now_ns=now_ns, since_ns=since_ns)
        self.n += 1
        written = msgspec.structs.replace(record, n=self.n)
        self.log.add(Written(written, self.part, saved=True))
        return written


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (Mark("unheard", "point", NOW), "no such mark"),
        (Mark("pause", "on", NOW), "no such mark"),
        (Mark("eyes_open", "on", NOW), "no such mark"),
        (Mark("insight", "on", NOW), "can't be on"),
        (Mark("emotion", "point", NOW), "can't be point"),
        (Mark("suds", "point", NOW), "can't be point"),
        (Mark("suds", "value", NOW), "needs a value"),
        (Mark("suds", "value", NOW, value=11), "0 to 10"),
        (Mark("suds", "value", NOW, value=-1), "0 to 10"),
        (Mark("emotion", "on", NOW, value=0), "1 to 7"),
        (Mark("emotion", "on", NOW, value=8), "1 to 7"),
        (Mark("insight", "point", NOW, value=1), "takes no value"),
        (Mark("emotion", "off", NOW), "off already"),
        (Mark("insight", "undo", NOW, of=1), "no such mark to undo"),
        (Mark("insight", "undo", NOW), "no such mark to undo"),
    ],
)
def test_a_mark_that_makes_no_sense_is_refused(call: Mark, words: str) -> None:
    desk = Desk()
    with pytest.raises(MarkError, match=words):
        desk.make(call)
    assert desk.log.newest == ()


@given(age_ns=st.integers(-3 * NS_PER_S, 4 * NS_PER_S))
def test_only_a_key_pressed_in_the_last_two_seconds_counts(age_ns: int) -> None:
    call = Mark("insight", "point", NOW - age_ns)
    if -5_000_000 <= age_ns <= 2 * NS_PER_S:
        assert Desk().make(call).stamp_ns == NOW - age_ns
    else:
        with pytest.raises(MarkError, match="future" if age_ns < 0 else "ago"):
            Desk().make(call)


@pytest.mark.parametrize(("key_ns", "taken"), [(NOW - 1, False), (NOW, True)])
def test_a_key_pressed_before_the_recording_or_in_a_pause_does_not_count(
    key_ns: int, *, taken: bool
) -> None:
    call = Mark("insight", "point", key_ns)
    if taken:
        Desk().make(call, since_ns=NOW)
    else:
        with pytest.raises(MarkError, match="nothing was recorded"):
            Desk().make(call, since_ns=NOW)


@pytest.mark.parametrize(("after_s", "undone"), [(0, True), (12.0, True), (12.1, False)])
def test_a_mark_can_be_undone_for_ten_seconds_and_two_of_grace(
    after_s: float, *, undone: bool
) -> None:
    desk = Desk()
    first = desk.make(Mark("insight", "point", NOW))
    later_ns = NOW + round(after_s * NS_PER_S)
    call = Mark("insight", "undo", later_ns, of=first.n)
    if not undone:
        with pytest.raises(MarkError, match="10 s"):
            desk.make(call, now_ns=later_ns)
        return
    record = desk.make(call, now_ns=later_ns)
    assert (record.act, record.of, record.id) == ("undo", first.n, "insight")
    assert [one.undone for one in desk.log.newest] == [True]
    with pytest.raises(MarkError):
        desk.make(call, now_ns=later_ns)


def test_undoing_an_end_lets_the_mark_run_on_and_undoing_a_begin_ends_it() -> None:
    desk = Desk()
    on = desk.make(Mark("tears", "on", NOW))
    off = desk.make(Mark("tears", "off", NOW))
    assert list(desk.log.running) == []
    desk.make(Mark("tears", "undo", NOW, of=off.n))
    assert list(desk.log.running) == ["tears"]
    desk.make(Mark("tears", "undo", NOW, of=on.n))
    assert list(desk.log.running) == []


def test_what_was_erased_is_forgotten_and_what_it_ended_runs_again() -> None:
    desk = Desk()
    desk.make(Mark("tears", "on", NOW))
    desk.part = 2
    off = desk.make(Mark("tears", "off", NOW))
    desk.log.drop_parts((2,))
    assert desk.log.running == ("tears",)
    assert len(desk.log.newest) == 1
    with pytest.raises(MarkError, match="no such mark"):
        desk.make(Mark("tears", "undo", NOW, of=off.n))


def test_the_machines_own_marks_are_shown_and_can_not_be_undone() -> None:
    desk = Desk()
    own = MarkRecord(n=1, id="eyes_open", act="on", stamp_ns=NOW, source="machine")
    desk.log.add(Written(own, 1, saved=True))
    assert desk.log.running == ("eyes_open",)
    with pytest.raises(MarkError):
        desk.make(Mark("eyes_open", "undo", NOW, of=1))


def test_only_the_newest_marks_are_told() -> None:
    desk = Desk()
    for _ in range(50):
        desk.make(Mark("insight", "point", NOW))
    assert [one.n for one in desk.log.newest] == list(range(31, 51))
