"""What the pictures show and no walk can wait for: told to the screen as news are."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from recorder.clock import read_host_ns
from recorder.protocol.state import Upload
from tui.messages import NewsArrived
from tui.networks import Network

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from recorder.protocol.state import State
    from tui.app import FieldrecApp

NETWORKS = [
    Network("Cabinet 12", 82, locked=True, known=True, used=True, path="/1"),
    Network("Guest", 55, locked=False, known=False, used=False, path="/2"),
    Network("Studio 7", 30, locked=True, known=False, used=False, path="/3"),
]
_UPLOAD = Upload(
    waiting=2,
    verified=11,
    sent=1,
    phase="sending",
    percent=37.5,
    left_s=240.0,
    last_verified_wall_ns=1_795_600_000_000_000_000,
)


@asynccontextmanager
async def insisting(
    app: FieldrecApp, change: Callable[[State], State]
) -> AsyncIterator[None]:
    """Tell the screen a changed state all the time: one that no picture can wait for."""

    async def insist() -> None:
        while True:
            if app.state is not None:
                told = change(app.state)
                app.post_message(NewsArrived(told, read_host_ns()))
            await asyncio.sleep(0.02)

    telling = asyncio.create_task(insist())
    try:
        yield
    finally:
        telling.cancel()


def stuck(state: State) -> State:
    """Return ``state`` with nothing on the medium for 4 s."""
    if state.session is None:
        return state
    session = msgspec.structs.replace(state.session, saved_ago_s=4.2)
    return msgspec.structs.replace(state, session=session)


def sending(state: State) -> State:
    """Return ``state`` with a session on its way."""
    return msgspec.structs.replace(state, upload=_UPLOAD)
