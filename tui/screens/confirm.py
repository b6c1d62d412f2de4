"""Before the fit: the consent as it stands, and that nobody else is in the room."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import msgspec
from textual.content import Content

from recorder.protocol.calls import ListClients
from recorder.protocol.replies import ClientList
from tui.screens.base import Act, FieldScreen
from tui.session_draft import SCOPES, draft_of
from tui.widgets.big_text import BigText
from tui.widgets.checklist import Checklist, Statement
from tui.widgets.glyphs import glyphs
from tui.widgets.microphone import MicrophoneLevels
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from recorder.protocol.calls import Mode
    from recorder.protocol.lines import Answer
    from recorder.protocol.state import State
    from tui.session_draft import SessionDraft
    from tui.widgets.key_bar import KeyOffer


class ConfirmScreen(FieldScreen):
    """One Enter for each statement; with the last one the fit begins."""

    CSS = """
    ConfirmScreen BigText { height: 5; margin: 1 0 0 0; }
    ConfirmScreen.-towering BigText { height: 12; }
    ConfirmScreen MicrophoneLevels { margin: 1 2 0 2; }
    ConfirmScreen #who { padding: 0 2; text-style: bold; }
    ConfirmScreen.-tall #who { padding: 1 2; }
    ConfirmScreen #consent { padding: 0 2; }
    ConfirmScreen #said { padding: 0 2; color: $warn; }
    ConfirmScreen Checklist { margin: 1 1 0 1; }
    """
    topic: ClassVar[str] = "confirm"

    def __init__(self, draft: SessionDraft) -> None:
        super().__init__()
        self._draft = draft
        self._ticked = 0
        self._sent = False
        self._is_known = not draft.continues  # what the client agreed to

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield BigText()
        yield Words(id="who")
        yield Words(id="consent")
        yield Words(id="said")
        if self._draft.mode == "online":
            yield MicrophoneLevels()
        yield Checklist(
            self._statements(),
            more=lambda n: self.texts("confirm-more", n=n),
            ticked=self._ticked,
        )

    def on_mount(self) -> None:
        """Ask for the consent on file, where the draft came without."""
        if not self._is_known:
            self.field.ask(ListClients(), self._take_list)

    def show(self, state: State) -> None:
        """Show whom and under which consent; online, whether both sides are heard."""
        for levels in self.query(MicrophoneLevels):
            levels.show(self.texts, state.microphone, None)
        draft = self._draft
        self.query_one(BigText).say(draft.client)
        mode = self.texts.of("mode", draft.mode)
        who = "confirm-continue" if draft.continues else "confirm-who"
        says = self.texts(
            who,
            client=draft.client,
            number=draft.number,
            wanted=self.field.study.sessions_per_client,
            mode=mode,
        )
        self.query_one("#who", Words).say(says)
        self.query_one("#consent", Words).say(self._consent_says())
        said = self.query_one("#said", Words)
        said.display = self._is_known and not {"eeg", "audio"} <= set(draft.scopes)
        said.say(self.texts("confirm-no-audio" if self._may_record else "confirm-no-eeg"))

    def acts(self) -> dict[str, Act]:
        """Tick, take a tick back, change between in person and online."""
        acts: dict[str, Act] = {"escape": lambda _: self.leave()}
        if self._may_record:
            acts |= {
                "enter": lambda _: self._tick(),
                "backspace": lambda _: self._untick(),
                "f6": lambda _: self.run_worker(self._change_mode()),
            }
        return acts

    def offers(self) -> list[KeyOffer]:
        """Name the keys."""
        acts = self.acts()
        other = "online" if self._draft.mode == "in-person" else "in-person"
        offered = {
            "escape": "key-back",
            "enter": "key-yes",
            "backspace": "key-untick",
            "f6": f"key-mode-{other}",
        }
        return [self.offer(key, says) for key, says in offered.items() if key in acts]

    def on_checklist_done(self) -> None:
        """Begin the fit."""
        if self._sent:
            return
        self._sent = True
        confirmed = [s.id for s in self._statements() if not s.id.startswith("-")]
        self.field.ask(self._draft.prepare(tuple(confirmed)), self._take_answer)

    @property
    def _may_record(self) -> bool:
        """Whether the consent allows it, as far as that is known."""
        return "eeg" in self._draft.scopes or not self._is_known

    def _statements(self) -> list[Statement]:
        """Return what must be confirmed; ids of the screen's own begin with a dash."""
        study, texts = self.field.study, self.texts
        questions = list(study.eligibility) if self._draft.is_new else []
        if self._draft.mode == "online":
            questions += study.online_check
        stands = "confirm-signed" if self._draft.given else "confirm-stands"
        return [
            *(Statement(question.id, texts.pick(question)) for question in questions),
            Statement("-consent", texts(stands)),
            Statement("-room", texts(f"confirm-room-{self._draft.mode}")),
        ]

    def _consent_says(self) -> Content:
        draft, signs = self._draft, glyphs()
        parts: list[tuple[str, str]] = []
        for scope in SCOPES:
            given = scope in draft.scopes
            sign = signs.tick if given else signs.electrode[0]
            says = f"{sign} {self.texts.of('scope-short', scope)}   "
            parts.append((says, "$good" if given else "$hint"))
        day = ".".join(reversed(draft.signed_on.split("-")))
        form = "confirm-form-date" if day else "confirm-form"
        parts.append((self.texts(form, form=draft.form, date=day), "$hint"))
        return Content.assemble(*parts)

    def _tick(self) -> None:
        checklist = self.query_one(Checklist)
        checklist.tick()
        self._ticked = checklist.ticked

    def _untick(self) -> None:
        for checklist in self.query(Checklist):
            checklist.untick()
            self._ticked = checklist.ticked

    async def _change_mode(self) -> None:
        mode: Mode = "online" if self._draft.mode == "in-person" else "in-person"
        self._draft = replace(self._draft, mode=mode)
        self._ticked = 0
        self.field.prefer(msgspec.structs.replace(self.field.preferences, mode=mode))
        await self.change_language()

    def _take_list(self, answer: Answer) -> None:
        if answer.fault is not None:
            self.field.tell(answer.fault)
            return
        self._is_known = True
        known = msgspec.json.decode(answer.ok, type=ClientList)
        for client in known.clients:
            if client.code == self._draft.client:
                on_file = draft_of(client, self._draft.mode)
                self._draft = replace(
                    self._draft,
                    scopes=on_file.scopes,
                    form=on_file.form,
                    signed_on=on_file.signed_on,
                )
        self.draw()

    def _take_answer(self, answer: Answer) -> None:
        self._sent = False
        if answer.fault is not None:
            self._untick()
            self.field.tell(answer.fault)
