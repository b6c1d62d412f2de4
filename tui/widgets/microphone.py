"""All channels of the microphone, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Horizontal
from textual.content import Content

from tui.widgets.levels import LevelMeter, channel_names

if TYPE_CHECKING:
    from recorder.protocol.state import Microphone, Session
    from tui.texts import Texts

_NARROWEST = 4
_WORD_CELLS = 12
_HEARD_DB = -45.0


class MicrophoneLevels(Horizontal):
    """One meter a channel, each with a word: heard, quiet, silent, too loud."""

    DEFAULT_CSS = """
    MicrophoneLevels { height: 1; width: 1fr; }
    MicrophoneLevels LevelMeter { margin: 0 1 0 0; }
    """

    def show(self, texts: Texts, microphone: Microphone, session: Session | None) -> None:
        """Show the levels, or why there are none."""
        why = _why_none(microphone, session)
        n_channels = 1 if why else len(microphone.levels_db)
        self._have(n_channels)
        for channel, meter in enumerate(self.query(LevelMeter)):
            if why:
                meter.say(Content.styled(texts.of("sound", why), "$warn"))
            elif channel < n_channels:
                self._show_channel(texts, meter, microphone, channel)

    def _show_channel(
        self, texts: Texts, meter: LevelMeter, microphone: Microphone, channel: int
    ) -> None:
        name = channel_names(len(microphone.levels_db))[channel]
        title = texts("level-title", channel=name)
        word, look = _word(microphone, channel)
        width = self.content_size.width // len(microphone.levels_db)
        bar = max(_NARROWEST, width - len(title) - _WORD_CELLS)
        meter.show(
            title,
            microphone.levels_db[channel],
            word=texts.of("level", word),
            look=look,
            width=bar,
        )

    def _have(self, n_channels: int) -> None:
        meters = list(self.query(LevelMeter))
        for meter in meters[n_channels:]:
            meter.remove()
        if len(meters) < n_channels:
            self.mount_all(LevelMeter() for _ in range(n_channels - len(meters)))


def _why_none(microphone: Microphone, session: Session | None) -> str:
    if session is not None and session.sound != "recorded":
        return session.sound
    if microphone.link != "connected":
        return microphone.link
    return "" if microphone.levels_db else "connecting"


def _word(microphone: Microphone, channel: int) -> tuple[str, str]:
    if channel < len(microphone.silent) and microphone.silent[channel]:
        return "silent", "bold $dead"
    if channel < len(microphone.clipping) and microphone.clipping[channel]:
        return "clipping", "bold $bad"
    if microphone.levels_db[channel] > _HEARD_DB:
        return "heard", "$good"
    return "quiet", "$hint"
