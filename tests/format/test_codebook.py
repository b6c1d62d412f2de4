"""A codebook is typed, its ids and keys are unique, and errors name their place."""

from __future__ import annotations

import pytest

from recorder.errors import FormatError
from recorder.format.codebook import Codebook, default_codebook_text, parse_codebook

HEAD = 'version = "2"\nhed_version = "8.3.0"\n'


def a_mark(**changes: str) -> str:
    fields = {
        "id": '"insight"',
        "key": '"2"',
        "ru": '"Инсайт"',
        "en": '"Insight"',
        "kind": '"point"',
        "hed": '"Label/Insight"',
        **changes,
    }
    lines = [f"{name} = {value}" for name, value in fields.items() if value]
    return "[[mark]]\n" + "\n".join(lines) + "\n"


@pytest.fixture
def default() -> Codebook:
    return parse_codebook(default_codebook_text())


def test_the_default_codebook_fills_the_screen_with_12_marks(default: Codebook) -> None:
    keys = [mark.key for mark in default.visible]
    assert keys == [*"1234567890", "F8", "F9"]
    assert default.hed_version == "8.3.0"


def test_the_default_codebook_has_the_recorders_own_marks(default: Codebook) -> None:
    assert [mark.id for mark in default.mark if not mark.is_visible] == [
        *("pause", "redact", "eyes_open", "eyes_closed"),
    ]


def test_only_the_risk_card_is_restricted(default: Codebook) -> None:
    assert [mark.id for mark in default.mark if mark.restricted] == ["risk"]


def test_suds_runs_from_0_to_10(default: Codebook) -> None:
    suds = default.get("suds")
    assert (suds.kind, suds.low, suds.high) == ("value", 0, 10)
    assert "#" in suds.hed


def test_every_default_mark_balances_its_hed_parentheses(default: Codebook) -> None:
    for mark in default.mark:
        assert mark.hed.count("(") == mark.hed.count(")")


def test_an_unknown_mark_is_refused_with_those_that_exist(default: Codebook) -> None:
    with pytest.raises(FormatError, match="phase, insight") as caught:
        default.get("joy")
    assert "'joy'" in caught.value.message


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        (a_mark(kind='"maybe"'), "mark[0].kind"),
        (a_mark(id="5"), "mark[0].id"),
        (a_mark(ru=""), "ru"),
        (a_mark(colour='"red"'), "colour"),
        (a_mark(en='" "'), "mark[0] ('insight')"),
        (a_mark(id='"Insight"'), "small letters"),
        (a_mark(id='""'), "small letters"),
        (a_mark(key='"F13"'), "F13"),
        (a_mark(key='"F10"'), "F10"),  # it erases
        (a_mark(key='"11"'), "'11'"),
        (a_mark(kind='"value"'), "needs low and high"),
        (a_mark(kind='"value"', low="1"), "low 1"),
        (a_mark(kind='"value"', low="5", high="5"), "below high"),
        (a_mark(low="1", high="2"), "a point mark"),
        (a_mark() + a_mark(key='"3"'), "id 'insight' is used twice"),
        (a_mark() + a_mark(id='"b"'), "key '2' is used twice"),
        (a_mark(key=""), "0 marks"),
        ("mark = 3", "mark"),
        ("[[mark\n", "line 3"),
        ("", "mark"),
    ],
)
def test_each_fault_is_refused_with_its_place(mark: str, said: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_codebook(HEAD + mark, place="LAB/codebook.toml")
    assert caught.value.message.startswith("LAB/codebook.toml: ")
    assert said in caught.value.message


@pytest.mark.parametrize("n", [1, 12])
def test_up_to_12_marks_have_keys(n: int) -> None:
    assert len(parse_codebook(HEAD + many(n)).visible) == n


def test_a_13th_key_is_refused() -> None:
    with pytest.raises(FormatError, match="13 marks have a key; allowed are 1 to 12"):
        parse_codebook(HEAD + many(13))


def test_an_empty_version_is_refused() -> None:
    with pytest.raises(FormatError, match="version is empty"):
        parse_codebook('version = " "\nhed_version = "8.3.0"\n' + a_mark())


def many(n: int) -> str:
    keys = [*"1234567890", "F3", "F4", "F5"][:n]
    return "".join(a_mark(id=f'"m{i}"', key=f'"{key}"') for i, key in enumerate(keys))
