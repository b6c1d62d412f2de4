"""Imported text lies where it was said, with who said it, or is refused."""

from __future__ import annotations

import pytest

from lab.transcripts.cues import Cue, CueWord
from lab.transcripts.heard import HeardTurn, Sound
from lab.transcripts.placing import (
    check_overlap,
    join_turns,
    overlap,
    place_speakers,
    place_times,
)
from recorder.errors import TranscriptError

SOUND = Sound(
    20.0,
    (
        HeardTurn(1, 4, "therapist"),
        HeardTurn(5, 9, "client"),
        HeardTurn(10, 12, "therapist"),
        HeardTurn(13, 16, "client"),
    ),
)


def test_without_labels_who_was_heard_is_who_spoke() -> None:
    cues = [Cue("how are you", 1.2, 3.8), Cue("badly", 5.5, 8)]
    placed = place_speakers(cues, SOUND)
    assert [cue.speaker for cue in placed] == ["therapist", "client"]


def test_unknown_labels_are_told_apart_by_whom_they_were_heard_with() -> None:
    cues = [
        Cue("how are you", 1, 4, "SPEAKER_01"),
        Cue("badly", 5, 9, "SPEAKER_00"),
        # Heard with the other one, but the label counts.
        Cue("oh", 13, 13.5, "SPEAKER_01"),
    ]
    placed = place_speakers(cues, SOUND)
    assert [cue.speaker for cue in placed] == ["therapist", "client", "therapist"]


def test_a_piece_with_word_times_is_cut_where_the_other_one_goes_on() -> None:
    words = (CueWord("are", 2, 3), CueWord("you", 3, 4), CueWord("badly", 6, 7))
    placed = place_speakers([Cue("are you badly", 2, 7, words=words)], SOUND)
    assert [(cue.text, cue.speaker) for cue in placed] == [
        ("are you", "therapist"),
        ("badly", "client"),
    ]
    assert placed[0].words[1].start_s == 3


def test_text_without_times_is_laid_over_the_speech() -> None:
    cues = [
        Cue("a" * 30, speaker="Therapist"),
        Cue("b" * 40, speaker="Client"),
        Cue("c" * 20, speaker="Therapist"),
        Cue("d" * 30, speaker="Client"),
    ]
    placed = place_times(cues, SOUND)
    assert [cue.start_s for cue in placed] == [1, 5, 10, 13]


def test_neighbouring_pieces_of_one_person_become_one_turn_with_all_their_words() -> None:
    cues = [Cue("first", 5, 6), Cue("second", 6.5, 8), Cue("and you", 10, 11)]
    turns = join_turns(place_speakers(cues, SOUND))
    assert [turn.text for turn in turns] == ["first second", "and you"]
    word = turns[0].words[1]
    assert turns[0].text[word.start : word.end] == "second"


def test_a_time_behind_the_sound_is_refused_with_both_figures() -> None:
    with pytest.raises(TranscriptError, match=r"ends at 30.0 s, the sound at 20.0 s"):
        place_times([Cue("x", 1, 30)], SOUND)


def test_times_for_some_pieces_only_are_refused() -> None:
    with pytest.raises(TranscriptError, match="piece 2 has no time"):
        place_times([Cue("x", 1, 2), Cue("y")], SOUND)


def test_text_that_lies_in_silence_is_of_another_session() -> None:
    fits = overlap([Cue("x", 1, 4), Cue("y", 5, 9)], SOUND)
    assert fits is not None
    check_overlap(fits)
    does_not = overlap([Cue("x", 16, 20), Cue("y", 4, 5)], SOUND)
    with pytest.raises(TranscriptError, match="another session"):
        check_overlap(does_not)
    check_overlap(overlap([Cue("x", 16, 20)], Sound(20.0, ())))  # nothing was heard
