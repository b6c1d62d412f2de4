"""Letters three metres tall: capitals drawn from half blocks, five by seven dots each.

A terminal's cell is about twice as high as wide, so half a cell is a square dot. The dots
of each letter stand in ``letters.txt``.
"""

from __future__ import annotations

import functools
from importlib import resources

_ROWS = 7
_SPACE = 3
_HALVES = {
    (False, False): " ",
    (True, False): "▀",
    (False, True): "▄",
    (True, True): "█",
}


@functools.cache
def _letters() -> dict[str, tuple[str, ...]]:
    path = resources.files("tui.widgets").joinpath("letters.txt")
    lines = path.read_text("utf-8").splitlines()
    return {line[0]: tuple(line[2:].split(" ")) for line in lines if line}


def can_write(text: str) -> bool:
    """Tell whether every character of ``text`` can be drawn."""
    return all(character == " " or character in _letters() for character in text.upper())


def width_of(text: str, scale: int = 1) -> int:
    """Return the cells a line of ``text`` needs."""
    return scale * len(_dots(text)[0])


def height_of(n_lines: int, scale: int = 1) -> int:
    """Return the rows ``n_lines`` need, one dot between them."""
    return -(-scale * (n_lines * (_ROWS + 1) - 1) // 2)


def draw(lines: tuple[str, ...], scale: int = 1) -> list[str]:
    """Return the rows of cells that show ``lines``, each centred."""
    dots: list[str] = []
    width = max(len(_dots(line)[0]) for line in lines)
    for line in lines:
        if dots:
            dots.append("." * width)
        dots += [row.center(width, ".") for row in _dots(line)]
    wide = ["".join(dot * scale for dot in row) for row in dots for _ in range(scale)]
    if len(wide) % 2:
        wide.append("." * len(wide[0]))
    return [
        "".join(
            _HALVES[above == "#", below == "#"] for above, below in zip(*pair, strict=True)
        )
        for pair in zip(wide[::2], wide[1::2], strict=True)
    ]


@functools.lru_cache(maxsize=64)
def _dots(text: str) -> tuple[str, ...]:
    """Return the seven rows of dots of one line."""
    glyphs = [
        ("." * _SPACE,) * _ROWS if character == " " else _letters()[character]
        for character in text.upper()
    ]
    return tuple(".".join(glyph[row] for glyph in glyphs) for row in range(_ROWS))
