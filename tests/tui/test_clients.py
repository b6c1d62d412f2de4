"""Who is recorded: codes only, consent first, and no name gets any further than a field."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from recorder.format.registers import BoxRegister, decode_register
from recorder.protocol import calls, replies
from tests.box_files import holding
from tests.service_process import subscribed
from tests.tui.pilot import Screen, screen_on

if TYPE_CHECKING:
    from tests.service_process import ServiceProcess

NAMES = ("Иванова", "Анна", "Smith", "Ольга", "Пётр Ильич")


async def open_clients(screen: Screen) -> None:
    await screen.until_up("HomeScreen")
    await screen.until(lambda: screen.state.ready)
    await screen.press("enter")
    await screen.until_up("ClientsScreen")
    await screen.until_says("из 5+")  # the list is there


async def type_text(screen: Screen, text: str) -> None:
    for character in text:
        key = "space" if character == " " else character
        await screen.press(key)


def free_code(service: ServiceProcess) -> str:
    with subscribed(service) as client:
        return client.ask(calls.ListClients(), replies.ClientList).pool[0]


def test_a_clients_name_is_refused_and_kept_nowhere(service: ServiceProcess) -> None:
    async def story() -> None:
        async with screen_on(service.socket) as screen:
            await open_clients(screen)
            await screen.press("f7")
            await screen.until_up("CodeScreen")
            for name in NAMES:
                await type_text(screen, name)
                await screen.press("enter")
                assert screen.name == "CodeScreen"
                await screen.until_says("Имена в прибор не вводят")
                assert name.lower() not in screen.glass().lower()

    asyncio.run(story())
    box = service.socket.parent
    for name in NAMES:
        assert not holding(box, name)
        assert name not in service.log


def test_a_code_is_typed_on_whatever_layout(service: ServiceProcess) -> None:
    latin = "qwertyuiopasdfghjklzxcvbnm"
    russian = "йцукенгшщзфывапролдячсмить"
    code = free_code(service)
    typed = code.lower().translate(str.maketrans(latin, russian))

    async def story() -> None:
        async with screen_on(service.socket) as screen:
            await open_clients(screen)
            await screen.press("f7")
            await type_text(screen, typed)
            await screen.press("enter")
            await screen.until_up("NewClientScreen")
            await screen.until_says(code)

    asyncio.run(story())


def test_a_new_clients_form_is_entered_once_with_digits(service: ServiceProcess) -> None:
    async def story() -> None:
        async with screen_on(service.socket) as screen:
            await open_clients(screen)
            await screen.press("f5")
            await screen.until_up("NewClientScreen")
            await screen.press("enter", "enter")
            await screen.until_says("Без согласия на ЭЭГ записывать нельзя")
            await screen.press("1", "2", "enter")
            await screen.press("2", "0", "2", "6", "minus", "2", "enter")
            await screen.press(*"31", "full_stop", *"02", "full_stop", *"2026", "enter")
            await screen.until_says("Такой даты быть не может")
            await screen.press(*["backspace"] * 6, *"012026", "enter")
            await screen.until_up("ConfirmScreen")
            await screen.until_says("форма 2026-2 от 31.01.2026")
            await screen.press(*["enter"] * 7)
            await screen.until_up("FitScreen")
            assert screen.state.session is not None
            assert screen.state.session.number == 1

    asyncio.run(story())
    path = service.socket.parent / "clients.json"
    known = decode_register(path.read_bytes(), BoxRegister).clients.values()
    assert ("2026-2", "2026-01-31") in [(each.form, each.signed_on) for each in known]


def test_nothing_is_prepared_before_everything_is_confirmed(
    service: ServiceProcess,
) -> None:
    async def story() -> None:
        async with screen_on(service.socket) as screen:
            await open_clients(screen)
            await screen.press("enter")
            await screen.until_up("ConfirmScreen")
            await screen.press("enter", "backspace", "enter", "escape")
            await screen.until_up("ClientsScreen")
            assert screen.state.phase == "home"

    asyncio.run(story())


def test_online_more_is_asked_and_both_rooms_count(service: ServiceProcess) -> None:
    async def story() -> None:
        async with screen_on(service.socket) as screen:
            await open_clients(screen)
            await screen.press("enter", "f6")
            await screen.until_says("В обеих комнатах")
            await screen.until_says("Голос терапевта слышен из колонки")
            await screen.until_says("Микрофон 1")
            n_questions = screen.glass().count("[ ]")
            await screen.press(*["enter"] * n_questions)
            await screen.until_up("FitScreen")
            assert screen.state.session is not None
            assert screen.state.session.mode == "online"
            await screen.until(lambda: screen.state.gate.open)
            await screen.press("enter")
            await screen.until_up("OnlineScreen")
            await screen.until_says("сохранено")
            await screen.press("2", "space")
            await screen.until(lambda: screen.state.phase == "paused")
            assert screen.state.session is not None
            ids = [mark.id for mark in screen.state.session.marks]
            assert "insight" not in ids

    asyncio.run(story())


def test_a_session_that_did_not_happen_is_noted_with_its_reason(
    service: ServiceProcess,
) -> None:
    async def story() -> None:
        async with screen_on(service.socket) as screen:
            await open_clients(screen)
            waiting = screen.state.upload.waiting
            await screen.press("f8")
            await screen.until_up("SkippedScreen")
            await screen.press("2", "enter")
            await screen.until_says("Лаборатория узнает, что сессия не состоялась")
            await screen.press("enter")
            await screen.until_up("ClientsScreen")
            await screen.until(lambda: screen.state.upload.waiting == waiting + 1)

    asyncio.run(story())
