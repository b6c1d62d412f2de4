"""Which screen belongs to what the recorder does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.claim import Claim
from tui.screens.away import AwayScreen
from tui.screens.finish import FinishScreen
from tui.screens.fit import FitScreen
from tui.screens.home import HomeScreen
from tui.screens.online import OnlineScreen
from tui.screens.recording import RecordingScreen

if TYPE_CHECKING:
    from recorder.protocol.state import State
    from tui.screens.base import FieldScreen


def base_screen(state: State | None, claim: Claim) -> type[FieldScreen]:
    """Return the screen that lies below all others now."""
    if state is None or claim is Claim.UNKNOWN:
        return AwayScreen
    if state.phase == "fit":
        return FitScreen
    if state.phase in ("recording", "paused"):
        online = state.session is not None and state.session.mode == "online"
        return OnlineScreen if online else RecordingScreen
    return FinishScreen if state.phase == "finish" else HomeScreen
