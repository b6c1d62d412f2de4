"""Settings: a list of what can be set."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from tui import wording
from tui.screens.about import AboutScreen
from tui.screens.base import Act, FieldScreen
from tui.screens.brightness import BrightnessScreen
from tui.screens.devices import DevicesScreen
from tui.screens.logs import LogsScreen
from tui.screens.wifi import WifiScreen
from tui.widgets.choice import Choice, Line
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from recorder.protocol.state import State
    from tui.widgets.key_bar import KeyOffer

_SCREENS = {
    "devices": DevicesScreen,
    "wifi": WifiScreen,
    "brightness": BrightnessScreen,
    "logs": LogsScreen,
    "about": AboutScreen,
}
_ENTRIES = ("language", "devices", "wifi", "brightness", "contrast", "logs", "about")


class SettingsScreen(FieldScreen):
    """Seven lines."""

    CSS = "SettingsScreen Choice { margin: 1 1 0 1; }"
    topic: ClassVar[str] = "settings"

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Words(self.texts("settings-title"), classes="title")
        yield Choice()

    def show(self, state: State) -> None:
        """Show the list with what is set now."""
        remarks = {
            "language": self.texts("this-language"),
            "devices": wording.headset_name(self.texts, state.headset),
            "contrast": self.texts("on" if self.field.preferences.contrast else "off"),
        }
        self.query_one(Choice).show(
            [
                Line(self.texts.of("settings", entry), remarks.get(entry, ""))
                for entry in _ENTRIES
            ]
        )

    def acts(self) -> dict[str, Act]:
        """Choose, or go back."""
        return {
            **self.query_one(Choice).acts(),
            "escape": lambda _: self.leave(),
        }

    def offers(self) -> list[KeyOffer]:
        """Name the keys."""
        return [self.offer("escape", "key-back"), self.offer("enter", "key-choose")]

    def on_choice_taken(self, message: Choice.Taken) -> None:
        """Open it, or change it at once."""
        entry = _ENTRIES[message.index]
        preferences = self.field.preferences
        if entry == "language":
            other = self.texts.other
            self.field.prefer(msgspec.structs.replace(preferences, language=other))
        elif entry == "contrast":
            contrast = not preferences.contrast
            self.field.prefer(msgspec.structs.replace(preferences, contrast=contrast))
            self.draw()
        else:
            self.app.push_screen(_SCREENS[entry]())
