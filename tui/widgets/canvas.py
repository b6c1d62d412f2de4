"""Lines drawn with the dots of braille, two by four a cell; else with half blocks."""

from __future__ import annotations

import math

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # by row, then column
_BRAILLE = 0x2800
_TOP = 0x01 | 0x08 | 0x02 | 0x10
COLUMNS = 2
ROWS = 4


class Canvas:
    """``width`` by ``height`` cells, all empty at first."""

    def __init__(self, width: int, height: int, *, braille: bool) -> None:
        self.width = width
        self.height = height
        self._braille = braille
        self._cells = [[0] * width for _ in range(height)]

    def dot(self, x: float, y: float) -> None:
        """Set the dot at column ``x`` and row ``y``; nothing outside."""
        column, row = round(x), round(y)
        if 0 <= column < self.width * COLUMNS and 0 <= row < self.height * ROWS:
            bit = _DOTS[row % ROWS][column % COLUMNS]
            self._cells[row // ROWS][column // COLUMNS] |= bit

    def line(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Set the dots from one point to another."""
        steps = max(1, math.ceil(max(abs(x1 - x0), abs(y1 - y0))))
        for step in range(steps + 1):
            share = step / steps
            self.dot(x0 + share * (x1 - x0), y0 + share * (y1 - y0))

    def ellipse(self, x: float, y: float, radius_x: float, radius_y: float) -> None:
        """Set the dots of an ellipse's outline."""
        n = max(8, round(4 * (radius_x + radius_y)))
        for step in range(n):
            angle = 2 * math.pi * step / n
            self.dot(x + radius_x * math.sin(angle), y + radius_y * math.cos(angle))

    def rows(self) -> list[str]:
        """Return the rows of cells."""
        glyph = self._in_braille if self._braille else self._in_halves
        return ["".join(map(glyph, row)) for row in self._cells]

    @staticmethod
    def _in_braille(bits: int) -> str:
        return chr(_BRAILLE + bits) if bits else " "

    @staticmethod
    def _in_halves(bits: int) -> str:
        above, below = bool(bits & _TOP), bool(bits & ~_TOP)
        return " ▄▀█"[2 * above + below]
