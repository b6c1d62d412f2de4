"""Read Praat's TextGrid, long and short: each tier of intervals is a speaker's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lab.transcripts.cues import Cue, plain
from recorder.errors import TranscriptError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Both forms are the same sequence of quoted strings, numbers and flags; the long form puts
# words around them that mean nothing by themselves.
_TOKEN = re.compile(
    r'"((?:[^"]|"")*)"|(?<![\w.\[])(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w\]])'
)


def read_textgrid(text: str, path: str) -> list[Cue]:
    """Return every labelled interval; TranscriptError for what Praat did not write."""
    tokens = _tokens(text.lstrip("\ufeff"))
    try:
        if [next(tokens), next(tokens)] != ["ooTextFile", "TextGrid"]:
            raise TranscriptError(f"{path} is no TextGrid")
        next(tokens), next(tokens)  # the grid's own beginning and end
        n_tiers = int(float(next(tokens)))
        cues = [cue for _ in range(n_tiers) for cue in _tier(tokens)]
    except (StopIteration, RuntimeError, ValueError) as error:
        raise TranscriptError(f"{path} ends early or is no TextGrid") from error
    return sorted(cues, key=lambda cue: cue.start_s or 0.0)


def _tokens(text: str) -> Iterator[str]:
    for match in _TOKEN.finditer(text):
        yield match[1].replace('""', '"') if match[1] is not None else match[2]


def _tier(tokens: Iterator[str]) -> list[Cue]:
    kind, name = next(tokens), next(tokens)
    next(tokens), next(tokens)
    n_items = int(float(next(tokens)))
    cues = []
    for _ in range(n_items):
        start_s = float(next(tokens))
        end_s = float(next(tokens)) if kind == "IntervalTier" else start_s
        said = plain(next(tokens))
        if said and kind == "IntervalTier":
            cues.append(Cue(said, start_s, end_s, name))
    return cues
