"""The dataset's own words: README, CHANGES and descriptions of its tables."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Final

from recorder import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.copies_tables import TreeName
    from lab.dataset.settings import DatasetSettings

BIDS_VERSION: Final = "1.11.1"

UNRELEASED: Final = b"Unreleased\n  - Not released yet: made for the lab itself\n"
TREES: Final[Mapping[TreeName, str]] = {
    "open": "This is the open tree: EEG, events, loudness and scales; no voice, no words.",
    "restricted": "This is the restricted tree, for the named recipient only: what the open"
    " tree holds, marks that are never published, and sound where the client agreed. Sound"
    " lies in `beh/` under the names of BIDS proposal 47, which is not in force yet, and is"
    " listed in `.bidsignore`.",
}

PARTICIPANTS: Final[Mapping[str, object]] = {
    "age": {
        "Description": "Middle of the age band at the first session",
        "Units": "year",
    },
    "age_band": {"Description": "Age at the first session in bands of ten years"},
    "sex": {
        "Description": "Sex as the client said",
        "Levels": {"F": "female", "M": "male", "O": "other"},
    },
    "handedness": {
        "Description": "Handedness as the client said",
        "Levels": {"L": "left", "R": "right", "A": "both"},
    },
    "diagnosis_group": {"Description": "Broad group of the diagnosis"},
    "medication": {"Description": "Whether the client takes psychoactive medication"},
    "education": {"Description": "Level of education"},
    "mode": {
        "Description": "Where the therapist was",
        "Levels": {
            "in-person": "in the room in all sessions",
            "online": "elsewhere in all sessions",
            "both": "some sessions in the room, some online",
        },
    },
    "n_sessions": {"Description": "Recorded sessions in this dataset"},
}
SESSIONS: Final[Mapping[str, object]] = {
    "acq_time": {
        "Description": "Beginning of the session, to the hour; all dates of a subject are"
        " moved by the same number of weeks"
    },
    "days_since_first": {
        "Description": "Days since the subject's first session",
        "Units": "day",
    },
    "mode": {
        "Description": "Where the therapist was",
        "Levels": {"in-person": "in the room", "online": "elsewhere"},
    },
    "outcome": {
        "Description": "What the therapist said at the end",
        "Levels": {
            "complete": "recorded as planned",
            "partial": "recorded in part",
            "not stated": "nothing was said",
        },
    },
    "reason": {"Description": "Why it was recorded only in part; the study's list"},
    "quality": {
        "Description": "By the share of electrodes' scores that were fine",
        "Levels": {"good": "80 % or more", "fair": "50 % or more", "poor": "less"},
    },
    "duration": {"Description": "Length of all runs together", "Units": "s"},
}
ATTRITION: Final[Mapping[str, object]] = {
    "MeasurementToolMetadata": {
        "Description": "How planned sessions ended, counted by the recorder"
    },
    "complete": {"Description": "Sessions recorded as planned"},
    "partial": {"Description": "Sessions recorded in part"},
    "skipped": {"Description": "Planned sessions of which nothing was recorded"},
    "not_stated": {"Description": "Sessions of which nothing was said"},
    "reasons": {
        "Description": "Why sessions were partial or skipped: reason and how often, from"
        " the study's list"
    },
}


def dataset_description(settings: DatasetSettings, tree: TreeName) -> dict[str, object]:
    """Return ``dataset_description.json``."""
    description: dict[str, object] = {
        "Name": settings.name,
        "BIDSVersion": BIDS_VERSION,
        "HEDVersion": "8.3.0",
        "DatasetType": "raw",
        "License": settings.license if tree == "open" else settings.restricted_license,
        "Authors": list(settings.authors),
        "Acknowledgements": settings.acknowledgements,
        "HowToAcknowledge": settings.how_to_cite,
        "Funding": list(settings.funding),
        "EthicsApprovals": list(settings.ethics),
        "ReferencesAndLinks": list(settings.references),
        "GeneratedBy": [generated_by()],
    }
    return {name: value for name, value in description.items() if value}


def derivatives_description(settings: DatasetSettings) -> dict[str, object]:
    """Return the ``dataset_description.json`` of what we derived."""
    return {
        "Name": f"{settings.name}: clock, quality and protection",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "License": settings.license,
        "Authors": list(settings.authors),
        "GeneratedBy": [generated_by()],
    }


def generated_by() -> dict[str, str]:
    """Return which program made it."""
    return {"Name": "fieldrec", "Version": __version__, "Description": "fieldrec-lab bids"}


def readme(settings: DatasetSettings, tree: TreeName) -> bytes:
    """Return the dataset's README."""
    text = resources.files("lab.dataset").joinpath("readme.md").read_text("utf-8")
    return text.format(
        name=settings.name, tree=TREES[tree], hed="8.3.0", contact=settings.contact
    ).encode()
