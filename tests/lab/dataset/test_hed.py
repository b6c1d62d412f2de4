"""HED strings are judged offline, before anything is written."""

from __future__ import annotations

import pytest

from lab.dataset.event_words import HED_VERSION, events_description, published_marks
from lab.dataset.export import check_codebooks
from lab.dataset.hed_check import check_hed
from recorder.errors import FormatError
from recorder.format.codebook import default_codebook_text, parse_codebook

CODEBOOK = parse_codebook(default_codebook_text())


def test_every_string_of_the_default_codebook_and_of_ours_is_valid() -> None:
    assert CODEBOOK.hed_version == HED_VERSION == "8.3.0"
    assert {"eyes_open", "eyes_closed"} <= {mark.id for mark in CODEBOOK.mark}
    check_codebooks([CODEBOOK])


def test_a_wrong_string_and_an_unknown_version_are_refused_by_name() -> None:
    with pytest.raises(FormatError, match=r"'joy' is not valid under HED 8\.3\.0"):
        check_hed({"joy": "Agent-action, Gladness-of-heart"}, version="8.3.0")
    with pytest.raises(FormatError, match=r"HED 7\.7\.7"):
        check_hed({"joy": "Agent-action"}, version="7.7.7")


def test_an_open_tree_describes_no_restricted_mark() -> None:
    assert "risk" in published_marks(CODEBOOK, restricted=True)
    marks = published_marks(CODEBOOK, restricted=False)
    assert "risk" not in marks
    described = events_description(marks)
    assert "risk" not in str(described)
    assert set(described) >= {"onset", "duration", "trial_type", "suds"}
