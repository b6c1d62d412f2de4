"""A terminal's cells as an SVG picture that looks the same everywhere.

Blocks and braille are drawn as shapes, as terminals draw them, so that no font leaves
gaps between them; text is set cell by cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.style import Style
    from textual.strip import Strip

_WIDE, _HIGH = 10, 20
_FONT = "DejaVu Sans Mono, Menlo, Consolas, monospace"
_EM = 16.6  # at which a cell of the font is 10 wide
_BASE = 15
_FG, _BG = "#e9eef2", "#0c1115"
_HALVES = {"█": (0, 20), "▀": (0, 10), "▄": (10, 10)}
_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


@dataclass(frozen=True, slots=True)
class _Look:
    fg: str
    bg: str
    bold: bool
    strike: bool


def draw_svg(strips: Sequence[Strip], *, title: str) -> str:
    """Return the picture of ``strips``, row by row."""
    width = max(strip.cell_length for strip in strips) * _WIDE
    height = len(strips) * _HIGH
    shapes = [shape for row, strip in enumerate(strips) for shape in _row(row, strip)]
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
                f' font-family="{_FONT}" font-size="{_EM}" xml:space="preserve">'
            ),
            f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="{height}" fill="{_BG}"/>',
            *shapes,
            "</svg>\n",
        ]
    )


def _row(row: int, strip: Strip) -> Iterable[str]:
    column = 0
    backgrounds: list[str] = []
    marks: list[str] = []
    for segment in strip:
        text, look = segment.text, _look(segment.style)
        x, y = column * _WIDE, row * _HIGH
        if look.bg != _BG:
            wide = len(text) * _WIDE
            backgrounds.append(
                f'<rect x="{x}" y="{y}" width="{wide}" height="{_HIGH}" fill="{look.bg}"/>'
            )
        marks += _marks(text, look, column, y)
        column += len(text)
    return [*backgrounds, *marks]


def _marks(text: str, look: _Look, column: int, y: int) -> Iterable[str]:
    path = "".join(
        _shape(character, (column + n) * _WIDE, y) for n, character in enumerate(text)
    )
    if path:
        yield f'<path fill="{look.fg}" d="{path}"/>'
    plain = "".join(" " if _is_shape(character) else character for character in text)
    start = 0
    for word in plain.split("  "):
        said = word.strip()
        if said:
            x = (column + start + len(word) - len(word.lstrip())) * _WIDE
            yield _text(said, look, x, y)
        start += len(word) + 2
    if "░" in text:
        n, first = text.count("░"), text.index("░")
        x = (column + first) * _WIDE
        yield (
            f'<rect x="{x}" y="{y}" width="{n * _WIDE}" height="{_HIGH}"'
            f' fill="{look.fg}" opacity=".3"/>'
        )


def _text(said: str, look: _Look, x: int, y: int) -> str:
    bold = ' font-weight="bold"' if look.bold else ""
    strike = ' text-decoration="line-through"' if look.strike else ""
    return (
        f'<text x="{x}" y="{y + _BASE}" textLength="{len(said) * _WIDE}"'
        f' fill="{look.fg}"{bold}{strike}>{escape(said)}</text>'
    )


def _is_shape(character: str) -> bool:
    braille = _BRAILLE <= ord(character) < _BRAILLE + 256
    return character in _HALVES or character == "░" or braille


def _shape(character: str, x: int, y: int) -> str:
    if character in _HALVES:
        top, high = _HALVES[character]
        return f"M{x} {y + top}h{_WIDE}v{high}h-{_WIDE}z"
    bits = ord(character) - _BRAILLE
    if not 0 <= bits < 256:  # noqa: PLR2004 - eight dots
        return ""
    return "".join(
        f"M{x + 1 + 5 * column} {y + 1 + 5 * line}h3v3h-3z"
        for line, pair in enumerate(_DOTS)
        for column, bit in enumerate(pair)
        if bits & bit
    )


def _look(style: Style | None) -> _Look:
    if style is None:
        return _Look(_FG, _BG, bold=False, strike=False)
    fg = style.color.get_truecolor().hex if style.color else _FG
    bg = style.bgcolor.get_truecolor().hex if style.bgcolor else _BG
    if style.reverse:
        fg, bg = bg, fg
    return _Look(fg, bg, bold=bool(style.bold), strike=bool(style.strike))
