"""A transcript is taken in whole, sealed, laid along the sound; or nothing is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.cli import main
from lab.transcripts.keeping import PROPOSALS, TRANSCRIPT
from lab.transcripts.model import Transcript
from lab.transcripts.model_folder import read_model_folder
from recorder.errors import (
    ConsentError,
    IdentityError,
    LabError,
    ModelError,
    TranscriptError,
)
from tests.house import exit_code
from tests.spoken import DIALOGUE, SpokenBench, dialogue_speech, dialogue_vtt
from tests.tiny_model import write_sums, write_tiny_model

if TYPE_CHECKING:
    from lab.transcripts.taking_in import TakeDone

SECRETS = ("Марин", "Тагил", "Сбербанк", "204 33")


def transcript(bench: SpokenBench, number: int = 1) -> Transcript:
    return bench.cases().keeping.read(bench.session(number), TRANSCRIPT, Transcript)


def refused(done: TakeDone, kind: type[Exception], reason: str, bench: SpokenBench) -> None:
    """Check the reason, and that nothing was left behind."""
    assert isinstance(done.error, kind)
    assert reason in str(done.error)
    assert not bench.cases().keeping.sessions()
    assert not list(bench.lab.glob(".transcribing-*"))
    assert not list((bench.lab / "sessions").glob("*/*.transcript*"))


def test_a_labelled_transcript_keeps_its_speakers_times_and_words(
    bench: SpokenBench,
) -> None:
    done = bench.take_in()
    assert done.error is None
    found = transcript(bench)
    assert [(turn.speaker, turn.text) for turn in found.turns] == list(DIALOGUE)
    for turn, (_, _, start_s, end_s) in zip(
        found.turns, dialogue_speech().lines, strict=True
    ):
        assert (turn.start_s, turn.end_s) == pytest.approx((start_s, end_s), abs=0.002)
    assert found.provenance.way == "import"
    assert found.provenance.guessed == ()
    assert found.provenance.speech_overlap is not None
    assert found.provenance.speech_overlap > 0.5


def test_who_speaks_is_heard_where_the_file_does_not_say(bench: SpokenBench) -> None:
    bench.take_in(text=dialogue_vtt(labels=False))
    found = transcript(bench)
    assert [turn.speaker for turn in found.turns] == [speaker for speaker, _ in DIALOGUE]
    assert found.provenance.guessed == ("speakers",)


def test_text_without_times_is_laid_along_what_was_heard(bench: SpokenBench) -> None:
    names = {"client": "Клиент", "therapist": "Терапевт"}
    text = "".join(f"{names[speaker]}: {said}\n" for speaker, said in DIALOGUE)
    done = bench.take_in(text=text, name="words.txt")
    assert done.guessed == ("times",)
    for turn, (_, _, start_s, _) in zip(
        transcript(bench).turns, dialogue_speech().lines, strict=True
    ):
        assert abs(turn.start_s - start_s) < 1.5


def test_nothing_readable_of_it_lies_on_the_disk_and_only_the_lab_opens_it(
    bench: SpokenBench,
) -> None:
    bench.take_in()
    bench.vtt().unlink()
    (bench.root / "words1.vtt").unlink()
    for path in bench.lab.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [word for word in SECRETS if word.encode() in content], path
            if ".transcript" in str(path):
                assert path.stat().st_mode & 0o077 == 0
    folder = bench.cases().keeping.folder(bench.session())
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.suffix == ".age" for path in folder.iterdir())
    (bench.lab / "secret" / "identity.txt").write_bytes(
        (bench.root / "recovery.txt").read_bytes()
    )
    transcript(bench)  # the recovery key opens it too
    write_other_identity(bench.lab / "secret" / "identity.txt")
    with pytest.raises(IdentityError):
        transcript(bench)


def write_other_identity(path: Path) -> None:
    from lab.identity import X25519Identity  # noqa: PLC0415 - beside its one use

    path.write_text(X25519Identity.generate().to_text() + "\n")


def test_proposals_are_made_when_it_is_taken_in(bench: SpokenBench) -> None:
    bench.take_in()
    case = bench.cases().read(bench.session())
    proposed = {
        case.transcript.turns[mask.turn].text[mask.start : mask.end]
        for mask in case.state.masks
    }
    wanted = {"Марина", "Марине", "Нижний Тагил", "Сбербанк", "двадцать третьего мая"}
    assert wanted <= proposed
    assert any("916" in text for text in proposed)


def test_a_transcript_of_another_session_is_refused(bench: SpokenBench) -> None:
    lines = dialogue_speech().lines
    gaps = [(end_s + 0.05, nxt[2] - 0.05) for (_, _, _, end_s), nxt in pairwise(lines)]
    text = "WEBVTT\n\n" + "".join(
        f"00:{a:06.3f} --> 00:{b:06.3f}\n<v Client>слова\n\n" for a, b in gaps
    )
    refused(bench.take_in(text=text), TranscriptError, "another session", bench)


def test_one_file_can_not_be_of_two_sessions(bench: SpokenBench) -> None:
    text = dialogue_vtt()
    bench.take_in(1, text=text)
    done = bench.take_in(2, text=text)
    assert isinstance(done.error, TranscriptError)
    assert bench.session(1) in str(done.error)
    assert bench.cases().keeping.sessions() == (bench.session(1),)


def test_times_beyond_the_recording_are_refused(bench: SpokenBench) -> None:
    done = bench.take_in(text=dialogue_vtt(shift_s=60))
    refused(done, TranscriptError, "the sound at", bench)


def test_without_consent_nothing_is_written_down(tmp_path: Path) -> None:
    bench = SpokenBench(tmp_path / "bench", scopes=("eeg", "audio", "sharing"))
    refused(bench.take_in(), ConsentError, "did not agree", bench)
    path = bench.vtt()
    code = exit_code(
        main, "transcribe", bench.session(), "--lab", bench.lab, "--import", path
    )
    assert code == ConsentError.code


def test_a_second_transcript_replaces_the_first_only_when_told_so(
    bench: SpokenBench,
) -> None:
    bench.take_in()
    before = transcript(bench).digest()
    done = bench.take_in(text=dialogue_vtt(labels=False))
    assert isinstance(done.error, LabError)
    assert transcript(bench).digest() == before
    assert bench.take_in(text=dialogue_vtt(labels=False), replace=True).error is None
    assert transcript(bench).digest() != before
    with bench.bench_catalogue() as catalogue:
        (act,) = catalogue.actions("replace transcript")
    assert act.session == bench.session()
    assert transcript(bench).digest() in act.details


@pytest.mark.parametrize("moved", [False, True])
def test_a_replacement_that_was_cut_off_is_finished(
    bench: SpokenBench, *, moved: bool
) -> None:
    bench.take_in()
    keeping = bench.cases().keeping
    folder = keeping.folder(bench.session())
    other = bench.take_in(2, text=dialogue_vtt(labels=False))
    assert other.error is None
    # As a kill leaves them: the whole new one, with the old one in place or moved away.
    keeping.folder(bench.session(2)).rename(folder.with_name(f"{folder.name}.next"))
    if moved:
        folder.rename(folder.with_name(f"{folder.name}.old"))
    assert exit_code(main, "review", "--lab", bench.lab) == 0
    assert transcript(bench).provenance.guessed == ("speakers",)
    assert [path.name for path in folder.parent.glob("*.transcript*")] == [folder.name]


def test_what_a_killed_run_left_open_is_removed_by_the_next(bench: SpokenBench) -> None:
    program = Path(sys.executable).with_name("fieldrec-lab")
    words = ("transcribe", bench.session(), "--lab", bench.lab, "--import", bench.vtt())
    running = subprocess.Popen([str(program), *map(str, words)])
    end = time.perf_counter() + 200
    while not list(bench.lab.glob(".transcribing-*/opened")):
        assert time.perf_counter() < end
        assert running.poll() is None
        time.sleep(0.005)
    running.kill()
    running.wait()
    assert list(bench.lab.glob(".transcribing-*"))
    assert exit_code(main, "review", "--lab", bench.lab) == 0
    assert not list(bench.lab.glob(".transcribing-*"))
    assert not bench.cases().keeping.sessions()


def test_a_text_of_another_language_is_refused(bench: SpokenBench) -> None:
    done = bench.take_in(language="en")
    refused(done, TranscriptError, "say --language ru", bench)
    english = "WEBVTT\n\n00:01.000 --> 00:03.000\n<v Client>My name is Anna.\n"
    refused(bench.take_in(text=english), TranscriptError, "say --language en", bench)


def test_a_recogniser_writes_down_who_said_what_when(
    bench: SpokenBench, tmp_path: Path
) -> None:
    pytest.importorskip("sherpa_onnx")
    write_tiny_model(tmp_path / "tiny")
    model = read_model_folder(tmp_path / "tiny")
    done = bench.take_in(file=None, model=model, language="en")
    assert done.error is None
    found = transcript(bench)
    assert {"client", "therapist"} == {turn.speaker for turn in found.turns}
    assert set(" ".join(turn.text for turn in found.turns).split()) == {"yes"}
    for turn in found.turns:
        assert all(turn.start_s - 1 < word.start_s < turn.end_s + 1 for word in turn.words)
    assert found.provenance.sha256 == model.sha256
    assert found.provenance.model == "tiny"
    assert found.provenance.tool.startswith("sherpa-onnx 2")


def test_a_model_of_another_language_is_told(bench: SpokenBench, tmp_path: Path) -> None:
    pytest.importorskip("sherpa_onnx")
    write_tiny_model(tmp_path / "tiny")
    done = bench.take_in(file=None, model=read_model_folder(tmp_path / "tiny"))
    refused(done, TranscriptError, "are Russian ones", bench)


def test_a_real_model_writes_down_the_dialogue(bench: SpokenBench) -> None:
    folder = os.environ.get("FIELDREC_TEST_MODEL", "")
    if not folder:
        pytest.skip("needs a Russian model in FIELDREC_TEST_MODEL: no package carries one")
    done = bench.take_in(file=None, model=read_model_folder(Path(folder)))
    assert done.error is None
    said = " ".join(turn.text for turn in transcript(bench).turns).lower()
    wanted = {"неделя", "марина", "работу", "детьми", "злость"}
    assert len(wanted & set(said.split())) >= 2


def test_a_model_that_ends_its_process_is_an_error_like_any_other(
    bench: SpokenBench, tmp_path: Path
) -> None:
    pytest.importorskip("sherpa_onnx")
    write_tiny_model(tmp_path / "tiny", with_facts=False)
    done = bench.take_in(file=None, model=read_model_folder(tmp_path / "tiny"))
    refused(done, ModelError, "broke down", bench)


def test_a_missing_changed_or_unlisted_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="SHA256SUMS is missing"):
        read_model_folder(tmp_path)
    folder = tmp_path / "tiny"
    write_tiny_model(folder)
    with (folder / "model.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ModelError, match="is not the file that SHA256SUMS lists"):
        read_model_folder(folder)
    (folder / "model.onnx").unlink()
    with pytest.raises(ModelError, match="lacks"):
        read_model_folder(folder)
    write_sums(folder)
    with pytest.raises(ModelError, match="no model we know"):
        read_model_folder(folder)


def test_the_command_takes_in_and_goes_on_where_it_was(
    bench: SpokenBench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sherpa_onnx")
    path = bench.vtt()
    words = ("transcribe", bench.session(), "--lab", bench.lab, "--import", path, "--json")
    assert exit_code(main, *words) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["session"], facts["turns"]) == (bench.session(), len(DIALOGUE))
    write_tiny_model(tmp_path / "tiny")
    model = ("--model", tmp_path / "tiny", "--language", "en")
    everything = ("transcribe", "--all", "--lab", bench.lab, *model)
    assert exit_code(main, *everything) == 0
    out = capsys.readouterr().out
    assert bench.session(2) in out
    assert bench.session(1) not in out
    assert bench.cases().keeping.has(bench.session(2), PROPOSALS)
    assert exit_code(main, *everything) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), LabError.code),
        (("--all",), LabError.code),
        (("--all", "--import", "x.vtt"), LabError.code),
        (("--all", "--model", "nowhere"), ModelError.code),
    ],
)
def test_a_half_order_says_what_is_missing(
    first_bench: SpokenBench, words: tuple[str, ...], code: int
) -> None:
    assert exit_code(main, "transcribe", "--lab", first_bench.lab, *words) == code
