"""Numbers as people read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from recorder.clock import NS_PER_S, read_wall_pair

if TYPE_CHECKING:
    from recorder.protocol.state import Headset, Microphone, Session
    from tui.texts import Texts

_MIN_S = 60
_HOUR_S = 3600
_DAY_MIN = 60 * 24
_CARD = re.compile(r"\bCARD=(\w+)")


def clock(seconds: float) -> str:
    """Return a length as ``1:02:03``, or ``2:03`` below an hour."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, _HOUR_S)
    minutes, left = divmod(rest, _MIN_S)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def time_of_day() -> str:
    """Return the wall time as ``14:05``."""
    return _local(read_wall_pair().wall_ns).strftime("%H:%M")


def today() -> str:
    """Return the date as the form has it, day first: ``31.01.2026``."""
    return _local(read_wall_pair().wall_ns).strftime("%d.%m.%Y")


def moment(texts: Texts, wall_ns: int) -> str:
    """Return a moment of the past with its date."""
    local = _local(wall_ns)
    month = texts.of("month", str(local.month))
    return texts("moment", day=str(local.day), month=month, time=local.strftime("%H:%M"))


def length(texts: Texts, minutes: float) -> str:
    """Return a length in the unit that suits it."""
    if minutes >= 2 * _DAY_MIN:
        return texts("length-days", n=int(minutes // _DAY_MIN))
    if minutes >= 2 * _MIN_S:
        return texts("length-hours", n=int(minutes // _MIN_S))
    return texts("length-minutes", n=int(minutes))


def ago(texts: Texts, seconds: float) -> str:
    """Return how long ago something was."""
    young = seconds < _MIN_S
    return texts("length-moment") if young else length(texts, seconds / _MIN_S)


def percent(texts: Texts, share: float) -> str:
    """Return a share as a percentage with one digit after the point."""
    return texts("percent", n=round(100 * share, 1))


def headset_name(texts: Texts, headset: Headset) -> str:
    """Return what to call the headset in use: its short name, else its model."""
    if headset.name == "simulated":
        return texts("simulated-headset")
    unnamed = ":" in headset.name  # a spec, such as ble:00:55:DA:B7:4A:12:MUSE_2_BOARD
    return headset.model if unnamed and headset.model else headset.name


def microphone_name(texts: Texts, microphone: Microphone) -> str:
    """Return what to call the microphone in use: its card, without ALSA's words."""
    if microphone.name == "simulated":
        return texts("simulated-microphone")
    card = _CARD.search(microphone.name)
    return microphone.name.partition(":")[2] if card is None else card[1]


def session_title(texts: Texts, session: Session, *, short: bool, simulated: bool) -> str:
    """Return who is recorded, which session it is, and how."""
    title = texts(
        "session-title-short" if short else "session-title",
        client=session.client,
        number=session.number,
        wanted=session.wanted,
        mode=texts.of("mode", session.mode),
    )
    return f"{title} · {texts('session-title-simulated')}" if simulated else title


def _local(wall_ns: int) -> datetime:
    return datetime.fromtimestamp(wall_ns / NS_PER_S, UTC).astimezone()
