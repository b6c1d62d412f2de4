"""Alarms: the gravest that nobody has seen, in full; the others as signs beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Horizontal
from textual.content import Content

from tui.widgets.glyphs import glyphs
from tui.widgets.key_bar import KeyOffer
from tui.widgets.words import Words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from recorder.protocol.state import Alarm
    from tui.texts import Texts

# From what costs the recording to what can wait.
GRAVITY = (
    "not_saved",
    "queue_full",
    "headset_lost",
    "microphone_lost",
    "microphone_silent",
    "disk_low",
    "box_battery",
    "undervoltage",
    "hot",
    "microphone_clipping",
    "headset_battery",
    "contact",
)


_SEEN_SHOWN = 3


class AlarmBar(Horizontal):
    """Two rows while something is wrong, else nothing; touching it is having seen it."""

    SCOPED_CSS = False  # the size of the screen counts
    DEFAULT_CSS = """
    AlarmBar { height: 2; padding: 0 1; width: 1fr; }
    AlarmBar.-unseen { background: $alarm-bg; color: $alarm-fg; text-style: bold; }
    AlarmBar.-seen { background: $panel; color: $warn; height: 1; }
    AlarmBar #enter { width: auto; }
    AlarmBar.-seen #enter { display: none; }
    .-tall AlarmBar.-unseen { height: 3; }
    """

    def compose(self) -> ComposeResult:
        """Lay it out."""
        yield Words(id="what")
        yield Words(id="enter")

    def on_click(self) -> None:
        """See it."""
        self.app.simulate_key("enter")

    def show(self, texts: Texts, alarms: Sequence[Alarm]) -> None:
        """Show ``alarms``; hide where there are none."""
        unseen = [alarm for alarm in by_gravity(alarms) if not alarm.seen]
        seen = [alarm for alarm in by_gravity(alarms) if alarm.seen]
        self.display = bool(alarms)
        self.set_class(bool(unseen), "-unseen")
        self.set_class(not unseen, "-seen")
        sign = glyphs().alarm
        if unseen:
            more = texts("alarm-more", n=len(alarms) - 1) if len(alarms) > 1 else ""
            says = f"{sign} {alarm_says(texts, unseen[0])} {more}".rstrip()
            self.query_one("#what", Words).say(Content(says))
            offer = KeyOffer("enter", texts("cap-enter"), texts("alarm-seen"))
            self.query_one("#enter", Words).say(offer.content())
        elif seen:
            titles = [texts.of("alarm-title", each.id) for each in seen[:_SEEN_SHOWN]]
            left = len(seen) - len(titles)
            more = f"   {texts('alarm-more', n=left)}" if left else ""
            says = f"{sign} {f'   {sign} '.join(titles)}{more}"
            self.query_one("#what", Words).say(Content(says))


def by_gravity(alarms: Sequence[Alarm]) -> list[Alarm]:
    """Return ``alarms``, the gravest first."""
    return sorted(alarms, key=lambda alarm: GRAVITY.index(alarm.id))


def first_unseen(alarms: Sequence[Alarm]) -> Alarm | None:
    """Return the alarm that Enter sees next."""
    return next((alarm for alarm in by_gravity(alarms) if not alarm.seen), None)


def alarm_says(texts: Texts, alarm: Alarm) -> str:
    """Return what ``alarm`` means and what to do; or that it is over."""
    if not alarm.lasting:
        return texts("alarm-over", title=texts.of("alarm-title", alarm.id))
    return texts.of("alarm", alarm.id)
