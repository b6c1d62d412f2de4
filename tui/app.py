"""The screen's program: follows the recorder's phase, and answers for all screens.

Screens own their keys, words and looks. Here is what concerns every one of them: the link,
the language, the look, and which screen is up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from textual.app import App

from recorder.clock import NS_PER_S, read_host_ns
from recorder.errors import FormatError
from recorder.format.codebook import default_codebook_text, parse_codebook
from recorder.format.study import Study, parse_study
from recorder.protocol.calls import Pause, ReadPapers, Resume
from recorder.protocol.replies import Papers
from tui import preferences
from tui.backlight import Backlight, Dimmer
from tui.claim import Claim, judge
from tui.held import FIRST_GAP_S, HeldKey
from tui.link import Link
from tui.messages import Answered, Connected, Disconnected, LookAgain, NewsArrived
from tui.preferences import load_preferences, save_preferences
from tui.routing import base_screen
from tui.screens.away import AwayScreen
from tui.screens.base import WIDE, FieldScreen
from tui.screens.faults import FaultsScreen
from tui.screens.finish import FinishScreen
from tui.screens.help import HelpScreen
from tui.screens.home import HomeScreen
from tui.screens.notice import NoticeScreen
from tui.screens.uploads import UploadsScreen
from tui.texts import Texts
from tui.themes import CONTRAST, DARK, QUIET, default_variables, themes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from textual import events

    from recorder.protocol.calls import Call
    from recorder.protocol.lines import Answer
    from recorder.protocol.replies import Fault, Welcome
    from recorder.protocol.state import State
    from tui.preferences import Preferences
    from tui.texts import Language

_WATCH_S = 0.25
_PLAIN_STUDY = Study(name="study", sessions_per_client=5)


class FieldrecApp(App[None]):
    """The therapist's screen."""

    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False  # a finger that slips marks no text
    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] | None = [  # noqa: RUF012 - as Textual types it
        (0, "-narrow"),
        (WIDE, "-wide"),
        (120, "-huge"),
    ]
    VERTICAL_BREAKPOINTS: list[tuple[int, str]] | None = [  # noqa: RUF012 - likewise
        (0, "-short"),
        (30, "-tall"),
        (40, "-towering"),
    ]
    CSS = """
    Screen { layout: vertical; background: $background; color: $foreground; }
    Screen .title { text-style: bold; padding: 0 2; margin: 1 0 0 0; }
    Screen .hint { color: $hint; padding: 0 2; }
    """

    def __init__(
        self, socket: Path, *, box: Path | None = None, language: Language | None = None
    ) -> None:
        super().__init__()
        self._preferences_path = None if box is None else box / preferences.FILE
        self.preferences = load_preferences(self._preferences_path)
        if language is not None:
            self.preferences = msgspec.structs.replace(self.preferences, language=language)
        self.box_words = () if box is None else ("--box", str(box))
        self.before_answers: dict[str, dict[str, int]] = {}
        self.texts = Texts(self.preferences.language or "ru")
        self.link = Link(socket, self.post_message)
        self.state: State | None = None
        self.welcome: Welcome | None = None
        self.codebook = parse_codebook(default_codebook_text())
        self.study = _PLAIN_STUDY
        self.quiet = False
        self._turning_from = ""  # the phase that a pause or its end was asked for in
        self._held = HeldKey()  # of pauses
        self.held_enter = HeldKey()  # of every screen
        self._dimmer = Dimmer(Backlight.find())
        self._read_ns = 0
        self._shown_claim = Claim.UNKNOWN
        self._waiting: dict[int, Callable[[Answer], None]] = {}
        for theme in themes():
            self.register_theme(theme)
        self._dress()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Give our own colours a value under every theme."""
        return default_variables()

    @property
    def fault(self) -> Exception | None:
        """What ended the program, if something of ours did."""
        return self._exception

    def _fatal_error(self) -> None:
        """End without Textual's traceback: the values in it may be a client's."""
        self._close_messages_no_wait()

    @property
    def claim(self) -> Claim:
        """What may be claimed about the recording now."""
        return judge(self.state, news_age_ns=read_host_ns() - self._read_ns)

    @property
    def news_age_s(self) -> float:
        """How old the newest state is."""
        return (read_host_ns() - self._read_ns) / NS_PER_S

    @property
    def device(self) -> str:
        """The box's name."""
        return self.welcome.device if self.welcome else ""

    @property
    def simulated(self) -> bool:
        """Whether every device in use is simulated."""
        state = self.state
        if state is None:
            return self.welcome is not None and self.welcome.simulated
        devices = (state.headset, state.microphone)
        used = [device.simulated for device in devices if device.link != "none"]
        return bool(used) and all(used)

    async def on_mount(self) -> None:
        """Begin with the away screen; the recorder decides what comes next."""
        await self.push_screen(AwayScreen())
        self.link.start()
        # A timer's own task may not touch the stack of screens: a message does.
        self.set_interval(_WATCH_S, lambda: self.post_message(LookAgain()))

    def on_unmount(self) -> None:
        """Let the recorder go."""
        self.link.stop()

    # What comes from the recorder

    def on_connected(self, message: Connected) -> None:
        """Learn who the recorder is and what the lab gave it."""
        self.welcome = message.welcome
        if self.preferences.language is None and self.welcome.locale != self.texts.language:
            self.texts = Texts(self.welcome.locale)
            self.run_worker(self._say_anew())
        self.read_papers()

    async def on_news_arrived(self, message: NewsArrived) -> None:
        """Take the newest state; change to the screen of its phase."""
        self.state, self._read_ns = message.state, message.read_ns
        if self.state.phase != self._turning_from:
            self._turning_from = ""
        if self.state.phase == "home":
            self.before_answers = {}  # they are one session's, however it was left
        await self._follow()
        self._draw()

    async def on_disconnected(self, _message: Disconnected) -> None:
        """Say so at once."""
        self.state = None
        await self._follow()
        self._draw()

    async def on_look_again(self, _message: LookAgain) -> None:
        """Notice that no news come."""
        if self.claim is not self._shown_claim:
            await self._follow()
            self._draw()

    def on_answered(self, message: Answered) -> None:
        """Hand the answer to whoever asked."""
        then = self._waiting.pop(message.answer.id, None)
        if then is not None:
            then(message.answer)

    # What screens ask for

    def ask(self, call: Call, then: Callable[[Answer], None] | None = None) -> None:
        """Send ``call``; hand the answer to ``then``, or tell the person what failed."""
        self._waiting[self.link.ask(call)] = then or self._tell_if_refused

    def tell(self, fault: Fault) -> None:
        """Tell the person why something was refused; the away screen says enough."""
        if self.state is not None:
            self.push_screen(NoticeScreen(fault))

    def read_papers(self) -> None:
        """Learn the codebook and the study anew: a renewal may have brought others."""
        self.ask(ReadPapers(), self._take_papers)

    def set_quiet(self, *, quiet: bool) -> None:
        """Dim everything, the light behind it too, or undo that."""
        if quiet != self.quiet:
            self.quiet = quiet
            self._dimmer.dim(dark=quiet)
            self._dress()

    def prefer(self, chosen: Preferences) -> None:
        """Keep what was chosen, and follow it."""
        self.preferences = chosen
        save_preferences(self._preferences_path, chosen)
        self._dress()
        if chosen.language is not None and chosen.language != self.texts.language:
            self.texts = Texts(chosen.language)
            self.run_worker(self._say_anew())

    def on_key(self, event: events.Key) -> None:
        """Do what a key does on every screen."""
        if event.key == "f1" and not isinstance(self.screen, HelpScreen):
            topic = self.screen.topic if isinstance(self.screen, FieldScreen) else "home"
            self.push_screen(HelpScreen(topic))
        elif event.key == "f2":
            other = self.texts.other
            self.prefer(msgspec.structs.replace(self.preferences, language=other))
        elif event.key == "f12" and self.simulated:
            self.push_screen(FaultsScreen())
        elif event.key == "space" and self._held.gap_s(event) > FIRST_GAP_S:
            self.pause_or_resume()

    def pause_or_resume(self) -> None:
        """Pause at once, whatever lies over the recording; or go on.

        A key that bounces while the recorder still does so asks for nothing more.
        """
        state, claim = self.state, self.claim
        if state is None or claim in (Claim.IDLE, Claim.UNKNOWN):
            return
        if self._turning_from != state.phase:
            self._turning_from = state.phase
            call = Resume() if claim is Claim.PAUSED else Pause()
            self.ask(call, self._take_turn)

    def _tell_if_refused(self, answer: Answer) -> None:
        if answer.fault is not None:
            self.tell(answer.fault)

    def _take_turn(self, answer: Answer) -> None:
        if answer.fault is not None:
            self._turning_from = ""
            self.tell(answer.fault)

    def _take_papers(self, answer: Answer) -> None:
        if answer.fault is not None:
            return
        try:
            papers = msgspec.json.decode(answer.ok, type=Papers)
            codebook = parse_codebook(papers.codebook)
            self.study = parse_study(papers.study) if papers.study else _PLAIN_STUDY
        except (FormatError, msgspec.MsgspecError):
            # What the recorder can't use it tells itself, as a problem of the box.
            return
        if codebook != self.codebook:
            self.codebook = codebook
            self.run_worker(self._say_anew())

    async def _say_anew(self) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, FieldScreen):
                await screen.change_language()

    async def _follow(self) -> None:
        """Put up the screen of the recorder's phase, without whatever lay over it.

        The away screen lies over everything else: what was begun below it, such as the
        choice of a client, is still there when the recorder is back.
        """
        if not (self.is_running and self.screen_stack):
            return  # the program is ending
        wanted = base_screen(self.state, self.claim)
        is_away = isinstance(self.screen_stack[-1], AwayScreen)
        if wanted is AwayScreen:
            if not is_away:
                await self.push_screen(AwayScreen())
            return
        base = self.screen_stack[1] if len(self.screen_stack) > 1 else None
        if is_away and not isinstance(base, AwayScreen):
            await self.pop_screen()
        if type(base) is not wanted:
            await self._change_base(wanted)

    async def _change_base(self, wanted: type[FieldScreen]) -> None:
        while len(self.screen_stack) > 2:  # noqa: PLR2004 - the empty one and the base
            await self.pop_screen()
        base = self.screen_stack[-1]
        if len(self.screen_stack) > 1:
            await self.switch_screen(wanted())
        else:
            await self.push_screen(wanted())
        if wanted is HomeScreen and isinstance(base, FinishScreen) and base.signed:
            self.push_screen(UploadsScreen(after_session=True))

    def _draw(self) -> None:
        self._shown_claim = self.claim
        top = self.screen_stack[-1] if self.screen_stack else None
        if isinstance(top, FieldScreen):
            top.draw()

    def _dress(self) -> None:
        everyday = CONTRAST if self.preferences.contrast else DARK
        self.theme = QUIET if self.quiet else everyday
