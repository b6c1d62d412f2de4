"""A screen that is told states no test could wait for: it follows whatever it is told.

It is connected to a socket where nobody answers; the states come as the news they are.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from importlib import resources
from typing import TYPE_CHECKING

import msgspec

from recorder.clock import read_host_ns
from recorder.eeg.head import places
from recorder.eeg.montage import board
from recorder.format.study import parse_study
from recorder.protocol import calls, replies, state
from recorder.protocol.lines import Answer
from recorder.protocol.place import reachable
from tests.tui.pilot import Screen
from tui.app import FieldrecApp
from tui.messages import Answered, Connected, NewsArrived

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from typing import Literal

STUDY = parse_study((resources.files("lab") / "study.toml").read_text("utf-8"))
WELCOME = replies.Welcome(1, "0.1.0", "BOX-0007Y", "ru", simulated=False)


def electrodes(
    name: str, verdict: int = 3, reason: str = "none"
) -> tuple[state.Electrode, ...]:
    """Return the electrodes of headset ``name``."""
    labels = tuple(channel.label for channel in board(name).channels)
    return tuple(
        state.Electrode(label, verdict, reason, x, y)
        for label, (x, y) in zip(labels, places(labels), strict=True)
    )


HOME = state.State(
    at_ns=1,
    phase="home",
    ready=True,
    problems=(),
    headset=state.Headset("Muse-4A12", "Muse 2", "connected", battery_percent=82.0),
    electrodes=electrodes("MUSE_2_BOARD"),
    microphone=state.Microphone(
        "alsa:hw:CARD=BoxMic",
        "connected",
        levels_db=(-30.0, -52.0),
        silent=(False, False),
        clipping=(False, False),
    ),
    gate=state.Gate(1.0, 12.0, open=True, override_in_s=100.0),
    free_min=5760.0,
    alarms=(),
    upload=state.Upload(waiting=0, verified=0, phase="idle"),
)
SESSION = state.Session("K7QX3", 3, 5, "in-person")
LIVE = state.Session(
    "K7QX3",
    12,
    5,
    "in-person",
    session="1",
    elapsed_s=5421.0,
    saved_s=5420.6,
    saved_ago_s=0.4,
    written_s=5400.0,
    lost_share=0.0012,
)


def at(
    phase: state.Phase, session: state.Session | None = LIVE, **changes: object
) -> state.State:
    """Return a state in ``phase``."""
    fields: dict[str, object] = {"phase": phase, "session": session, **changes}
    return msgspec.structs.replace(HOME, **fields)


class Staged(Screen):
    """A screen that is told its states, the newest again and again as news are."""

    told: state.State | None = None

    async def tell(self, told: state.State) -> None:
        """Give it news, and wait until it has drawn them."""
        self.told = told
        self.app.post_message(NewsArrived(told, read_host_ns()))
        for _ in range(3):  # without waiting for a whole machine to be idle
            await self.pilot.pause(0)
        await self.until(lambda: self.app.state is told)

    async def repeat(self) -> None:
        """Give it the same news every half second."""
        while True:
            await asyncio.sleep(0.5)
            if self.told is not None:
                self.app.post_message(NewsArrived(self.told, read_host_ns()))

    @property
    def asked(self) -> list[calls.Call]:
        """What it has asked of the recorder and got no answer to."""
        return list(self.app.link._waiting.values())

    @property
    def marks_asked(self) -> list[calls.Mark]:
        """The marks among that."""
        return [call for call in self.asked if isinstance(call, calls.Mark)]

    async def answer(self, reply: msgspec.Struct) -> None:
        """Answer everything the screen has asked so far with ``reply``."""
        for number in tuple(self.app._waiting):
            ok = msgspec.Raw(msgspec.json.encode(reply))
            self.app.post_message(Answered(Answer(number, ok)))
        await self.pilot.pause()


@asynccontextmanager
async def staged(
    folder: Path, *, size: tuple[int, int] = (80, 24), language: Literal["ru", "en"] = "ru"
) -> AsyncIterator[Staged]:
    """Run a screen on a socket where nobody answers."""
    path = folder / "nobody.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        with reachable(path) as short:
            listener.bind(short)
        listener.listen(16)
        app = FieldrecApp(path, language=language)
        app.study = STUDY
        async with app.run_test(size=size) as pilot:
            screen = Staged(app, pilot)
            app.post_message(Connected(WELCOME))
            await pilot.pause()
            repeating = asyncio.create_task(screen.repeat())
            try:
                yield screen
            finally:
                repeating.cancel()
