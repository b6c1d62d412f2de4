"""The newest marks: when, what, and whether each is on the medium yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from recorder.clock import NS_PER_S
from tui import wording
from tui.widgets.glyphs import glyphs
from tui.widgets.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable

    from recorder.format.codebook import Codebook
    from recorder.protocol.state import Session
    from tui.marking import Echo, Marking
    from tui.texts import Texts

Part = str | tuple[str, str]


class MarkList(Words):
    """As many as there is room for, the newest at the bottom."""

    DEFAULT_CSS = "MarkList { height: 1fr; width: 1fr; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[Content] = []

    def show(
        self,
        texts: Texts,
        codebook: Codebook,
        marking: Marking,
        session: Session,
        now_ns: int,
    ) -> None:
        """Show the marks of ``session`` and those still on their way."""
        lines: list[tuple[int | None, Content]] = []
        start_ns = now_ns - round(session.elapsed_s * NS_PER_S)

        def when(key_ns: int) -> str:
            return wording.clock((key_ns - start_ns) / NS_PER_S)

        for each in marking.own(session.marks):
            name = mark_says(texts, codebook, each.id, each.act, each.value)
            look = "strike $hint" if each.undone else ""
            at_ns, back_s = _moment(each.act, each.key_ns, each.back_s)
            back = texts("mark-back", n=round(back_s)) if back_s >= 1 else ""
            said = texts("mark-undone") if each.undone else back
            tick = "" if each.undone else glyphs().tick
            line = Content.assemble(
                (f"{when(at_ns):>8} ", "$hint"),
                (f"{tick} " if tick else "  ", "$good"),
                (name, look),
                (f"  {said}", "$hint"),
            )
            lines.append((each.n, line))
        lines += [(echo.n, _echo(texts, codebook, echo, when)) for echo in marking.echoes]
        undoable = marking.undoable(session.marks, now_ns)
        hint = (f"   {texts('mark-undo-hint')}", "$hint")
        self._lines = [
            Content.assemble(line, hint) if undoable and n == undoable[0] else line
            for n, line in lines
        ] or [Content.styled(texts("marks-none"), "$hint")]
        self.on_resize()

    def on_resize(self) -> None:
        """Show as many as there is room for now."""
        room = max(1, self.content_size.height)
        self.say(Content("\n").join(self._lines[-room:]))


def mark_says(
    texts: Texts,
    codebook: Codebook,
    mark_id: str,
    act: str,
    value: float | str | None,
) -> str:
    """Return a mark in words."""
    says = texts.pick(codebook.get(mark_id))
    if act == "on":
        return texts("mark-on", mark=says)
    if act == "off":
        strength = "" if value is None else f" {value}"
        return texts("mark-off", mark=says) + strength
    return says if value is None else f"{says}: {value}"


def _moment(act: str, key_ns: int, back_s: float) -> tuple[int, float]:
    """Return the host time to show, and how much earlier to say that it was.

    A value's answer takes time that nobody cares about: its moment is shown itself.
    """
    if act == "value":
        return key_ns - round(back_s * NS_PER_S), 0.0
    return key_ns, back_s


def _echo(
    texts: Texts, codebook: Codebook, echo: Echo, when: Callable[[int], str]
) -> Content:
    call, signs = echo.call, glyphs()
    name = mark_says(texts, codebook, call.id, call.act, call.value)
    at_ns, _ = _moment(call.act, call.key_ns, call.back_s)
    moment = (f"{when(at_ns):>8} ", "$hint")
    if echo.refused:
        sign, look = signs.electrode[0], "bold $dead"
        return Content.assemble(moment, (f"{sign} {name}  {echo.refused}", look))
    sign = signs.tick if echo.saved else signs.idle
    return Content.assemble(moment, (f"{sign} ", "$good" if echo.saved else "$warn"), name)
