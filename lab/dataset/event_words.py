"""What the events of the dataset mean: descriptions and HED strings for ``events.json``.

Marks take theirs from the codebook they were made with; what the recorder and the lab
make themselves is described here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.dataset.time_base import Why
    from recorder.format.codebook import Codebook, Mark

HED_VERSION: Final = "8.3.0"
_CLIENT = "(Human-agent, Experiment-participant)"
_THERAPIST = "(Human-agent, Experimenter)"
# What the recorder writes for itself; the lab tells the same as stretches of samples.
RECORDERS_OWN: Final = frozenset({"pause", "resume", "erase", "redact", "headset"})


@dataclass(frozen=True, slots=True)
class Word:
    """One kind of event the lab makes."""

    meaning: str
    hed: str


BAD: Final[Mapping[Why, Word]] = {
    "lost": Word(
        "Samples that are lost; the values repeat the last measured one",
        "Data-feature, Data-break-marker, Label/Lost",
    ),
    "paused": Word(
        "The client or the therapist paused: nothing was recorded; the values are no EEG",
        "Experiment-control, Pause, Data-break-marker",
    ),
    "erased": Word(
        "Erased at once on the client's wish; the values are no EEG",
        "Data-feature, Data-break-marker, Label/Redacted",
    ),
    "disconnected": Word(
        "The headset's link was away; the values are no EEG",
        "Data-feature, Data-break-marker, Label/Disconnected",
    ),
    "padding": Word(
        "Behind the end, to fill the file's last record; the values are no EEG",
        "Data-feature, Data-break-marker, Label/Padding",
    ),
}
SPEECH: Final[Mapping[str, Word]] = {
    "speech_client": Word(
        "The client speaks, judged by which microphone was louder",
        f"Agent-action, ({_CLIENT}, Speak)",
    ),
    "speech_therapist": Word(
        "The therapist speaks, judged by which microphone was louder",
        f"Agent-action, ({_THERAPIST}, Speak)",
    ),
    "speech_someone": Word(
        "Somebody speaks; one microphone can't tell who",
        "Agent-action, (Human-agent, Speak)",
    ),
}
SAID: Final = Word(
    "What somebody said, as the reviewed transcript has it; see speaker and text",
    "(Agent-action, (Human-agent, Speak), Label/Transcribed)",
)
# Only a restricted tree has these columns.
WORD_COLUMNS: Final = ("speaker", "text")
SOUND_LOST: Final = Word(
    "No sound was recorded although EEG was; speech in it is unknown",
    "Data-feature, Data-break-marker, Label/Sound-lost",
)


_WITH_VALUE: Final = "Label/Mark-with-value"


def machine_words() -> dict[str, Word]:
    """Return every event of the lab's own making by its ``trial_type``."""
    return {
        **{f"bad_{why}": word for why, word in BAD.items()},
        **SPEECH,
        "sound_lost": SOUND_LOST,
        "said": SAID,
    }


def published_marks(codebook: Codebook, *, restricted: bool) -> dict[str, Mark]:
    """Return the marks that an open or a restricted tree may hold, by id."""
    return {
        mark.id: mark
        for mark in codebook.mark
        if mark.id not in RECORDERS_OWN and (restricted or not mark.restricted)
    }


def value_columns(marks: Mapping[str, Mark]) -> tuple[str, ...]:
    """Return the marks that have a column of their own: HED puts their value in."""
    return tuple(mark.id for mark in marks.values() if mark.kind == "value")


def events_description(
    marks: Mapping[str, Mark], *, words_said: bool = False
) -> dict[str, object]:
    """Return ``events.json`` for a tree that holds ``marks``, and words if they do."""
    words = machine_words()
    if not words_said:
        del words["said"]
    levels = {mark.id: mark.en for mark in marks.values()}
    levels |= {name: word.meaning for name, word in words.items()}
    # Where the value stands in the annotation, the value's own column has it.
    hed = {m.id: _WITH_VALUE if "#" in m.hed else m.hed for m in marks.values()}
    hed |= {name: word.hed for name, word in words.items()}
    columns: dict[str, object] = {
        "onset": {
            "Description": "Seconds of EEG time: sample number by SamplingFrequency",
            "Units": "s",
        },
        "duration": {"Description": "Seconds of EEG time; 0 for a moment", "Units": "s"},
        "trial_type": {
            "Description": "What happened",
            "Levels": levels,
            "HED": hed,
        },
        "onset_uncertainty": {
            "Description": "Standard uncertainty of the onset: of the person or the rule"
            " that set it, and of the EEG's clock",
            "Units": "s",
        },
        "source": {
            "Description": "Who says so",
            "Levels": {
                "key": "The therapist pressed a key at that moment",
                "later": "The therapist delivered it after the session",
                "machine": "The recorder noted it",
                "lab": "The lab computed it",
            },
        },
        "intensity": {"Description": "How strong, where the mark has a scale; else n/a"},
        "sample": {"Description": "Number of the EEG sample nearest to the onset"},
    }
    for mark in marks.values():
        if mark.kind == "value":
            column = {"Description": f"{mark.en}, from {mark.low} to {mark.high}"}
            columns[mark.id] = column | ({"HED": mark.hed} if "#" in mark.hed else {})
    if words_said:
        columns["speaker"] = {
            "Description": "Who said it",
            "Levels": {
                "client": "the client",
                "therapist": "the therapist",
                "someone": "one of the two; one microphone can't tell who",
            },
        }
        columns["text"] = {
            "Description": "What was said, without what could tell who somebody is:"
            " [NAME_1], [ИМЯ_1] and the like stand for what was taken out"
        }
    return columns
