"""A therapist alone with a client: from power-on to the signature, by few keys."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from recorder.protocol import calls
from tests.service_process import ServiceProcess, begin, subscribed, until_state
from tests.tui.conftest import QUICK
from tests.tui.pilot import Screen, screen_on
from tests.tui.terminal import screen_in_a_terminal
from tui.widgets.codebook_keys import MarkKey
from tui.widgets.key_bar import KeyTouch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


TO_RECORDING = ("enter", "enter", "enter", "enter", "enter")


async def record(screen: Screen) -> None:
    """Press what it takes, and nothing else, waiting for each screen."""
    await screen.until_up("HomeScreen")
    await screen.until(lambda: screen.state.ready)
    await screen.press(TO_RECORDING[0])
    await screen.until_up("ClientsScreen")
    await screen.until_says("из 5+")
    await screen.press(TO_RECORDING[1])
    await screen.until_up("ConfirmScreen")
    await screen.press(*TO_RECORDING[2:4])
    await screen.until_up("FitScreen")
    await screen.until(lambda: screen.state.gate.open)
    await screen.press(TO_RECORDING[4])
    await screen.until_up("RecordingScreen")


@asynccontextmanager
async def recording(service: ServiceProcess) -> AsyncIterator[Screen]:
    """Give a screen on a session that is being recorded already."""
    with subscribed(service) as client:
        begin(client)
    async with screen_on(service.socket) as screen:
        await screen.until_up("RecordingScreen")
        await screen.until_says("сохранено")
        yield screen


def marks(screen: Screen) -> list[tuple[str, str, object]]:
    """Return what the recorder holds."""
    assert screen.state.session is not None
    return [(mark.id, mark.act, mark.value) for mark in screen.state.session.marks]


def running(screen: Screen) -> tuple[str, ...]:
    """Return the marks that are on, as the recorder holds them."""
    assert screen.state.session is not None
    return screen.state.session.running


def unwritten_s(screen: Screen) -> float:
    """Return how much longer the session is than what was written of it."""
    assert screen.state.session is not None
    return screen.state.session.elapsed_s - screen.state.session.written_s


def test_six_keys_lead_from_power_on_to_recording(box: Path) -> None:
    async def story() -> None:
        async with screen_on(box / "recorder.sock") as screen:
            await record(screen)
            await screen.until(lambda: screen.state.phase == "recording")
            await screen.until_says("сохранено")

    assert len(TO_RECORDING) <= 6
    with ServiceProcess(box, QUICK):
        asyncio.run(story())


def test_marks_are_shown_as_saved_run_and_can_be_taken_back(
    service: ServiceProcess,
) -> None:
    async def story() -> None:
        async with recording(service) as screen:
            await screen.press("2")
            await screen.until_says("✓ Инсайт / новое")
            await screen.press("3")
            await screen.until_says("идёт")
            await screen.until(lambda: running(screen) == ("emotion",))
            await screen.press("backspace")
            await screen.until_says("убрана")
            await screen.until(lambda: running(screen) == ())
            await screen.press("f7", "f7", "0")
            await screen.until_says("на 30 с раньше")
            await screen.press("9")
            await screen.until_up("ValueScreen")
            await screen.press("1", "0", "enter")
            await screen.until_says("✓ SUDS 0–10: 10")
            await screen.until(lambda: len(marks(screen)) == 4)
            assert marks(screen) == [
                ("insight", "point", None),
                ("emotion", "on", None),
                ("mark", "point", None),
                ("suds", "value", 10),
            ]

    asyncio.run(story())


def test_space_pauses_and_nothing_else_does(service: ServiceProcess) -> None:
    async def story() -> None:
        async with recording(service) as screen:
            await screen.press("space")
            await screen.until(lambda: screen.state.phase == "paused")
            await screen.until_says("Ничего не пишется")
            await screen.press("2")
            await screen.press("space")
            await screen.until(lambda: screen.state.phase == "recording")
            assert "insight" not in [name for name, *_ in marks(screen)]

    asyncio.run(story())


def test_erasing_takes_two_keys_more_and_says_how_much(service: ServiceProcess) -> None:
    async def story() -> None:
        async with recording(service) as screen:
            await screen.until_says("сохранено")
            await screen.press("f10")
            await screen.until_up("EraseScreen")
            await screen.press("2", "enter")
            await screen.until_says("Лаборатория этого никогда не получит")
            await screen.press("enter")
            await screen.until_up("RecordingScreen")
            assert screen.phase == "recording"

    asyncio.run(story())


def test_the_end_asks_how_it_was_and_signs(service: ServiceProcess) -> None:
    async def story() -> None:
        async with recording(service) as screen:
            await screen.press("escape")
            await screen.until_up("StopScreen")
            assert screen.phase == "recording"
            await screen.press("enter")
            await screen.until_up("FinishScreen")
            await screen.press("2", "enter")
            await screen.until_says("Почему так вышло?")
            await screen.press("3", "enter")
            await screen.until_says("вопрос 1 из 2")
            await screen.press("7", "enter")
            await screen.until_says("вопрос 2 из 2")
            await screen.press("enter")
            await screen.until_says("Осталось подписать")
            await screen.press("enter")
            await screen.until_up("UploadsScreen")
            assert screen.phase == "home"
            assert screen.state.upload.waiting >= 1

    asyncio.run(story())


def test_a_session_is_deleted_only_by_a_key_that_is_held(service: ServiceProcess) -> None:
    async def story() -> None:
        async with recording(service) as screen:
            await screen.press("escape", "f8")
            await screen.until_up("DiscardScreen")
            await screen.press("enter")
            await asyncio.sleep(1.2)
            assert screen.phase == "recording"
            while screen.name == "DiscardScreen":
                await screen.hold("enter", for_s=1.0)
            await screen.until_up("HomeScreen")
            assert screen.phase == "home"

    asyncio.run(story())


def test_an_alarm_stays_until_it_is_seen(service: ServiceProcess) -> None:
    async def story() -> None:
        async with recording(service) as screen:
            await screen.press("f12", "2")
            await screen.until_says("Шлем пропал: ЭЭГ не пишется")
            await screen.press("f1")
            await screen.until_up("HelpScreen")
            assert "Шлем пропал" in screen.glass()
            await screen.press("escape", "enter")
            await screen.until(lambda: all(alarm.seen for alarm in screen.state.alarms))
            assert "ЭЭГ не пишется" not in screen.glass()

    asyncio.run(story())


def test_a_screen_that_was_killed_returns_to_the_same_session(
    service: ServiceProcess,
) -> None:
    with subscribed(service) as client:
        begin(client)
        begun = until_state(client, lambda state: state.phase == "recording").session
    assert begun is not None
    with screen_in_a_terminal("--box", str(service.box)) as terminal:
        terminal.until_written("сохранено")
        terminal.write(b"2")
        terminal.until_written("✓")
        terminal.process.send_signal(signal.SIGKILL)
        terminal.process.wait()

    async def story() -> None:
        async with screen_on(service.socket) as screen:
            await screen.until_up("RecordingScreen")
            await screen.until_says("✓ Инсайт / новое")
            await screen.until(lambda: abs(unwritten_s(screen)) <= 0.5)
            session = screen.state.session
            assert session is not None
            assert session.session == begun.session
            assert session.lost_share == 0

    asyncio.run(story())


def test_another_program_may_end_the_session_and_the_screen_follows(
    service: ServiceProcess,
) -> None:
    async def story() -> None:
        async with recording(service) as screen:
            await screen.press("f1")
            await screen.until_up("HelpScreen")
            await asyncio.to_thread(stop)
            await screen.until_up("FinishScreen")

    def stop() -> None:
        with subscribed(service) as client:
            client.do(calls.Stop())
            until_state(client, lambda state: state.phase == "finish")

    asyncio.run(story())


def test_a_finger_does_what_a_key_does(service: ServiceProcess) -> None:
    async def story() -> None:
        async with recording(service) as screen:
            insight = screen.app.screen.query(MarkKey)[1]
            await screen.pilot.click(insight)
            await screen.until_says("✓ Инсайт / новое")
            pause = screen.app.screen.query(KeyTouch).filter("KeyBar > KeyTouch").first()
            await screen.pilot.click(pause)
            await screen.until(lambda: screen.state.phase == "paused")

    asyncio.run(story())


def test_the_language_may_change_while_recording(service: ServiceProcess) -> None:
    async def story() -> None:
        async with recording(service) as screen:
            await screen.press("2", "f2")
            await screen.until_says("✓ Insight / new")
            await screen.press("0")
            await screen.until_says("✓ Mark")

    asyncio.run(story())
