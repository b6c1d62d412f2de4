"""Microphone levels: a bar for each channel, and a word where something is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from tui.widgets.glyphs import glyphs
from tui.widgets.words import Words

if TYPE_CHECKING:
    from collections.abc import Sequence

_QUIETEST_DB = -60.0
_LOUD_DB = -6.0


class LevelMeter(Words):
    """One channel of the microphone."""

    DEFAULT_CSS = "LevelMeter { height: 1; width: 1fr; }"

    def show(self, name: str, level_db: float, *, word: str, look: str, width: int) -> None:
        """Show ``level_db`` as a bar ``width`` cells wide, with ``word`` after it."""
        share = (level_db - _QUIETEST_DB) / -_QUIETEST_DB
        full = round(width * min(1.0, max(0.0, share)))
        loud = round(width * (1 - _LOUD_DB / _QUIETEST_DB))
        signs = glyphs()
        self.say(
            Content.assemble(
                f"{name} ",
                (signs.full * min(full, loud), "$good"),
                (signs.full * max(0, full - loud), "$bad"),
                (signs.empty * (width - full), "$hint"),
                (f" {word}" if word else "", look),
            )
        )


def channel_names(n_channels: int) -> Sequence[str]:
    """Return what to call the channels: nothing where there is only one."""
    return ("",) if n_channels == 1 else tuple(str(n + 1) for n in range(n_channels))
