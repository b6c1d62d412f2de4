"""Contact in one line: a sign for each electrode, a name for each that is not fine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from recorder.eeg.quality import Verdict
from tui.widgets.glyphs import LOOKS, glyphs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from recorder.protocol.state import Electrode

_NAMED = 3


def contact_says(electrodes: Sequence[Electrode]) -> Content:
    """Return the line."""
    signs = glyphs().electrode
    parts: list[tuple[str, str]] = [
        (signs[each.verdict], LOOKS[each.verdict]) for each in electrodes
    ]
    if all(each.verdict == Verdict.DEAD for each in electrodes):
        return Content.assemble(*parts)
    needy = sorted(
        (each for each in electrodes if each.verdict < Verdict.WARN),
        key=lambda each: each.verdict,
    )
    parts += [(f" {each.label}", f"bold {LOOKS[each.verdict]}") for each in needy[:_NAMED]]
    return Content.assemble(*parts)
