"""A study is typed, its ids are unique, and errors name their place."""

from __future__ import annotations

from importlib import resources

import pytest

from recorder.errors import FormatError
from recorder.format.study import check_scale_answers, parse_study

NAME = 'name = "S"\nsessions_per_client = 5\n'
ITEM = '[[scale.item]]\nid = "depth"\nlow = 1\nhigh = 7\n'
SCALE = '[[scale]]\nid = "s"\nwhen = "after"\nru = "Ш"\nen = "S"\n'


def question(section: str, question_id: str) -> str:
    return f'[[{section}]]\nid = "{question_id}"\nru = "Да"\nen = "Yes"\n'


def test_the_study_a_new_lab_starts_with_is_valid_and_complete() -> None:
    study = parse_study((resources.files("lab") / "study.toml").read_text("utf-8"))
    assert study.sessions_per_client == 5
    assert study.eligibility
    assert study.online_check
    assert study.reason
    assert study.scales("after")
    assert study.risk_card.ru.strip()
    assert study.risk_card.en.strip()


def test_only_name_and_number_of_sessions_are_needed() -> None:
    study = parse_study(NAME)
    assert (study.eligibility, study.scale, study.risk_card.ru) == ((), (), "")


def test_an_item_needs_no_text() -> None:
    (scale,) = parse_study(NAME + SCALE + ITEM).scales("after")
    assert scale.item[0].ru == ""
    assert parse_study(NAME + SCALE + ITEM).scales("before") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "study.toml"),
        ('name = " "\nsessions_per_client = 5\n', "name is empty"),
        ('name = "S"\nsessions_per_client = 0\n', "is 0, at least 1"),
        (NAME + "surprise = 1\n", "surprise"),
        (NAME + question("eligibility", "Adult"), "eligibility[0]: id 'Adult'"),
        (NAME + question("reason", "a") * 2, "reason: id 'a' is used twice"),
        (NAME + question("online_check", ""), "online_check[0]: id ''"),
        (NAME + SCALE + "item = []\n", "scale[0] ('s') has no item"),
        (NAME + SCALE + ITEM * 2, "item: id 'depth' is used twice"),
        (NAME + SCALE + ITEM.replace("7", "1"), "'depth' runs from 1 to 1"),
        (NAME + SCALE + ITEM.replace("7", "12"), "'depth' runs from 1 to 12"),
        (NAME + SCALE.replace("after", "later") + ITEM, "when"),
    ],
)
def test_what_is_no_study_is_refused_with_the_place(text: str, said: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_study(text)
    assert said in caught.value.message


def test_eleven_answers_from_0_to_10_are_the_most() -> None:
    item = ITEM.replace("low = 1", "low = 0").replace("high = 7", "high = 10")
    assert parse_study(NAME + SCALE + item).scale[0].item[0].high == 10


@pytest.mark.parametrize("value", [1, 7])
def test_answers_at_the_ends_of_the_range_are_taken(value: int) -> None:
    check_scale_answers(parse_study(NAME + SCALE + ITEM), {"s": {"depth": value}})


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"s": {"depth": 0}}, "s.depth: 0, allowed are 1 to 7"),
        ({"s": {"depth": 8}}, "s.depth: 8, allowed are 1 to 7"),
        ({"s": {"width": 1}}, "no item 'width' in scale 's'"),
        ({"t": {"depth": 1}}, "no item 'depth' in scale 't'"),
    ],
)
def test_answers_the_study_does_not_ask_for_are_refused(
    answers: dict[str, dict[str, int]], said: str
) -> None:
    with pytest.raises(FormatError) as caught:
        check_scale_answers(parse_study(NAME + SCALE + ITEM), answers)
    assert said in caught.value.message
