"""What is on its way to the lab, what has arrived, and what to do if it does not go."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.content import Content

from recorder.protocol.replies import Fault
from tui import wording
from tui.screens.base import Act, FieldScreen
from tui.screens.notice import explain
from tui.widgets.banner import Banner
from tui.widgets.glyphs import glyphs
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from recorder.protocol.state import State, Upload
    from tui.widgets.key_bar import KeyOffer


class UploadsScreen(FieldScreen):
    """Numbers, a bar, a sentence."""

    CSS = """
    UploadsScreen .line { padding: 0 2; }
    UploadsScreen #bar { padding: 1 2; }
    UploadsScreen #trouble { padding: 1 2; color: $warn; text-style: bold; }
    UploadsScreen #hint { padding: 1 2; color: $hint; }
    """
    topic: ClassVar[str] = "uploads"

    def __init__(self, *, after_session: bool = False) -> None:
        super().__init__()
        self._after_session = after_session

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Banner()
        yield Words(id="bar")
        for which in ("waiting", "sent", "verified", "receipt"):
            yield Words(id=which, classes="line")
        yield Words(id="trouble")
        yield Words(self.texts("uploads-hint"), id="hint")

    def show(self, state: State) -> None:
        """Show how far it is."""
        upload = state.upload
        stage = "signed" if self._after_session else _stage(upload)
        self.query_one(Banner).show(
            "-go" if stage in ("signed", "all") else "-idle",
            big=self.texts(f"uploads-{stage}-big"),
            small=self.texts.of("uploads-phase", self._phase(upload)),
        )
        self.query_one("#bar", Words).say(self._bar(upload))
        for which, n in (
            ("waiting", upload.waiting),
            ("sent", upload.sent),
            ("verified", upload.verified),
        ):
            says = self.texts(f"uploads-{which}", n=n)
            self.query_one(f"#{which}", Words).say(says)
        self.query_one("#receipt", Words).say(self._receipt(upload))
        trouble = self.query_one("#trouble", Words)
        trouble.display = bool(upload.trouble)
        if upload.trouble:
            fault = Fault(upload.trouble_code, upload.trouble)
            trouble.say(explain(self.texts, fault))

    def acts(self) -> dict[str, Act]:
        """Close it."""
        return dict.fromkeys(("escape", "enter"), lambda _: self.leave())

    def offers(self) -> list[KeyOffer]:
        """Name the key."""
        return [self.offer("escape", "key-home")]

    def _phase(self, upload: Upload) -> str:
        sham = upload.phase == "off" and self.field.simulated
        return "rehearsal" if sham else upload.phase

    def _bar(self, upload: Upload) -> Content:
        if upload.percent is None:
            return Content("")
        signs = glyphs()
        width = max(10, self.size.width - 44)
        full = round(width * min(100.0, upload.percent) / 100)
        left = ""
        if upload.left_s is not None:
            length = wording.length(self.texts, upload.left_s / 60)
            left = self.texts("uploads-left", length=length)
        return Content.assemble(
            (signs.full * full, "$good"),
            (signs.empty * (width - full), "$hint"),
            f" {self.texts('percent', n=round(upload.percent))}  {left}",
        )

    def _receipt(self, upload: Upload) -> str:
        if upload.last_verified_wall_ns is None:
            return self.texts("uploads-receipt-none")
        when = wording.moment(self.texts, upload.last_verified_wall_ns)
        return self.texts("uploads-receipt-last", when=when)


def _stage(upload: Upload) -> str:
    if upload.waiting or upload.sent:
        return "some"
    return "all" if upload.verified else "none"
