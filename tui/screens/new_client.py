"""A new client: a code from the pool, and the signed form as it lies on the table."""

from __future__ import annotations

import string
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.content import Content

from recorder.clock import read_host_clock
from tui import wording
from tui.screens.base import Act, FieldScreen
from tui.screens.confirm import ConfirmScreen
from tui.session_draft import SCOPES, SessionDraft
from tui.widgets.entry import DateEntry, Entry
from tui.widgets.glyphs import glyphs
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from recorder.format.registers import Scope
    from recorder.protocol.replies import ClientList
    from recorder.protocol.state import State
    from tui.widgets.key_bar import KeyOffer

_STEPS = ("code", "scopes", "form", "date")
_FORM_ROOM = 16
_DATE = "%d.%m.%Y"
_OLDEST_YEAR = 2020
_SYNCHRONISED = range(5)  # what adjtimex(2) says while wall time follows NTP
_BEHIND = timedelta(days=366)  # how much a box may be that nobody told the time


class NewClientScreen(FieldScreen):
    """Four lines, filled in one after the other; nothing is sent before the fit."""

    CSS = """
    NewClientScreen .step { height: auto; padding: 0 2; margin: 1 0 0 0; }
    NewClientScreen .step.-lit { background: $panel; }
    NewClientScreen .ask { color: $hint; }
    NewClientScreen .step.-lit .ask { color: $foreground; text-style: bold; }
    NewClientScreen #said { padding: 1 2; color: $warn; text-style: bold; }
    """
    topic: ClassVar[str] = "clients"

    def __init__(self, known: ClientList, *, code: str = "") -> None:
        super().__init__()
        self._pool = known.pool
        self._code = max(0, known.pool.index(code) if code else 0)
        self._form = known.clients[0].form if known.clients else ""
        self._date = wording.today()
        self._scopes: set[Scope] = set()
        self._step = 0
        self._complaint = ""

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Words(self.texts("new-title"), classes="title")
        with Vertical(classes="step", id="step-code"):
            yield Words(self.texts("new-code"), classes="ask")
            yield Words(id="code")
        with Vertical(classes="step", id="step-scopes"):
            yield Words(self.texts("new-scopes"), classes="ask")
            yield Words(id="scopes")
        with Vertical(classes="step", id="step-form"):
            yield Words(self.texts("new-form"), classes="ask")
            allowed = string.digits + string.ascii_letters + ".-_"
            yield Entry(self._form, allowed=allowed, room=_FORM_ROOM, id="form")
        with Vertical(classes="step", id="step-date"):
            yield Words(self.texts("new-date"), classes="ask")
            yield DateEntry(self._date, id="date")
        yield Words(id="said")

    def show(self, _state: State) -> None:
        """Show what is filled in so far."""
        for index, step in enumerate(_STEPS):
            self.query_one(f"#step-{step}").set_class(index == self._step, "-lit")
        more = self.texts("new-code-more", n=len(self._pool))
        self.query_one("#code", Words).say(
            Content.assemble((self._pool[self._code], "bold"), (f"   {more}", "$hint"))
        )
        self.query_one("#scopes", Words).say(self._scopes_say())
        said = self.texts.of("new-wrong", self._complaint) if self._complaint else ""
        self.query_one("#said", Words).say(said)

    def acts(self) -> dict[str, Act]:
        """Go from line to line; the line that is lit takes the other keys."""
        acts: dict[str, Act] = {
            "escape": lambda _: self.leave(),
            "enter": lambda _: self._next(),
            "down": lambda _: self._go(1),
            "up": lambda _: self._go(-1),
        }
        step = _STEPS[self._step]
        if step == "code":
            acts |= {"left": lambda _: self._turn(-1), "right": lambda _: self._turn(1)}
        if step == "scopes":
            acts |= {str(n + 1): self._toggle for n in range(len(SCOPES))}
        return acts

    def offers(self) -> list[KeyOffer]:
        """Name the keys."""
        offers = [self.offer("escape", "key-back"), self.offer("enter", "key-next")]
        if _STEPS[self._step] == "code":
            offers.append(self.offer("right", "key-other-code"))
        return offers

    def on_key(self, event: events.Key) -> None:
        """Type into the line that is lit; every other key is for `FieldScreen`."""
        if self.is_drawable and _STEPS[self._step] in ("form", "date"):
            entry = self.query_one(f"#{_STEPS[self._step]}", Entry)
            if entry.type(event):
                event.stop()
                event.prevent_default()
                self._keep()

    def on_click(self, event: events.Click) -> None:
        """Light the line that was touched; tick the scope."""
        for index, step in enumerate(_STEPS):
            touched = self.query_one(f"#step-{step}")
            if event.widget is not None and touched in event.widget.ancestors_with_self:
                self._light(index)
        if event.widget is self.query_one("#scopes"):
            self._turn_scope(event.y)

    def _scopes_say(self) -> Content:
        signs = glyphs()
        parts: list[Content | tuple[str, str]] = []
        for index, scope in enumerate(SCOPES):
            given = scope in self._scopes
            box = f"[{signs.tick}]" if given else "[ ]"
            says = f" {index + 1} {self.texts.of('scope', scope)}\n"
            parts += [(box, "$good" if given else ""), (says, "bold" if given else "")]
        return Content.assemble(*parts).rstrip()

    def _toggle(self, event: events.Key) -> None:
        self._turn_scope(int(event.key) - 1)

    def _turn_scope(self, index: int) -> None:
        if index < len(SCOPES):
            self._scopes ^= {SCOPES[index]}
            self._complaint = ""
            self.draw()

    def _turn(self, by: int) -> None:
        self._code = (self._code + by) % len(self._pool)
        self.draw()

    def _go(self, by: int) -> None:
        self._light(max(0, min(self._step + by, len(_STEPS) - 1)))

    def _light(self, step: int) -> None:
        """Light a line; what is suggested there is replaced by what is typed."""
        self._step = step
        for entry in self.query(Entry):
            entry.begin(fresh=entry.id == _STEPS[step])
        self.draw()

    def _keep(self) -> None:
        """Remember what was typed: the words may be made anew in another language."""
        self._form = self.query_one("#form", Entry).value
        self._date = self.query_one("#date", Entry).value
        self._complaint = ""
        self.draw()

    def _next(self) -> None:
        self._complaint = self._wrong_in(_STEPS[self._step])
        if self._complaint:
            self.draw()
        elif self._step < len(_STEPS) - 1:
            self._go(1)
        else:
            self._finish()

    def _wrong_in(self, step: str) -> str:
        """Return what is wrong in the line, or nothing."""
        if step == "scopes" and "eeg" not in self._scopes:
            return "scopes"
        if step == "form" and not any(map(str.isdigit, self._form)):
            return "form"
        if step == "date" and not self._signed_on():
            return "date"
        return ""

    def _finish(self) -> None:
        for index, step in enumerate(_STEPS):
            self._complaint = self._wrong_in(step)
            if self._complaint:
                self._light(index)
                return
        draft = SessionDraft(
            client=self._pool[self._code],
            mode=self.field.preferences.mode,
            is_new=True,
            given=True,
            scopes=tuple(scope for scope in SCOPES if scope in self._scopes),
            form=self._form,
            signed_on=self._signed_on(),
        )
        self.app.push_screen(ConfirmScreen(draft))

    def _signed_on(self) -> str:
        holds = read_host_clock().sync_state in _SYNCHRONISED
        return signed_on(self._date, today=wording.today(), clock_holds=holds)


def signed_on(date: str, *, today: str, clock_holds: bool) -> str:
    """Return ``31.01.2026`` as ``2026-01-31``; nothing where it is no date of the past.

    A box that was off and has no internet is behind: then the paper is right, not it.
    """
    newest = datetime.strptime(today, _DATE)  # noqa: DTZ007 - a date, no moment
    if not clock_holds:
        newest += _BEHIND
    try:
        signed = datetime.strptime(date, _DATE)  # noqa: DTZ007 - a date, no moment
    except ValueError:
        return ""
    if signed.year < _OLDEST_YEAR or signed > newest:
        return ""
    return signed.strftime("%Y-%m-%d")
