"""When a key was pressed, and which one it was on whatever layout.

Textual stamps an event on CLOCK_MONOTONIC in the thread that reads the terminal, so the
stamp holds however long the screen takes to get round to the event.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from recorder.clock import NS_PER_S, read_host_ns

if TYPE_CHECKING:
    from textual.message import Message

_RUSSIAN = "йцукенгшщзхъфывапролджэячсмитьбю"
_LATIN = "qwertyuiop[]asdfghjkl;'zxcvbnm,."
_TO_LATIN = str.maketrans(_RUSSIAN + _RUSSIAN.upper(), _LATIN + _LATIN.upper())


def pressed_ns(event: Message) -> int:
    """Return the host time at which ``event`` was read from the terminal."""
    now_ns = read_host_ns()
    waited_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC) - round(event.time * NS_PER_S)
    return now_ns - max(0, waited_ns)


def as_latin(text: str) -> str:
    """Return what the same keys give on a Latin layout."""
    return text.translate(_TO_LATIN)
