"""A reviewer clears a transcript with the keyboard alone; a killed server loses nothing."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from lab.review.signing import check_signed
from tests.browser import running_browser
from tests.review_server import RunningReview
from tests.spoken import CLIENT, DIALOGUE, SpokenBench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selenium.webdriver.chrome.webdriver import WebDriver

_PATIENCE_S = 100


@pytest.fixture(scope="module")
def chromium() -> Iterator[WebDriver]:
    with running_browser() as browser:
        browser.set_window_size(1360, 860)
        yield browser


@contextmanager
def opened(
    bench: SpokenBench, browser: WebDriver, language: str = "ru"
) -> Iterator[RunningReview]:
    """Serve and open the first session."""
    with RunningReview.of(bench, language=language) as server:
        browser.get(server.address)
        until(lambda: bool(browser.find_elements("css selector", "#list tbody tr")))
        press(browser, Keys.RETURN)
        until(lambda: bool(browser.find_elements("css selector", ".turn.here")))
        yield server


def until(what: Callable[[], bool]) -> None:
    end = time.perf_counter() + _PATIENCE_S
    while not what():
        assert time.perf_counter() < end
        time.sleep(0.02)


def press(browser: WebDriver, *keys: str, shift: bool = False) -> None:
    chain = ActionChains(browser)
    if shift:
        chain.key_down(Keys.SHIFT)
    chain.send_keys(*keys)
    if shift:
        chain.key_up(Keys.SHIFT)
    chain.perform()


def text(browser: WebDriver, css: str) -> str:
    """Return what a person reads there now, in one step: the page draws itself anew."""
    script = "return document.querySelector(arguments[0])?.innerText ?? ''"
    return str(browser.execute_script(script, css))  # selenium's


def in_hand(browser: WebDriver) -> int:
    """Return the number of the turn in hand; -1 where none is."""
    script = "return document.querySelector('.turn.here')?.dataset.turn ?? '-1'"
    return int(browser.execute_script(script))  # selenium's


def faults(browser: WebDriver) -> list[str]:
    return [str(line["message"]) for line in browser.get_log("browser")]  # type: ignore[no-untyped-call]  # selenium's


def test_a_transcript_is_cleared_and_signed_by_keyboard_alone(
    taken: SpokenBench, chromium: WebDriver
) -> None:
    with opened(taken, chromium):
        # Two proposals are left by mistake; the leak test will find their capitals.
        leave(chromium, 1)
        leave(chromium, 3)
        read_to_the_end(chromium)
        press(chromium, Keys.RETURN)
        until(lambda: "Второй взгляд" in text(chromium, "#steps .on"))
        press(chromium, Keys.RETURN)
        until(lambda: "✓ Второй взгляд" in _steps(chromium))
        press(chromium, Keys.RETURN)
        until(lambda: bool(_leaks(chromium)))
        leaks = _leaks(chromium)
        assert {"Марина", "Нижний", "Тагил"} <= set(leaks)
        # One is taken out after all, the others are signed away one by one.
        assert text(chromium, "#now .what") == leaks[0] == "Марина"
        press(chromium, "1")
        until(lambda: "Марина" not in _leaks(chromium))
        look_again(chromium)
        while n := len(_leaks(chromium)):
            press(chromium, Keys.RETURN)
            until_other(lambda: len(_leaks(chromium)), n)
        # Enter goes on to the signature and can't give it.
        press(chromium, Keys.RETURN, Keys.RETURN, Keys.RETURN)
        until_seen(chromium, "#sign-button")
        press(chromium, "s")
        until(lambda: "Открыть снова" in text(chromium, "#text"))
    clean = check_signed(taken.cases(), taken.session())
    assert "[ИМЯ_1]" in clean.turns[1].text
    assert "Нижний Тагил" in clean.turns[3].text
    assert clean.counts.signed_away == len(leaks) - 1
    assert faults(chromium) == []


def leave(browser: WebDriver, turn: int) -> None:
    """Go to a turn and leave its proposal."""
    while in_hand(browser) != turn:
        here = in_hand(browser)
        press(browser, Keys.ARROW_DOWN)
        until_other(lambda: in_hand(browser), here)
    press(browser, Keys.BACKSPACE)
    until_seen(browser, f"#turn-{turn} .m.no")


def read_to_the_end(browser: WebDriver) -> None:
    """Accept everything by Enter."""
    while not text(browser, "#progress").startswith(f"{len(DIALOGUE)} из"):
        before = _shown(browser)
        press(browser, Keys.RETURN)
        until_other(lambda: _shown(browser), before)


def look_again(browser: WebDriver) -> None:
    """Look at the tenth that a late find costs, and go back to the leak test."""
    press(browser, Keys.F3)
    until(lambda: "Второй взгляд" in text(browser, "#steps .on"))
    until(lambda: "✓ Второй взгляд" not in _steps(browser))
    press(browser, Keys.RETURN)
    until(lambda: "✓ Второй взгляд" in _steps(browser))
    press(browser, Keys.RETURN)
    until(lambda: bool(_leaks(browser)))


def test_a_click_on_a_word_plays_from_there(
    taken: SpokenBench, chromium: WebDriver
) -> None:
    with opened(taken, chromium):
        press(chromium, Keys.ARROW_DOWN)
        until(lambda: in_hand(chromium) == 1)
        word = chromium.find_elements("css selector", "#turn-1 .w")[3]
        assert word.text == "опять"
        word.click()
        until(lambda: bool(_asked_sound(chromium)))
        start_s, end_s = _asked_sound(chromium)[-1]
        turn = taken.cases().read(taken.session()).transcript.turns[1]
        # The file has no times of words: by share of letters within the turn.
        assert turn.start_s + 0.5 < start_s < end_s
        assert end_s == pytest.approx(turn.end_s, abs=0.3)
        until(lambda: "Слушать" in text(chromium, "#play"))
        press(chromium, Keys.SPACE)
        until(lambda: len(_asked_sound(chromium)) > 1)
        # Space plays from the chosen word too; without one, the whole turn.
        press(chromium, Keys.ESCAPE)
        until(lambda: not chromium.find_elements("css selector", ".w.chosen"))
    assert faults(chromium) == []


def _asked_sound(browser: WebDriver) -> list[tuple[float, float]]:
    """Return from when to when the page asked for sound, so far."""
    script = """return performance.getEntriesByType("resource").map((one) => one.name)
        .filter((name) => name.includes("/sound/"))"""
    asked = [parse_qs(urlsplit(name).query) for name in browser.execute_script(script)]
    return [(float(one["from"][0]), float(one["to"][0])) for one in asked]


def _leaks(browser: WebDriver) -> list[str]:
    script = """return [...document.querySelectorAll(".leak mark")].map(
        (one) => one.innerText)"""
    return [str(one) for one in browser.execute_script(script)]  # selenium's


def _shown(browser: WebDriver) -> str:
    return text(browser, "#progress") + text(browser, "#now")


def until_seen(browser: WebDriver, css: str) -> None:
    """Wait until the page has something."""
    until(lambda: bool(browser.find_elements("css selector", css)))


def until_other(what: Callable[[], object], before: object) -> None:
    """Wait until something is not as it was."""
    until(lambda: what() != before)


def until_read(browser: WebDriver, n: int) -> None:
    """Wait until the page says that so many turns are read."""
    until(lambda: text(browser, "#progress").startswith(f"{n} из"))


def _steps(browser: WebDriver) -> str:
    """Return the steps with the ticks that the style adds."""
    script = """return [...document.querySelectorAll("#steps button")].map(
        (one) => (one.classList.contains("done") ? "✓ " : "") + one.innerText).join(" ")"""
    return str(browser.execute_script(script))  # selenium's


def test_words_are_marked_refused_and_undone_by_keys_in_any_layout(
    taken: SpokenBench, chromium: WebDriver
) -> None:
    with opened(taken, chromium, "en"):
        press(chromium, Keys.ARROW_DOWN)
        until(lambda: in_hand(chromium) == 1)
        assert text(chromium, "#now .what") == "Марина"
        press(chromium, Keys.BACKSPACE)
        until(lambda: bool(chromium.find_elements("css selector", "#turn-1 .m.no")))
        press(chromium, Keys.ARROW_RIGHT)
        press(chromium, Keys.ARROW_RIGHT, shift=True)
        until(lambda: text(chromium, "#now .what") == "Тяжело. Вчера")
        press(chromium, "5")
        until(lambda: bool(chromium.find_elements("css selector", "#turn-1 .m.yes.k-date")))
        press(chromium, "u")
        until(lambda: not chromium.find_elements("css selector", "#turn-1 .m.yes"))
        # On the Russian layout the same key gives another letter.
        chromium.execute_script(  # selenium's
            "document.body.dispatchEvent(new KeyboardEvent('keydown',"
            " {code: 'KeyU', key: 'г', bubbles: true, cancelable: true}))"
        )
        until(lambda: bool(chromium.find_elements("css selector", "#turn-1 .m.open")))
    assert faults(chromium) == []


def test_one_key_decides_in_all_sessions_and_a_form_protects_words(
    taken: SpokenBench, chromium: WebDriver
) -> None:
    def in_other(verdict: str) -> int:
        masks = taken.cases().read(taken.session(2)).state.masks
        return sum(mask.key == "марина" and mask.verdict == verdict for mask in masks)

    def protected() -> list[str]:
        return [word.text for word in taken.cases().words(CLIENT).words]

    with opened(taken, chromium):
        press(chromium, Keys.ARROW_DOWN)
        until(lambda: text(chromium, "#now .what") == "Марина")
        press(chromium, "g")
        until_seen(chromium, "#turn-7 .m.yes.k-name")
        assert in_other("yes") == 2
        assert protected() == ["Марина"]
        press(chromium, "u")
        until_seen(chromium, "#turn-7 .m.open.k-name")
        until(lambda: in_other("yes") == 0 and not protected())
        press(chromium, "p")
        until_seen(chromium, "#new-word")
        press(chromium, *"злость", Keys.RETURN)
        until(lambda: "злость" in text(chromium, "#dialog ul"))
        press(chromium, Keys.ESCAPE)
        until(lambda: not chromium.find_elements("css selector", "dialog[open]"))
        until_seen(chromium, "#turn-5 .m.yes")
    assert protected() == ["злость"]
    assert faults(chromium) == []


def test_two_pages_do_not_overwrite_each_other(
    taken: SpokenBench, chromium: WebDriver
) -> None:
    with opened(taken, chromium):
        first = chromium.current_window_handle
        chromium.switch_to.new_window("tab")
        chromium.get(_base(chromium, first))
        until(lambda: bool(chromium.find_elements("css selector", "#list tbody tr")))
        press(chromium, Keys.RETURN)
        until(lambda: bool(chromium.find_elements("css selector", ".turn.here")))
        press(chromium, "a")
        until(lambda: text(chromium, "#progress").startswith("1 из"))
        chromium.switch_to.window(first)
        press(chromium, Keys.ARROW_DOWN)
        press(chromium, Keys.BACKSPACE)
        until(lambda: "другом окне" in text(chromium, "#note"))
        assert text(chromium, "#progress").startswith("1 из")
        assert chromium.find_elements("css selector", "#turn-1 .m.open")
        press(chromium, Keys.BACKSPACE)
        until(lambda: bool(chromium.find_elements("css selector", "#turn-1 .m.no")))
        chromium.get_log("browser")  # type: ignore[no-untyped-call]  # a 409 is told there too


def _base(browser: WebDriver, handle: str) -> str:
    here = browser.current_window_handle
    browser.switch_to.window(handle)
    address = browser.current_url
    browser.switch_to.window(here)
    return address


def test_a_killed_server_loses_no_decision_that_the_page_shows(
    taken: SpokenBench, chromium: WebDriver
) -> None:
    with opened(taken, chromium) as server:
        for n in range(1, 6):
            press(chromium, "a")
            until_read(chromium, n)
        server.kill()
        press(chromium, "a")
        until(lambda: "не отвечает" in text(chromium, "#note"))
        assert text(chromium, "#progress").startswith("5 из")
    case = taken.cases().read(taken.session())
    assert sorted(case.state.read) == [0, 1, 2, 3, 4]
    with opened(taken, chromium):
        until(lambda: text(chromium, "#progress").startswith("5 из"))
        assert in_hand(chromium) == 5
    chromium.get_log("browser")  # type: ignore[no-untyped-call]  # a lost server is told there too


def test_the_page_speaks_english_too(taken: SpokenBench, chromium: WebDriver) -> None:
    with opened(taken, chromium, "en"):
        assert "Leak test" in text(chromium, "#steps")
        chromium.find_element("id", "language").click()
        until(lambda: "Проверка на утечки" in text(chromium, "#steps"))
