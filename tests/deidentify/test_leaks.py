"""What is left in a text after the review is found, each place once."""

from __future__ import annotations

import pytest

from lab.deidentify.leaks import LeakTest, words_of
from lab.deidentify.protected import ProtectedWord


def leaks(
    text: str, *words: str, elsewhere: frozenset[str] = frozenset()
) -> set[tuple[str, str]]:
    protected = [ProtectedWord(word, "name") for word in words]
    found = LeakTest("ru", protected, elsewhere).run(["Вот и всё.", text])
    return {(leak.code, leak.text) for leak in found}


def test_a_clean_text_has_no_leak() -> None:
    assert leaks("Мне было грустно, и я молчала.") == set()


@pytest.mark.parametrize(
    ("text", "leak"),
    [
        ("Я видела Белку во дворе.", ("protected", "Белку")),
        ("Пиши на мою почту abc@mail.ru скорее.", ("mail", "abc@mail.ru")),
        ("Звони 8 916 204 33 18 вечером.", ("phone", "8 916 204 33 18")),
        ("Их было 17 человек.", ("digits", "17")),
        ("Мы пошли к Иванычу.", ("capital", "Иванычу")),
        ("Он служил на траулере дизелистом.", ("rare", "дизелистом")),
    ],
)
def test_each_kind_of_leak_is_found(text: str, leak: tuple[str, str]) -> None:
    assert leak in leaks(text, "Белка")


def test_a_capital_is_a_leak_also_where_sentences_begin_with_none() -> None:
    found = LeakTest("ru", (), frozenset()).run(["вот и всё", "мы пошли к Иванычу"])
    assert ("capital", "Иванычу") in {(leak.code, leak.text) for leak in found}


def test_what_other_clients_say_too_is_not_rare() -> None:
    elsewhere = words_of(["У нас все дизелисты."], "ru")
    text = "Он служил на траулере дизелистом."
    assert ("rare", "дизелистом") not in leaks(text, elsewhere=elsewhere)


def test_a_rare_word_is_one_leak_however_often_it_stands_there() -> None:
    found = LeakTest("ru", (), frozenset()).run(["Дизелист. Дизелиста не было."])
    (leak,) = [one for one in found if one.code == "rare"]
    assert leak.times == 2
