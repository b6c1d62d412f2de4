"""Keys mean what they say, however fast they come and whatever lies over the recording."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest
from textual import events

from recorder.protocol import calls, state
from tests.tui.staged import HOME, at, staged
from tui.screens.confirm import ConfirmScreen
from tui.session_draft import SessionDraft

if TYPE_CHECKING:
    from pathlib import Path


def test_keys_pressed_fast_are_meant_for_the_screen_they_lead_to(tmp_path: Path) -> None:
    async def story() -> None:
        async with staged(tmp_path) as screen:
            await screen.tell(at("recording"))
            for key in ("9", "7", "enter", "2"):
                screen.app.post_message(events.Key(key, None))
            await screen.until(lambda: len(screen.marks_asked) == 2)
            suds, insight = screen.marks_asked
            assert (suds.id, suds.value) == ("suds", 7)
            assert (insight.id, insight.act) == ("insight", "point")
            assert screen.name == "RecordingScreen"

    asyncio.run(story())


@pytest.mark.parametrize("key", ["f1", "f9", "9", "f10", "escape"])
def test_space_pauses_at_once_whatever_lies_over_the_recording(
    tmp_path: Path, key: str
) -> None:
    async def story() -> None:
        async with staged(tmp_path) as screen:
            await screen.tell(at("recording"))
            await screen.press(key)
            await screen.until(lambda: screen.name != "RecordingScreen")
            over = screen.name
            await screen.hold("space", for_s=0.0)  # a key that bounces
            assert [call for call in screen.asked if _turns(call)] == [calls.Pause()]
            await screen.tell(at("paused"))
            assert screen.name == over
            await screen.until_says("‖ ПАУЗА")
            await screen.press("space")
            assert [call for call in screen.asked if _turns(call)][1:] == [calls.Resume()]

    asyncio.run(story())


@pytest.mark.parametrize("told", [HOME, at("fit"), at("finish")])
def test_space_pauses_nothing_where_nothing_is_recorded(
    tmp_path: Path, told: state.State
) -> None:
    async def story() -> None:
        async with staged(tmp_path) as screen:
            await screen.tell(told)
            await screen.press("space")
            assert [call for call in screen.asked if _turns(call)] == []

    asyncio.run(story())


def test_a_key_that_is_held_pauses_once_and_marks_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with staged(tmp_path) as screen:
            await screen.tell(at("recording"))
            await screen.hold("4", for_s=0.6)
            assert [call.act for call in screen.marks_asked] == ["on"]
            await screen.hold("space", for_s=0.6)
            await screen.tell(at("paused"))
            await screen.hold("space", for_s=0.3, still=True)
            assert [call for call in screen.asked if _turns(call)] == [calls.Pause()]
            await asyncio.sleep(1.0)
            await screen.press("space")
            assert calls.Resume() in screen.asked

    asyncio.run(story())


def test_an_enter_that_is_held_neither_confirms_everything_nor_records(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with staged(tmp_path) as screen:
            draft = SessionDraft("K7QX3", mode="online", is_new=True, scopes=("eeg",))
            await screen.tell(HOME)
            await screen.app.push_screen(ConfirmScreen(draft))
            await screen.hold("enter", for_s=1.0)
            assert not [call for call in screen.asked if isinstance(call, calls.Prepare)]
            closed = msgspec.structs.replace(HOME.gate, open=False)
            await screen.tell(at("fit", gate=closed))
            await screen.hold("enter", for_s=0.3, still=True)
            await screen.tell(at("fit"))
            await screen.hold("enter", for_s=0.3, still=True)
            assert not [call for call in screen.asked if isinstance(call, calls.Record)]

    asyncio.run(story())


@pytest.mark.parametrize("key", ["enter", "f5", "escape"])
def test_leaving_the_fit_is_asked_for_once_however_often_the_key_is_pressed(
    tmp_path: Path, key: str
) -> None:
    async def story() -> None:
        async with staged(tmp_path) as screen:
            await screen.tell(at("fit"))
            await screen.press(key, key)
            leaving = [
                c for c in screen.asked if isinstance(c, calls.Record | calls.Cancel)
            ]
            assert len(leaving) == 1

    asyncio.run(story())


def _turns(call: calls.Call) -> bool:
    return isinstance(call, calls.Pause | calls.Resume)
