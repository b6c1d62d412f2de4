"""What every screen has: the top line, its own keys, the bottom line that names them.

A screen holds no state of the recording. ``draw`` runs twice a second with all the
recorder tells, and after every key; what has not changed is not drawn again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, cast

from textual.events import Key
from textual.screen import Screen

from tui import wording
from tui.claim import Claim
from tui.held import NEXT_GAP_S
from tui.widgets.alarm_bar import first_unseen
from tui.widgets.choice import Choice
from tui.widgets.key_bar import KeyBar, KeyOffer
from tui.widgets.number import NumberRow
from tui.widgets.top_bar import TopBar, TopLine

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from recorder.protocol.state import State
    from tui.app import FieldrecApp
    from tui.texts import Texts

WIDE = 100  # columns from which there is room for long words
Act = Callable[["events.Key"], object]


class FieldScreen(Screen[None]):
    """One screen. ``topic`` names its help page; ``says_state`` puts the state on top.

    ``takes_held`` is for a screen that wants to hear of an Enter that only repeats.
    Textual calls the handlers of a class and of its bases one after the other: a screen's
    own ``on_mount`` or ``on_key`` comes first and never calls this one's.
    """

    AUTO_FOCUS = ""
    topic: ClassVar[str] = "home"
    says_state: ClassVar[bool] = True
    shows_alarms: ClassVar[bool] = False
    takes_held: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self._is_laid_out = False
        self._rewording = asyncio.Lock()  # one change of words after the other

    @property
    def is_drawable(self) -> bool:
        """Whether everything it is made of is there, and stays."""
        return self._is_laid_out and not self._pruning

    @property
    def field(self) -> FieldrecApp:
        """The program this screen belongs to."""
        return cast("FieldrecApp", self.app)

    @property
    def texts(self) -> Texts:
        """The words of the language in use."""
        return self.field.texts

    def compose(self) -> ComposeResult:
        """Lay the screen out: top line, body, bottom line."""
        yield TopBar()
        yield from self.body()
        yield KeyBar()

    def body(self) -> ComposeResult:
        """Lay out what is between the lines."""
        yield from ()

    def title_says(self) -> str:
        """Return what stands on the top line."""
        session = self.field.state.session if self.field.state else None
        sham = self.field.simulated
        if session is None:
            title = "box-title-simulated" if sham else "box-title"
            return self.texts(title, device=self.field.device)
        short = sham or (self.says_state and self._is_narrow)
        return wording.session_title(self.texts, session, short=short, simulated=sham)

    def show(self, state: State) -> None:
        """Show what the recorder tells."""

    def acts(self) -> dict[str, Act]:
        """Return what each key does now."""
        return {}

    def offers(self) -> list[KeyOffer]:
        """Return the keys to be named on the bottom line."""
        return []

    def offer(self, key: str, text_id: str) -> KeyOffer:
        """Return ``key`` with what it does."""
        return KeyOffer(key, self.texts.of("cap", key), self.texts(text_id))

    def draw(self) -> None:
        """Draw everything anew, as the recorder's state is now."""
        if not self.is_drawable:
            return
        claim = self.field.claim
        with self.app.batch_update():
            self.query_one(TopBar).show(self._top_line(claim))
            if self.field.state is not None:
                self.show(self.field.state)
            self.query_one(KeyBar).offer(self.offers())

    def leave(self) -> None:
        """Go back to the screen below, unless that has happened already."""
        if self._is_up:
            self.dismiss()

    def on_mount(self) -> None:
        """Draw it first."""
        self._is_laid_out = True
        self.draw()

    def on_screen_resume(self) -> None:
        """Catch up after another screen."""
        self.draw()

    def on_key(self, event: events.Key) -> None:
        """Do what the key does here; what it does everywhere is the program's.

        A key pressed right after one that put up or took away a screen may still come to
        the old one: it is meant for the screen that is up now.
        """
        if not self._is_up and self.app.screen_stack:
            event.stop()
            event.prevent_default()
            late = Key(event.key, event.character)
            late.time = event.time  # a mark's stamp
            self.app.screen.post_message(late)
            return
        held = self._is_held(event)
        act = self.acts().get(event.key) if self.is_drawable else None
        if act is not None:
            event.stop()
            event.prevent_default()
            if not held:
                act(event)

    def _is_held(self, event: events.Key) -> bool:
        """Tell an Enter that only repeats: each screen and statement wants its own."""
        repeats = self.field.held_enter.gap_s(event) < NEXT_GAP_S
        return repeats and event.key == "enter" and not self.takes_held

    async def change_language(self) -> None:
        """Say everything in the other language; what was chosen so far stays."""
        async with self._rewording:
            lit = [choice.lit for choice in self.query(Choice)]
            numbers = [row.value for row in self.query(NumberRow)]
            self._is_laid_out = False
            await self.recompose()
            self._is_laid_out = True
        if not self.is_drawable:
            return  # it was left meanwhile
        for choice, before in zip(self.query(Choice), lit, strict=True):
            choice.lit = before
        for row, number in zip(self.query(NumberRow), numbers, strict=False):
            row.put(number)
        self.draw()

    @property
    def _is_up(self) -> bool:
        stack = self.app.screen_stack
        return bool(stack) and stack[-1] is self

    @property
    def _is_narrow(self) -> bool:
        # A new screen has no class of its size yet when it is drawn for the first time.
        return self.app.size.width < WIDE

    def _top_line(self, claim: Claim) -> TopLine:
        """Return the top line: an alarm nobody has seen takes the title's place."""
        width = "short" if self._is_narrow else "long"
        alarms = self.field.state.alarms if self.field.state else ()
        alarm = None if self.shows_alarms else first_unseen(alarms)
        alarming = alarm is not None and claim is not Claim.IDLE
        return TopLine(
            claim=claim,
            state=self._state_says(claim),
            title=self.texts.of("alarm-title", alarm.id)
            if alarm is not None and alarming
            else self.title_says(),
            alarming=alarming,
            help=self.texts(f"key-help-{width}"),
            language=self.texts(f"other-language-{width}"),
            clock=wording.time_of_day(),
        )

    def _state_says(self, claim: Claim) -> str:
        if not self.says_state:
            return ""
        state = self.field.state
        if state is None or state.session is None or claim is Claim.IDLE:
            return self.texts.of("state", claim)
        elapsed = wording.clock(state.session.elapsed_s)
        return f"{self.texts.of('state', claim)} {elapsed}"
