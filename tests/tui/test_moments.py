"""Each screen says what suits the moment: what to do next, and nothing that is not so."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest

from recorder.clock import NS_PER_S, read_host_ns
from recorder.format.study import Scale, ScaleItem, Study
from recorder.protocol import calls, replies, state
from tests.tui.staged import HOME, LIVE, at, staged
from tui.messages import NewsArrived
from tui.screens.confirm import ConfirmScreen
from tui.screens.finish import OUTCOMES
from tui.screens.new_client import NewClientScreen
from tui.screens.recording import RecordingScreen
from tui.session_draft import draft_of
from tui.widgets.mark_list import MarkList

if TYPE_CHECKING:
    from pathlib import Path


def home(**changes: object) -> state.State:
    return msgspec.structs.replace(HOME, **changes)


def headset(link: state.Link) -> state.Headset:
    return msgspec.structs.replace(HOME.headset, link=link)


@pytest.mark.parametrize(
    ("told", "says", "leads_to"),
    [
        (HOME, "Прибор готов", "ClientsScreen"),
        (home(headset=headset("lost")), "Осталось включить шлем", "ClientsScreen"),
        (home(headset=headset("none")), "Шлем ещё не выбран", "DevicesScreen"),
        (home(ready=False), "Начать сессию пока нельзя", "HomeScreen"),
        (
            home(ready=False, headset=headset("none")),
            "Начать сессию пока нельзя",
            "HomeScreen",
        ),
    ],
)
def test_enter_on_home_leads_to_what_is_next(
    tmp_path: Path, told: state.State, says: str, leads_to: str
) -> None:
    async def story() -> None:
        async with staged(tmp_path) as screen:
            await screen.tell(told)
            await screen.until_says(says)
            await screen.press("enter")
            await screen.until_up(leads_to)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("ago_s", "says"),
    [
        (5, "меньше минуты назад"),
        (61, "1 минуту назад"),
        (23 * 60, "23 минуты назад"),
        (119 * 60, "119 минут назад"),
    ],
)
def test_how_long_ago_a_session_was_cut_off_is_said_in_words(
    tmp_path: Path, ago_s: float, says: str
) -> None:
    async def story() -> None:
        async with staged(tmp_path) as screen:
            await screen.tell(home(interrupted=state.Interrupted("K7QX3", ago_s)))
            await screen.until_says(f"K7QX3, {says}")

    asyncio.run(story())


def test_news_that_come_while_words_change_or_the_program_ends_do_no_harm(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with staged(tmp_path) as screen:
            told = at("recording")
            await screen.tell(told)
            recording = screen.app.screen
            assert isinstance(recording, RecordingScreen)
            changes = [asyncio.create_task(recording.change_language()) for _ in range(5)]
            while not all(change.done() for change in changes):
                screen.app.post_message(NewsArrived(told, read_host_ns()))
                await asyncio.sleep(0)
            await screen.until_says("Инсайт")
            for _ in range(200):
                screen.app.post_message(NewsArrived(told, read_host_ns()))

    asyncio.run(story())


def test_a_battery_that_is_not_known_any_more_is_not_shown(tmp_path: Path) -> None:
    async def story() -> None:
        async with staged(tmp_path) as screen:
            await screen.tell(home(box_battery_percent=55.0))
            await screen.until_says("батарея 55 %")
            await screen.tell(HOME)
            assert "55 %" not in screen.glass()
            assert screen.glass().count("лаборатория ещё ничего не подтвердила") == 1

    asyncio.run(story())


def test_the_risk_card_is_at_hand_in_a_pause_and_sets_no_mark(tmp_path: Path) -> None:
    async def story() -> None:
        async with staged(tmp_path) as screen:
            await screen.tell(at("paused"))
            await screen.until_says("F9 Риск F6")
            await screen.press("f9")
            await screen.until_up("RiskScreen")
            await screen.until_says("метка не поставлена")
            assert not screen.marks_asked
            await screen.press("escape")
            await screen.tell(at("recording"))
            await screen.press("f9")
            await screen.until_says("Метка «риск» поставлена")
            assert [call.id for call in screen.marks_asked] == ["risk"]

    asyncio.run(story())


@pytest.mark.parametrize(
    ("phase", "key", "says"),
    [
        ("recording", "escape", "Пока вы не решили, запись идёт"),
        ("recording", "escape", "Esc Продолжать запись"),
        ("paused", "escape", "Пока вы не решили, остаётся пауза"),
        ("paused", "escape", "Esc Вернуться к паузе"),
        ("recording", "f10", "Запись при этом продолжается"),
        ("paused", "f10", "Пауза при этом остаётся"),
    ],
)
def test_what_goes_on_meanwhile_is_said_as_it_is(
    tmp_path: Path, phase: state.Phase, key: str, says: str
) -> None:
    async def story() -> None:
        async with staged(tmp_path) as screen:
            await screen.tell(at(phase))
            await screen.press(key)
            await screen.until_says(says)

    asyncio.run(story())


def test_a_value_is_listed_at_the_moment_of_its_key(tmp_path: Path) -> None:
    async def story() -> None:
        async with staged(tmp_path) as screen:
            now_ns = read_host_ns()  # the screen is up: its start may take long
            value = state.LoggedMark(1, "suds", "value", now_ns, value=7, back_s=20.0)
            point = state.LoggedMark(2, "insight", "point", now_ns, back_s=30.0)
            marks = (value, point)
            session = msgspec.structs.replace(LIVE, marks=marks, elapsed_s=100.0)
            await screen.tell(at("recording", session))
            said = screen.app.screen.query_one(MarkList).said.plain.splitlines()
            shown = [line.split(maxsplit=1) for line in said]
            assert abs(_seconds(shown[0][0]) - 80) <= 2
            assert "раньше" not in shown[0][1]
            assert abs(_seconds(shown[1][0]) - 100) <= 2
            assert "на 30 с раньше" in shown[1][1]

    asyncio.run(story())


def test_a_mark_keeps_its_moment_while_the_news_grow_old(tmp_path: Path) -> None:
    async def story() -> None:
        async with staged(tmp_path) as screen:
            says = "1:00 ✓ Инсайт"
            for _ in range(100):  # news too old to be shown at all are no answer
                screen.app.post_message(old_news())
                await screen.pilot.pause()
                if says in " ".join(screen.glass().split()):
                    break
            await screen.until_says(says)

    def old_news() -> NewsArrived:
        read_ns = read_host_ns() - NS_PER_S
        mark = state.LoggedMark(1, "insight", "point", read_ns - NS_PER_S // 2)
        session = msgspec.structs.replace(LIVE, marks=(mark,), elapsed_s=61.0)
        return NewsArrived(at("recording", session), read_ns)

    asyncio.run(story())


def test_the_mark_that_would_be_taken_back_is_the_one_that_says_so(tmp_path: Path) -> None:
    async def story() -> None:
        async with staged(tmp_path) as screen:
            now_ns = read_host_ns()
            marks = (
                state.LoggedMark(1, "insight", "point", now_ns),
                state.LoggedMark(2, "repair", "point", now_ns, undone=True),
            )
            await screen.tell(at("recording", msgspec.structs.replace(LIVE, marks=marks)))
            said = screen.app.screen.query_one(MarkList).said.plain.splitlines()
            assert [line.endswith("Backspace убирает") for line in said] == [True, False]

    asyncio.run(story())


def test_a_client_that_is_new_on_the_box_begins_at_session_one(tmp_path: Path) -> None:
    known = replies.ClientList(
        (replies.Client("K7QX3", 2, ("eeg", "audio"), "2026-1"),), ("M3PXA",)
    )

    async def story() -> None:
        async with staged(tmp_path) as screen:
            await screen.tell(HOME)
            await screen.press("enter")
            await screen.answer(known)
            await screen.press("enter")
            await screen.until_says("Клиент K7QX3 · сессия 3 из 5+ · очно")
            await screen.press("escape", "f5", "enter", "1", "enter", "enter", "enter")
            await screen.until_says("Клиент M3PXA · сессия 1 из 5+ · очно")

    asyncio.run(story())


def test_without_consent_to_eeg_nothing_can_be_confirmed(tmp_path: Path) -> None:
    async def story() -> None:
        async with staged(tmp_path) as screen:
            await screen.tell(HOME)
            narrowed = replies.Client("K7QX3", 2, ("audio",), "2026-1")
            await screen.app.push_screen(ConfirmScreen(draft_of(narrowed, "in-person")))
            await screen.until_says("согласия на ЭЭГ нет")
            assert "Да, верно" not in screen.glass()
            await screen.press("enter", "enter")
            assert "✓]" not in screen.glass()
            assert not [call for call in screen.asked if isinstance(call, calls.Prepare)]

    asyncio.run(story())


@pytest.mark.parametrize("outcome", ["partial", "skipped"])
def test_a_study_without_reasons_asks_for_none(
    tmp_path: Path, outcome: calls.Outcome
) -> None:
    async def story() -> None:
        async with staged(tmp_path) as screen:
            screen.app.study = Study(name="plain", sessions_per_client=5)
            await screen.tell(at("finish"))
            await screen.press(str(OUTCOMES.index(outcome) + 1), "enter")
            await screen.until_says("Осталось подписать")
            await screen.press("enter")
            sent = [call for call in screen.asked if isinstance(call, calls.Finish)]
            assert sent == [calls.Finish(outcome=outcome, reason="unsaid")]

    asyncio.run(story())


def test_answers_given_before_a_session_never_go_with_another_one(tmp_path: Path) -> None:
    async def story() -> None:
        async with staged(tmp_path) as screen:
            item = ScaleItem(id="now", low=1, high=7)
            scale = Scale(id="mood", when="before", ru="Сейчас", en="Now", item=(item,))
            screen.app.study = Study(name="x", sessions_per_client=5, scale=(scale,))
            await screen.tell(at("fit"))
            await screen.press("f8", "6", "enter")
            await screen.until_up("FitScreen")
            assert screen.app.before_answers == {"mood": {"now": 6}}
            await screen.tell(HOME)  # left, discarded, or signed by itself
            await screen.tell(at("finish"))
            await screen.press("1", "enter", "enter")
            sent = [call for call in screen.asked if isinstance(call, calls.Finish)]
            assert [call.scales for call in sent] == [{}]

    asyncio.run(story())


def test_scopes_are_ticked_by_touch_too(tmp_path: Path) -> None:
    async def story() -> None:
        async with staged(tmp_path) as screen:
            await screen.tell(HOME)
            known = replies.ClientList((), ("M3PXA",))
            await screen.app.push_screen(NewClientScreen(known))
            await screen.pilot.pause()
            await screen.pilot.click("#scopes", offset=(2, 0))
            await screen.pilot.click("#scopes", offset=(2, 1))
            await screen.until_says("[✓] 1 ЭЭГ")
            await screen.until_says("[✓] 2 звук")
            await screen.pilot.click("#scopes", offset=(2, 1))
            await screen.until_says("[ ] 2 звук")

    asyncio.run(story())


def _seconds(clock: str) -> int:
    minutes, seconds = clock.split(":")
    return 60 * int(minutes) + int(seconds)
