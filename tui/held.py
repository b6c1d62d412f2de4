"""A key that is held, and so repeats, apart from one that is pressed again.

A terminal tells of no release: a held key is one press after the other, the second up to
0.6 s after the first, further ones at least ten a second.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.events import Key

FIRST_GAP_S = 0.7  # longer than any keyboard waits before it repeats
NEXT_GAP_S = 0.1  # longer than from one repeat to the next, shorter than any two presses


class HeldKey:
    """Remembers when a key came last. Belongs to whoever acts on keys."""

    def __init__(self) -> None:
        self._key = ""
        self._at_s = 0.0

    def gap_s(self, event: Key) -> float:
        """Return how long ago the same key came before ``event``."""
        gap_s = event.time - self._at_s if event.key == self._key else math.inf
        self._key, self._at_s = event.key, event.time
        return gap_s
