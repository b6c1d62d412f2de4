"""A transcript that somebody brings is read as what it is, or refused with the reason."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.transcripts.cues import Cue, CueWord
from lab.transcripts.reading import MAX_FILE_BYTES, parse_file, read_file
from recorder.errors import TranscriptError

if TYPE_CHECKING:
    from pathlib import Path

VTT = """WEBVTT - made elsewhere

NOTE nothing of this is said

1
00:01.000 --> 00:02.500 align:start
<v Therapist>How <i>are</i> you?

00:00:03.000 --> 00:00:04.000
Client: Fine, thanks.
"""
SRT = """1
00:00:01,000 --> 00:00:02,500
How are you?

2
00:00:03,000 --> 00:00:04,000
Fine, thanks.
"""
GRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "client"
        xmin = 0
        xmax = 5
        intervals: size = 2
        intervals [1]:
            xmin = 0
            xmax = 3
            text = ""
        intervals [2]:
            xmin = 3
            xmax = 4
            text = "Fine, ""thanks""."
    item [2]:
        class = "IntervalTier"
        name = "therapist"
        xmin = 0
        xmax = 5
        intervals: size = 1
        intervals [1]:
            xmin = 1
            xmax = 2.5
            text = "How are you?"
"""
SHORT_GRID = """File type = "ooTextFile"
Object class = "TextGrid"

0
5
<exists>
1
"IntervalTier"
"client"
0
5
1
3
4
"Fine, thanks."
"""
WHISPER = {
    "text": "How are you?",
    "segments": [
        {
            "id": 0,
            "start": 1.0,
            "end": 2.5,
            "text": " How are you?",
            "words": [
                {"word": " How", "start": 1.0, "end": 1.4, "probability": 0.9},
                {"word": " are", "start": 1.4, "end": 1.8},
                {"word": " you?", "start": 1.8, "end": 2.5},
            ],
        }
    ],
}
CPP = {"transcription": [{"offsets": {"from": 1000, "to": 2500}, "text": " How are you?"}]}


def read(tmp_path: Path, name: str, content: str | bytes) -> tuple[Cue, ...]:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return parse_file(read_file(path), path)


def test_webvtt_is_read_with_voices_and_without_markup(tmp_path: Path) -> None:
    assert read(tmp_path, "a.vtt", VTT) == (
        Cue("How are you?", 1.0, 2.5, "Therapist"),
        Cue("Fine, thanks.", 3.0, 4.0, "Client"),
    )


def test_stress_marks_and_what_can_not_be_seen_are_no_part_of_a_word(
    tmp_path: Path,
) -> None:
    (cue,) = read(tmp_path, "a.txt", "Клиент: Мари\u0301на\u200b и\u0306од Але\u0308на\n")
    assert cue.text == "Марина йод Алёна"


def test_subrip_is_read(tmp_path: Path) -> None:
    cues = read(tmp_path, "a.srt", SRT)
    assert cues == (Cue("How are you?", 1.0, 2.5), Cue("Fine, thanks.", 3.0, 4.0))


def test_long_and_short_textgrids_are_read_tier_by_speaker(tmp_path: Path) -> None:
    assert read(tmp_path, "a.TextGrid", GRID) == (
        Cue("How are you?", 1.0, 2.5, "therapist"),
        Cue('Fine, "thanks".', 3.0, 4.0, "client"),
    )
    assert read(tmp_path, "b.TextGrid", SHORT_GRID.encode("utf-16")) == (
        Cue("Fine, thanks.", 3.0, 4.0, "client"),
    )


def test_the_json_of_whisper_programs_is_read_with_its_word_times(tmp_path: Path) -> None:
    (cue,) = read(tmp_path, "a.json", json.dumps(WHISPER))
    assert (cue.text, cue.start_s, cue.end_s) == ("How are you?", 1.0, 2.5)
    assert cue.words[1] == CueWord("are", 1.4, 1.8)
    (cue,) = read(tmp_path, "b.json", json.dumps(CPP))
    assert (cue.text, cue.start_s, cue.end_s) == ("How are you?", 1.0, 2.5)


def test_plain_text_is_read_by_its_speakers_with_or_without_times(tmp_path: Path) -> None:
    text = "[0:01] Терапевт: Как вы?\n[0:03] Клиент: Хорошо.\nМама: так она говорит.\n"
    assert read(tmp_path, "a.txt", text) == (
        Cue("Как вы?", 1.0, None, "Терапевт"),
        # A colon alone makes nobody a speaker.
        Cue("Хорошо. Мама: так она говорит.", 3.0, None, "Клиент"),
    )


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.docx", "x", "no known kind"),
        ("a.vtt", "", "empty"),
        ("a.vtt", "no head\n\n00:01.000 --> 00:02.000\nx", "WEBVTT"),
        ("a.vtt", "WEBVTT\n\n00:01 --> 00:02\nx", "times can't be read"),
        ("a.vtt", "WEBVTT\n\n00:05.000 --> 00:02.000\nx", "before it starts"),
        ("a.srt", "1\nhello", "no line with times"),
        ("a.json", "{}", "neither"),
        ("a.json", '{"segments": [{"text": "secret"}]}', "no JSON of a whisper"),
        ("a.TextGrid", 'File type = "ooTextFile"\nObject class = "TextGrid"\n0 5', "ends"),
        ("a.txt", "just words", "line 1: it has no speaker"),
        ("a.txt", b"\xff\xfeq\xd8", "not UTF-8"),
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\n...", "holds no words"),
    ],
)
def test_what_is_no_transcript_is_refused_with_the_reason(
    tmp_path: Path, name: str, content: str | bytes, reason: str
) -> None:
    with pytest.raises(TranscriptError, match=reason) as told:
        read(tmp_path, name, content)
    assert "secret" not in str(told.value)


def test_three_gigabytes_of_text_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(3 << 30)
    with pytest.raises(
        TranscriptError, match=f"3221225472 bytes, the limit is {MAX_FILE_BYTES}"
    ):
        read_file(path)


@given(
    st.text(max_size=300), st.sampled_from([".vtt", ".srt", ".json", ".TextGrid", ".txt"])
)
def test_any_text_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, text: str, suffix: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    try:
        cues = parse_file(text.encode("utf-8", "replace"), path)
    except TranscriptError:
        return
    assert cues
