"""What the workers of the screen post to its handlers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from recorder.protocol.lines import Answer
    from recorder.protocol.replies import Welcome
    from recorder.protocol.state import State


@dataclass
class Connected(Message):
    """The recorder answered: this is who it is."""

    welcome: Welcome


@dataclass
class Disconnected(Message):
    """The recorder is away; the link goes on trying."""


@dataclass
class NewsArrived(Message):
    """The recorder's whole state, as of ``read_ns`` on the host clock."""

    state: State
    read_ns: int

    def can_replace(self, message: Message) -> bool:
        """Let newer news take the place of these, if nobody has looked at them yet."""
        # Samples of a trace come once only: news that bring some are never dropped.
        return isinstance(message, NewsArrived) and self.state.trace is None


@dataclass
class Answered(Message):
    """The recorder's answer to one request."""

    answer: Answer


@dataclass
class LookAgain(Message):
    """Some time has passed: what the screen shows may not be so any more."""
