"""The whole way on real speech: two people on the telephone, with their words and turns.

Once with what people wrote down, once with what a recogniser of English heard, whose model
lies in its package: lower case, no punctuation, many mistakes, times of words.
"""

from __future__ import annotations

import json
import re
from itertools import groupby
from typing import TYPE_CHECKING

import pytest
import soundfile
from pocketsphinx import Decoder

from lab.dataset.export import TreeOptions, export_tree
from lab.review.signing import check_signed
from lab.settings import Lab
from lab.workers import Workers
from tests.signed import sign_all
from tests.spoken import SpokenBench

if TYPE_CHECKING:
    from pathlib import Path

_NAMES = ("Diane", "Sheila", "Texas", "Chicago", "Jersey")
_ROLES = {"Diane": "Client", "Sheila": "Therapist"}


def said(stm: Path) -> list[tuple[str, float, float, str]]:
    """Return who said what from when to when, as the sample's makers wrote it."""
    rows = (line.split(maxsplit=5) for line in stm.read_text("utf-8").splitlines())
    return [(row[2], float(row[3]), float(row[4]), row[5]) for row in rows if len(row) > 5]


def test_a_real_conversation_goes_from_its_words_to_the_dataset(
    shared_data: Path, tmp_path: Path
) -> None:
    speech = shared_data / "speech"
    bench = SpokenBench(tmp_path / "bench", wav=speech / "conversation.wav")
    bench.add_reviewer()
    lines = said(speech / "conversation.stm")
    text = "WEBVTT\n\n" + "".join(
        f"00:{start_s:06.3f} --> 00:{end_s:06.3f}\n<v {_ROLES[who]}>{words}\n\n"
        for who, start_s, end_s, words in lines
    )
    done = bench.take_in(text=text, language="en")
    assert done.error is None
    sign_all(bench)
    with bench.bench_catalogue() as catalogue:
        export_tree(
            Lab.load(bench.lab),
            catalogue,
            tmp_path / "tree",
            TreeOptions("restricted", simulated=True),
            workers=Workers(),
            tell=lambda _: None,
        )
    (path,) = (tmp_path / "tree").rglob("*desc-deidentified_transcript.jsonl")
    turns = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    told = " ".join(turn["text"] for turn in turns)
    assert not [name for name in _NAMES if name in told]
    kept = re.sub(r"\[\w+\]", "", told).split()
    assert len(kept) > 0.85 * sum(len(words.split()) for *_, words in lines)
    for turn in turns:
        whose = [line for line in lines if abs(line[1] - turn["t0"]) < 0.05]
        assert [_ROLES[who].lower() for who, *_ in whose] == [turn["speaker"]]


def heard(wav: Path, start_s: float, end_s: float) -> list[tuple[str, float, float]]:
    """Return the words that the recogniser hears, blanks where nobody speaks."""
    frames, rate_hz = soundfile.read(
        wav, round((end_s - start_s) * 16_000), round(start_s * 16_000), dtype="int16"
    )
    decoder = Decoder(samprate=rate_hz, loglevel="FATAL")
    decoder.start_utt()
    decoder.process_raw(frames.tobytes(), full_utt=True)
    decoder.end_utt()
    return [
        (
            "" if piece.word[0] in "<[" else piece.word.partition("(")[0],
            start_s + piece.start_frame / 100,
            start_s + (piece.end_frame + 1) / 100,
        )
        for piece in decoder.seg()
    ]


def test_what_a_recogniser_heard_goes_the_same_way(
    shared_data: Path, tmp_path: Path
) -> None:
    wav = shared_data / "speech" / "conversation.wav"
    bench = SpokenBench(tmp_path / "bench", wav=wav)
    bench.add_reviewer()
    words = heard(wav, 12.5, 21.5)
    runs = [list(run) for some, run in groupby(words, lambda word: bool(word[0])) if some]
    segments = [
        {
            "text": " ".join(word for word, *_ in run),
            "start": run[0][1],
            "end": run[-1][2],
            "words": [{"word": w, "start": s, "end": e} for w, s, e in run],
        }
        for run in runs
    ]
    done = bench.take_in(
        text=json.dumps({"segments": segments}), name="heard.json", language="en"
    )
    assert done.error is None
    assert done.guessed == ("speakers",)
    (turn, *_) = (
        turn
        for turn in bench.cases().read(bench.session()).transcript.turns
        if "sheila" in turn.text
    )
    (said_s,) = (
        word.start_s for word in turn.words if turn.text[word.start : word.end] == "sheila"
    )
    assert said_s == pytest.approx(14.8, abs=0.3)  # "And I'm Sheila", from 14.44 s
    sign_all(bench)
    signed = check_signed(bench.cases(), bench.session())
    told = " ".join(turn.text for turn in signed.turns)
    assert "i'm [NAME_1]" in told
    assert not [name for name in ("sheila", "jersey") if name in told]
