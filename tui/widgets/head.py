"""The head from above, nose up: each electrode in its place, in colour and as a sign.

Labels go where they cover nothing, those that need help first. Where there is no room for
all, labels of good electrodes are left out; the waves beside the picture name them too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widget import Widget

from tui.widgets.canvas import COLUMNS, ROWS, Canvas
from tui.widgets.glyphs import LOOKS, glyphs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual.geometry import Size

    from recorder.protocol.state import Electrode

_REACH = 0.94  # of the head's outline: an electrode at its very edge stays inside
_MIDDLE = 0.6
_SMALLEST = 6

Cells = list[list[tuple[str, str]]]
Place = tuple[int, int]


class HeadPicture(Widget):
    """Electrodes of the headset in use."""

    DEFAULT_CSS = "HeadPicture { width: 1fr; height: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.electrodes: tuple[Electrode, ...] = ()

    def show(self, electrodes: Sequence[Electrode]) -> None:
        """Show ``electrodes`` from now on."""
        if tuple(electrodes) != self.electrodes:
            self.electrodes = tuple(electrodes)
            self.refresh()

    def render(self) -> Content:
        """Return the picture."""
        return draw_head(self.electrodes, self.content_size)


def draw_head(electrodes: Sequence[Electrode], size: Size) -> Content:
    """Return the picture as large as ``size`` allows."""
    if min(size) < _SMALLEST:
        return Content("")
    signs = glyphs()
    outline = _outline(size, braille=signs.braille)
    cells: Cells = [[(character, "$hint") for character in row] for row in outline]
    placed = [(each, _place(each, size)) for each in electrodes]
    taken = {place for _, place in placed}
    for each, (row, column) in placed:
        sign, look = signs.electrode[each.verdict], f"bold {LOOKS[each.verdict]}"
        cells[row][column] = (sign, look)
    for each, place in sorted(placed, key=lambda entry: entry[0].verdict):
        _put_label(cells, each, place, taken)
    lines = [Content.assemble(*row) for row in cells]
    return Content("\n").join(lines)


def _head(size: Size) -> tuple[float, float, float, float]:
    """Return the head's centre and radii in cells: about as round as cells are."""
    radius_y = (size.height - 2) / 2
    radius_x = min(2.4 * radius_y, (size.width - 5) / 2)
    radius_y = min(radius_y, radius_x / 1.8)
    return (size.width - 1) / 2, (size.height - 1) / 2 + 0.5, radius_x, radius_y


def _place(electrode: Electrode, size: Size) -> Place:
    """Return row and column of an electrode."""
    x, y, radius_x, radius_y = _head(size)
    row = round(y - electrode.y * radius_y * _REACH)
    column = round(x + electrode.x * radius_x * _REACH)
    return max(0, min(row, size.height - 1)), max(0, min(column, size.width - 1))


def _put_label(cells: Cells, electrode: Electrode, place: Place, taken: set[Place]) -> None:
    look = LOOKS[electrode.verdict]
    for row, column in _beside(electrode, place):
        wanted = {(row, column + n) for n in range(len(electrode.label))}
        around = {(row, column - 1), (row, column + len(electrode.label))} - {place}
        inside = 0 <= row < len(cells) and column >= 0
        free = not (wanted | around) & taken
        if inside and max(wanted)[1] < len(cells[0]) and free:
            for (_, at), character in zip(sorted(wanted), electrode.label, strict=True):
                cells[row][at] = (character, look)
            taken |= wanted
            return


def _beside(electrode: Electrode, place: Place) -> Iterator[Place]:
    """Yield where the label may begin, the best place first."""
    row, column = place
    n = len(electrode.label)
    # Away from the middle near the middle, towards it at the rim.
    is_left = (electrode.x < 0) == (abs(electrode.x) < _MIDDLE)
    left, right = (row, column - n), (row, column + 1)
    yield from (left, right) if is_left else (right, left)
    middle = column - n // 2
    for other in (row - 1, row + 1):
        yield from ((other, middle), (other, column), (other, column - n + 1))


def _outline(size: Size, *, braille: bool) -> list[str]:
    canvas = Canvas(size.width, size.height, braille=braille)
    x, y, radius_x, radius_y = _head(size)
    x, radius_x = (x + 0.5) * COLUMNS, radius_x * COLUMNS
    y, radius_y = (y + 0.5) * ROWS, radius_y * ROWS
    canvas.ellipse(x, y, radius_x, radius_y)
    nose, tip = radius_x / 8, y - radius_y - ROWS
    canvas.line(x - nose, y - radius_y + 1, x, tip)
    canvas.line(x, tip, x + nose, y - radius_y + 1)
    for side in (-1, 1):
        canvas.ellipse(x + side * (radius_x + COLUMNS), y, COLUMNS, radius_y / 6)
    return canvas.rows()
