"""Drives the real screen as a person does: keys in, what stands on the glass out."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from textual.events import Key

from recorder.clock import NS_PER_S, read_host_ns
from tui.app import FieldrecApp
from tui.held import FIRST_GAP_S, NEXT_GAP_S
from tui.screens.away import AwayScreen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path
    from typing import Literal

    from textual.pilot import Pilot

    from recorder.protocol.state import State

PATIENCE_S = 30.0
SMALLEST = (80, 24)
_REPEAT_S = 0.03


class Screen:
    """The running screen, with what tests do to it."""

    def __init__(self, app: FieldrecApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot
        self._pressed_s: dict[str, float] = {}
        self._held_s = 0.0  # the time of the newest repeat

    @property
    def name(self) -> str:
        """The class of the screen that is up."""
        return type(self.app.screen).__name__

    @property
    def state(self) -> State:
        """The newest news."""
        assert self.app.state is not None
        return self.app.state

    @property
    def phase(self) -> str:
        """What the recorder does."""
        return self.state.phase

    async def press(self, *keys: str) -> None:
        """Press keys, one after the other has been taken."""
        for key in keys:
            again_s = 0.0 if key == "enter" else FIRST_GAP_S
            again_s = self._pressed_s.get(key, -1.0) + again_s + NEXT_GAP_S
            await asyncio.sleep(max(0.0, again_s - _now_s()))  # a hand lets go of it first
            await self.pilot.press(key)
            self._pressed_s[key] = _now_s()

    async def hold(self, key: str, *, for_s: float, still: bool = False) -> None:
        """Let ``key`` repeat as a keyboard does; at least twice.

        A keyboard is never late: however long a busy machine keeps this waiting, the
        repeats carry the times of an even pace. ``still`` goes on with the last hold.
        """
        end_ns = read_host_ns() + round(for_s * NS_PER_S)
        last = False
        while not last:
            last = read_host_ns() >= end_ns
            for _ in range(1 + last):
                event = Key(key, key if len(key) == 1 else None)
                if still:
                    event.time = self._held_s + _REPEAT_S
                self._held_s, still = event.time, True
                self.app.post_message(event)
            await asyncio.sleep(0 if last else _REPEAT_S)
        await self.pilot.pause()
        self._pressed_s[key] = _now_s()

    async def until(self, holds: Callable[[], object], complaint: str = "it") -> None:
        """Wait until ``holds``."""
        end_ns = read_host_ns() + round(PATIENCE_S * NS_PER_S)
        while not holds():
            if read_host_ns() > end_ns:
                pytest.fail(f"{complaint} never came; {self.name}:\n{self.glass()}")
            await asyncio.sleep(0.05)
        await self.pilot.pause()

    async def until_up(self, name: str) -> None:
        """Wait until screen ``name`` is up and drawn."""
        await self.until(lambda: self.name == name, name)

    async def until_says(self, text: str) -> None:
        """Wait until ``text`` stands on the glass, however it is wrapped."""
        await self.until(lambda: text in " ".join(self.glass().split()), text)

    def glass(self) -> str:
        """Return what stands on the glass, row by row."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text for strip in strips)


@asynccontextmanager
async def screen_on(
    socket: Path,
    *,
    size: tuple[int, int] = SMALLEST,
    language: Literal["ru", "en"] | None = "ru",
    box: Path | None = None,
    wait: bool = True,
) -> AsyncIterator[Screen]:
    """Run the screen on the recorder at ``socket``; ``wait`` until there are news."""
    app = FieldrecApp(socket, box=box, language=language)
    async with app.run_test(size=size) as pilot:
        screen = Screen(app, pilot)
        if wait:
            await screen.until(lambda: not isinstance(app.screen, AwayScreen))
        yield screen


def _now_s() -> float:
    return read_host_ns() / NS_PER_S
