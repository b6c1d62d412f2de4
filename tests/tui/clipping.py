"""Finds words that should stand on the glass and do not: cut off, covered, or outside.

Every text says what it means to show; what is really drawn in its place is read off the
screen's own cells, so it does not matter what cut it off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recorder.eeg.quality import Verdict
from tui.widgets import letters
from tui.widgets.big_text import BigText
from tui.widgets.head import HeadPicture
from tui.widgets.words import Words

if TYPE_CHECKING:
    from textual.screen import Screen
    from textual.strip import Strip
    from textual.widget import Widget


def clipped(screen: Screen[object]) -> list[str]:
    """Return what is missing on ``screen``, a line for each widget."""
    strips = screen._compositor.render_strips()
    missing = [_words_missing(screen, each, strips) for each in screen.query(Words)]
    missing += [_big_missing(each) for each in screen.query(BigText)]
    missing += [_labels_missing(each, strips) for each in screen.query(HeadPicture)]
    return [line for line in missing if line]


def _is_shown(widget: Widget) -> bool:
    return all(each.display and each.visible for each in widget.ancestors_with_self)


def _words_missing(screen: Screen[object], widget: Words, strips: list[Strip]) -> str:
    meant = _letters_of(widget.said.plain)
    if not meant or not _is_shown(widget):
        return ""
    drawn = _letters_of(_cells(screen, widget, strips))
    return "" if meant == drawn else f"{_name(widget)}: {meant!r} is {drawn!r}"


def _big_missing(widget: BigText) -> str:
    if not _is_shown(widget) or not letters.can_write(widget.text):
        return ""
    size = widget.content_size
    lines = widget.text.split()
    wide = min(
        letters.width_of(widget.text),
        max(letters.width_of(line) for line in lines) if size.height > 7 else 999,
    )
    fits = wide <= size.width and letters.height_of(1) <= size.height
    return "" if fits else f"{_name(widget)}: {widget.text!r} does not fit {size}"


def _labels_missing(widget: HeadPicture, strips: list[Strip]) -> str:
    """Return which electrodes that need help are not named on the head."""
    drawn = _cells(widget.screen, widget, strips)
    needy = [each.label for each in widget.electrodes if each.verdict < Verdict.GOOD]
    gone = [label for label in needy if label not in drawn]
    return f"{_name(widget)}: {gone} are not on the head" if gone else ""


def _cells(screen: Screen[object], widget: Widget, strips: list[Strip]) -> str:
    """Return what is drawn where ``widget`` is."""
    found = screen._compositor.visible_widgets.get(widget)
    if found is None:
        return ""
    region, clip = found
    seen = region.shrink(widget.styles.gutter).intersection(clip)
    rows = strips[seen.y : seen.bottom]
    return "\n".join(row.crop(seen.x, seen.right).text for row in rows)


def _letters_of(text: str) -> str:
    return "".join(text.split())


def _name(widget: Widget) -> str:
    return f"{type(widget.screen).__name__} {type(widget).__name__}#{widget.id}"
