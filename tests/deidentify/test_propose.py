"""Identifying words are proposed, whatever their form, and plain words are left alone."""

from __future__ import annotations

import pytest

from lab.deidentify.propose import propose
from lab.deidentify.protected import ProtectedWord, find_protected
from scripts.benchmarks.deidentify import labelled, lowered, score


def found(text: str, language: str = "ru") -> list[tuple[str, str]]:
    (hits,) = propose([text], language)
    return [(text[hit.start : hit.end], hit.kind) for hit in hits]


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("lower", [False, True])
def test_the_half_we_tuned_on_is_found(language: str, *, lower: bool) -> None:
    examples = labelled(language, "tuned")
    result = score([lowered(one) for one in examples] if lower else examples, language)
    assert result.recall >= 0.95
    assert result.precision >= 0.9


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("мы с ритой и её мамой", "name"),
        ("мой сосед джамшед молчит", "name"),
        ("уехала в нижний тагил насовсем", "city"),
        ("в больнице номер пятнадцать", "org"),
        ("на улице гагарина дом 12 квартира 4", "place"),
        ("двадцать второго ноября две тысячи двенадцатого года", "date"),
        ("прадеду исполнилось девяносто семь", "age"),
        ("восемь девятьсот три двести двадцать семь сорок один ноль пять", "phone"),
        ("пишите на a.b-c@mail.example.ru", "mail"),
        ("мой полис 7701 3456 7890 1234", "id"),
    ],
)
def test_each_kind_is_found_in_what_a_recogniser_writes(text: str, kind: str) -> None:
    assert kind in {hit[1] for hit in found(text)}


@pytest.mark.parametrize(
    "text",
    [
        "Пустоту. Потом злость.",
        "у меня есть вера в себя и надежда на лучшее",
        "Мне было десять лет, когда родители развелись.",
        "Тревога где-то семь из десяти.",
        "роман с коллегой закончился ничем",
    ],
)
def test_plain_russian_is_left_alone(text: str) -> None:
    assert found(text) == []


def test_plain_english_is_left_alone() -> None:
    assert found("I will hope for the best, to be frank, in grace.", "en") == []
    assert found("my hope is gone and i may mark the day", "en") == []


@pytest.mark.parametrize(
    "text", ["Нашей Белкой", "белке", "БЕЛКУ", "та самая белка", "Белкой-Стрелкой"]
)
def test_a_protected_word_is_found_in_every_form_and_case(text: str) -> None:
    word = ProtectedWord("Белка", "name")
    (hits,) = propose([text], "ru", [word])
    assert [hit for hit in hits if hit.source == "protected"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("звонила марина петрова", ["марина петрова"]),
        ("а Петровой всё равно, и Марине тоже", ["Петровой", "Марине"]),
        ("маринин муж не придёт", ["маринин"]),
        ("на марининой свадьбе пели", ["марининой"]),
        ("моя тётка Вера ждёт", []),
    ],
)
def test_a_protected_full_name_is_found_in_its_parts_and_in_what_is_hers(
    text: str, names: list[str]
) -> None:
    words = [ProtectedWord("Марина Петрова", "name"), ProtectedWord("Вера Тётка", "name")]
    (hits,) = find_protected([text], "ru", words)
    assert sorted(text[hit.start : hit.end] for hit in hits) == sorted(names)


def test_either_apostrophe_is_the_same_name() -> None:
    (hits,) = find_protected(["i saw O’Brien"], "en", [ProtectedWord("O'Brien", "name")])
    assert len(hits) == 1


def test_a_protected_name_of_two_words_is_found_as_one() -> None:
    word = ProtectedWord("Зелёная Роща", "place")
    text = "мы жили в зеленой роще за речкой"
    (hits,) = propose([text], "ru", [word])
    assert [text[h.start : h.end] for h in hits if h.source == "protected"] == [
        "зеленой роще"
    ]


def test_proposals_of_a_text_never_overlap_and_lie_inside_it() -> None:
    texts = [one.text for one in labelled("ru", "tuned")]
    for text, hits in zip(texts, propose(texts, "ru"), strict=True):
        at = 0
        for hit in hits:
            assert at <= hit.start < hit.end <= len(text)
            assert 0 < hit.confidence <= 1
            at = hit.end
