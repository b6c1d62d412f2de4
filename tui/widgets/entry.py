"""A short text typed with digits, or with letters on whatever layout.

It takes no focus: the screen that owns it hands it the keys.
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from textual.content import Content

from tui.key_time import as_latin
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual import events


class Entry(Words):
    """What was typed so far, with a place for each further character.

    After `begin` the first character replaces what stood there.
    """

    DEFAULT_CSS = "Entry { height: 1; width: 1fr; }"

    def __init__(
        self, value: str = "", *, allowed: str, room: int, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self._allowed = allowed
        self._room = room
        self.value = value
        self._fresh = False
        self._draw()

    def begin(self, *, fresh: bool) -> None:
        """Take what stands there as a suggestion, or as typed."""
        self._fresh = fresh and bool(self.value)
        self._draw()

    def type(self, event: events.Key) -> bool:
        """Take a key; tell whether it was for this field."""
        if event.key == "backspace":
            self.put(self.without_last())
            return True
        typed = as_latin(event.character or "")
        if len(typed) != 1 or typed not in self._allowed:
            return False
        before = "" if self._fresh else self.value
        if len(before) < self._room:
            self.put(self.joined(before, typed))
        return True

    def put(self, value: str) -> None:
        """Show ``value`` from now on."""
        self.value = value
        self._fresh = False
        self._draw()

    def without_last(self) -> str:
        """Return the value without its last character."""
        return self.value[:-1]

    def joined(self, before: str, typed: str) -> str:
        """Return the value with one more character."""
        return before + typed

    def _draw(self) -> None:
        left = self._room - len(self.value)
        look = "bold reverse" if self._fresh else "bold"
        self.say(Content.assemble((self.value, look), ("·" * left, "$hint")))


class DateEntry(Entry):
    """A date as eight digits, day first; the dots come by themselves."""

    def __init__(self, value: str = "", *, id: str | None = None) -> None:
        allowed = string.digits + ".,/-"
        super().__init__(value, allowed=allowed, room=len("31.01.2026"), id=id)

    def without_last(self) -> str:
        """Return the value without its last digit."""
        return self.value.rstrip(".")[:-1].rstrip(".")

    def joined(self, before: str, typed: str) -> str:
        """Return the value with one more digit; dots that are typed change nothing."""
        digits = before.replace(".", "") + (typed if typed.isdigit() else "")
        groups = (digits[:2], digits[2:4], digits[4:8])
        return ".".join(group for group in groups if group)
