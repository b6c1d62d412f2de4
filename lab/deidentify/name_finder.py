"""The one door to natasha's weights: finds persons, places and organisations in Russian.

Only its weights are used, run by slovnet: natasha itself would load much that is not needed
here. It knows names by their capitals and was taught on news.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lab.deidentify.morphology import missing_extra

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.deidentify.kinds import Kind

_KINDS: Final[Mapping[str, Kind]] = {"PER": "name", "LOC": "city", "ORG": "org"}


def find_names(texts: Sequence[str]) -> list[list[tuple[int, int, Kind]]]:
    """Return start, end and kind of every name found in each text."""
    finder = _finder()
    return [
        [(span.start, span.stop, _KINDS[span.type]) for span in marked.spans]
        for marked in finder.map(texts)
    ]


@functools.cache
def common_words() -> dict[str, int]:
    """Return how often each of the 250 000 commonest Russian words stands in news."""
    vocabulary = _vectors().vocab
    counts = (int(count) for count in vocabulary.counts)
    return dict(zip(vocabulary.words, counts, strict=False))


def first_names() -> frozenset[str]:
    """Return natasha's list of first names and pet names, in lower case."""
    text = (_folder() / "dict" / "first.txt").read_text("utf-8")
    return frozenset(line.partition("#")[0].strip() for line in text.splitlines())


@functools.cache
def _finder() -> Any:  # noqa: ANN401 - slovnet has no types
    try:
        from slovnet import NER  # noqa: PLC0415 - an extra of its own
    except ImportError as error:
        raise missing_extra("slovnet") from error
    finder = NER.load(str(_folder() / "model" / "slovnet_ner_news_v1.tar"))
    finder.navec(_vectors())
    return finder


@functools.cache
def _vectors() -> Any:  # noqa: ANN401 - navec has no types
    try:
        from navec import Navec  # noqa: PLC0415 - an extra of its own
    except ImportError as error:
        raise missing_extra("navec") from error
    return Navec.load(str(_folder() / "emb" / "navec_news_v1_1B_250K_300d_100q.tar"))


def _folder() -> Path:
    found = importlib.util.find_spec("natasha")
    if found is None or not found.submodule_search_locations:
        raise missing_extra("natasha")
    return Path(found.submodule_search_locations[0]) / "data"
