"""The recorder goes away and comes back: the screen says so at once, and recovers alone."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from recorder.clock import NS_PER_S, read_host_ns
from tests.service_process import ServiceProcess, begin, subscribed
from tests.tui.conftest import QUICK
from tests.tui.pilot import screen_on

if TYPE_CHECKING:
    from pathlib import Path


def test_a_recorder_that_is_killed_is_missed_at_once_and_found_again(box: Path) -> None:
    async def story() -> None:
        first = ServiceProcess(box, QUICK)
        with subscribed(first) as client:
            begin(client)
        async with screen_on(box / "recorder.sock") as screen:
            await screen.until_says("сохранено")
            await screen.press("f1")
            await asyncio.to_thread(first.kill)
            gone_ns = read_host_ns()
            await screen.until_up("AwayScreen")
            assert read_host_ns() - gone_ns < 10 * NS_PER_S  # on a busy machine
            assert "НЕ идёт" in screen.glass()
            with ServiceProcess(box, QUICK):
                await screen.until_up("HomeScreen")
                await screen.until_says("Продолжить прерванную сессию")
                await screen.press("enter")
                await screen.until_says("Продолжаем прерванную сессию")
                await screen.until_says("форма 2026-1 от 31.01.2026")
                await screen.press("enter", "enter")
                await screen.until_up("FitScreen")
                assert screen.state.session is not None
                assert screen.state.session.number == 1
                await screen.press("escape")
                await screen.until_up("HomeScreen")

    asyncio.run(story())


def test_a_recorder_that_hangs_is_not_believed(box: Path) -> None:
    async def story() -> None:
        with ServiceProcess(box, QUICK) as service:
            with subscribed(service) as client:
                begin(client)
            async with screen_on(service.socket) as screen:
                await screen.until_says("сохранено")
                service.process.send_signal(signal.SIGSTOP)
                await screen.until_up("AwayScreen")
                service.process.send_signal(signal.SIGCONT)
                await screen.until_up("RecordingScreen")

    asyncio.run(story())


def test_what_was_begun_at_the_screen_is_there_when_the_recorder_is_back(
    box: Path,
) -> None:
    async def story() -> None:
        with ServiceProcess(box, QUICK) as service:
            async with screen_on(service.socket) as screen:
                await screen.until(lambda: screen.state.ready)
                await screen.press("enter", "enter")
                await screen.until_up("ConfirmScreen")
                await screen.press("enter")
                service.process.send_signal(signal.SIGSTOP)
                await screen.until_up("AwayScreen")
                service.process.send_signal(signal.SIGCONT)
                await screen.until_up("ConfirmScreen")
                await screen.until_says("[✓] Согласие в силе")

    asyncio.run(story())


def test_a_screen_that_starts_first_waits(box: Path) -> None:
    async def story() -> None:
        async with screen_on(box / "recorder.sock", wait=False) as screen:
            await screen.until_says("Запись не идёт: прибор ещё запускается")
            with ServiceProcess(box, QUICK):
                await screen.until_up("HomeScreen")

    asyncio.run(story())
