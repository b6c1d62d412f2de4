"""How much of what identifies somebody is proposed to be taken out, on a labelled set.

The set is our own: sentences of therapy with invented people, ``{kind|text}`` around what
identifies. One half was tuned on, the other kept apart: its errors were never looked at.
Later ones were written by somebody else when the rules were done, and never tuned on. The
lower-case form is what many recognisers write: no capitals, no punctuation.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.deidentify.name_finder import find_names
from lab.deidentify.propose import propose
from lab.deidentify.tokens import tokens_of
from scripts.benchmarks.figures import Figure, Result

if TYPE_CHECKING:
    from collections.abc import Sequence

_SET = Path(__file__).parent / "deidentify_set"
_LABEL = re.compile(r"\{(\w+)\|([^{}]*)\}")
_PUNCTUATION = '.,!?…:;«»"—–'
_LANGUAGES = ("ru", "en")
_LEAST_CASED, _LEAST_LOWER, _LEAST_PRECISION = 0.97, 0.85, 0.85


@dataclass(frozen=True, slots=True)
class Example:
    """A sentence, and start, end and kind of all that identifies somebody in it."""

    text: str
    labels: tuple[tuple[int, int, str], ...]


@dataclass(frozen=True, slots=True)
class Score:
    """How many labels were covered wholly, how many masked words were labelled; by kind.

    Labels go by their own kind, words by the kind that they were masked as.
    """

    found: Counter[str]
    labelled: Counter[str]
    words_right: Counter[str]
    words_masked: Counter[str]

    @property
    def recall(self) -> float:
        """Share of what identifies somebody that is covered to its last letter."""
        return self.found.total() / max(1, self.labelled.total())

    @property
    def precision(self) -> float:
        """Share of masked words that identify somebody."""
        return self.words_right.total() / max(1, self.words_masked.total())

    def plus(self, other: Score) -> Score:
        """Return both together."""
        return Score(
            self.found + other.found,
            self.labelled + other.labelled,
            self.words_right + other.words_right,
            self.words_masked + other.words_masked,
        )


def labelled(language: str, half: str) -> list[Example]:
    """Return the sentences of one part: ``tuned``, ``kept`` or ``later``."""
    lines = (_SET / f"{language}_{half}.txt").read_text("utf-8").splitlines()
    return [_example(line) for line in lines if line.strip()]


def lowered(example: Example) -> Example:
    """Return a sentence as a recogniser without capitals and punctuation writes it."""
    text = example.text
    kept = [n for n, c in enumerate(text) if c not in _PUNCTUATION or _is_inside(text, n)]
    place = {old: new for new, old in enumerate(kept)}
    labels = []
    for start, end, kind in example.labels:
        inside = [place[n] for n in range(start, end) if n in place]
        labels.append((inside[0], inside[-1] + 1, kind))
    return Example("".join(text[n].lower() for n in kept), tuple(labels))


def score(examples: Sequence[Example], language: str) -> Score:
    """Propose for each sentence and compare with its labels."""
    proposed = propose([example.text for example in examples], language)
    spans = [[(hit.start, hit.end, hit.kind) for hit in hits] for hits in proposed]
    return score_spans(examples, spans)


def score_spans(
    examples: Sequence[Example], spans: Sequence[Sequence[tuple[int, int, str]]]
) -> Score:
    """Compare what is masked in each sentence with its labels."""
    found: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    right: Counter[str] = Counter()
    masked: Counter[str] = Counter()
    for example, some in zip(examples, spans, strict=True):
        covered = {n: kind for start, end, kind in some for n in range(start, end)}
        for start, end, kind in example.labels:
            letters = [n for n in range(start, end) if example.text[n].isalnum()]
            labels[kind] += 1
            found[kind] += all(n in covered for n in letters)
        for token in tokens_of(example.text):
            kind = covered.get(token.start, "")
            if kind:
                masked[kind] += 1
                right[kind] += any(
                    token.start < end and start < token.end
                    for start, end, _ in example.labels
                )
    return Score(found, labels, right, masked)


def run() -> Result:
    """Measure each part, cased and lower-case; the kept half is what is promised."""
    figures = []
    details: dict[str, object] = {}
    for half in ("kept", "later", "tuned"):
        for lower in (False, True):
            scores = {}
            for language in _LANGUAGES:
                examples = labelled(language, half)
                examples = [lowered(one) for one in examples] if lower else examples
                scores[language] = score(examples, language)
            whole = scores["ru"].plus(scores["en"])
            case = "lower-case" if lower else "cased"
            details[f"{half}, {case}"] = {
                language: _by_kind(one) for language, one in scores.items()
            }
            figures += _figures(half, case, whole, scores, promised=half == "kept")
    figures += _peer()
    return Result("deidentify", tuple(figures), details)


def _figures(
    half: str, case: str, whole: Score, scores: dict[str, Score], *, promised: bool
) -> list[Figure]:
    least = _LEAST_CASED if case == "cased" else _LEAST_LOWER
    name = f"{half} {'ones' if half == 'later' else 'half'}, {case}"
    by_kind = _kind_figures(name, whole) if promised else []
    return [
        Figure(f"{name}: recall", whole.recall, "", at_least=least if promised else None),
        Figure(
            f"{name}: precision (words)",
            whole.precision,
            "",
            at_least=_LEAST_PRECISION if promised else None,
        ),
        *(
            Figure(f"{name}: recall {language}", one.recall, "")
            for language, one in scores.items()
        ),
        *by_kind,
    ]


def _kind_figures(name: str, whole: Score) -> list[Figure]:
    figures = []
    for kind, n in sorted(whole.labelled.items()):
        recall = whole.found[kind] / n
        precision = whole.words_right[kind] / max(1, whole.words_masked[kind])
        figures += [
            Figure(f"{name}: {kind}, recall of {n}", recall, ""),
            Figure(
                f"{name}: {kind}, precision of {whole.words_masked[kind]}", precision, ""
            ),
        ]
    return figures


def _peer() -> list[Figure]:
    """Measure natasha's name finder alone beside us: what most would take."""
    figures = []
    for lower in (False, True):
        examples = labelled("ru", "kept")
        examples = [lowered(one) for one in examples] if lower else examples
        alone = find_names([one.text for one in examples])
        peer = score_spans(examples, alone)
        case = "lower-case" if lower else "cased"
        figures.append(
            Figure(
                f"kept half, ru {case}: recall beside the finder alone",
                score(examples, "ru").recall,
                "",
                peer=peer.recall,
                peer_name="natasha NER",
            )
        )
    return figures


def _by_kind(one: Score) -> dict[str, str]:
    words = f"{one.words_right.total()}/{one.words_masked.total()} words right"
    found = {kind: f"{one.found[kind]}/{n}" for kind, n in sorted(one.labelled.items())}
    return {**found, "masked": words}


def _example(line: str) -> Example:
    text, labels, at = "", [], 0
    for match in _LABEL.finditer(line):
        text += line[at : match.start()]
        labels.append((len(text), len(text) + len(match[2]), match[1]))
        text += match[2]
        at = match.end()
    return Example(text + line[at:], tuple(labels))


def _is_inside(text: str, n: int) -> bool:
    """Tell whether a sign stands within a word or number, where nobody leaves it away."""
    before, after = text[n - 1 : n], text[n + 1 : n + 2]
    return bool(before.strip() and after.strip()) and after not in _PUNCTUATION
