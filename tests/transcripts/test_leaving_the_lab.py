"""Words leave the lab reviewed, signed, in EEG time, to the authorised; or not at all."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from lab.cli import main
from lab.clients import write_register
from lab.dataset.export import TreeOptions, export_tree
from lab.dataset.validator import validate
from lab.deidentify.protected import ProtectedWord
from lab.identity import X25519Identity
from lab.release.release import Order, make_release
from lab.review.signing import SIGN_ACT
from lab.settings import Lab
from lab.transcripts.scratch import scratch_folder
from lab.unseal import unseal
from lab.withdrawal.withdraw import withdraw
from lab.workers import Workers
from recorder.errors import ReviewError
from recorder.format.age import recipient_text
from recorder.format.registers import LabRegister
from tests.house import exit_code
from tests.signed import desk, sign_all
from tests.spoken import CLIENT, DIALOGUE, SpokenBench, dialogue_speech

if TYPE_CHECKING:
    from pathlib import Path

    from lab.dataset.export import TreeReport

KEY = X25519Identity.generate()
ORDER = Order(
    name="1.0.0",
    tree="restricted",
    to=recipient_text(KEY.recipient),
    who="A. Researcher, University",
    until="2099-12-31",
    simulated=True,
)
SECRETS = ("Марин", "Тагил", "Сбербанк", "204 33", "двадцать третьего")


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def export(bench: SpokenBench, out: Path, tree: str = "restricted") -> TreeReport:
    options = TreeOptions("open" if tree == "open" else "restricted", simulated=True)
    with bench.bench_catalogue() as catalogue:
        return export_tree(
            Lab.load(bench.lab),
            catalogue,
            out,
            options,
            workers=Workers(),
            tell=lambda _: None,
        )


def test_turns_pairs_and_events_are_in_eeg_time_and_hold_no_name(
    taken: SpokenBench, tmp_path: Path
) -> None:
    sign_all(taken)
    report = export(taken, tmp_path / "tree")
    tree = report.path
    (path,) = tree.rglob("*ses-01*desc-deidentified_transcript.jsonl")
    turns = lines(path)
    assert list(turns[0]) == ["sub", "ses", "turn", "speaker", "t0", "t1", "text", "masks"]
    assert [turn["speaker"] for turn in turns] == [speaker for speaker, _ in DIALOGUE]
    for turn, (_, _, start_s, end_s) in zip(turns, dialogue_speech().lines, strict=True):
        # The recording's two clocks begin together and run alike.
        assert (turn["t0"], turn["t1"]) == pytest.approx((start_s, end_s), abs=0.02)
    text = str(turns[1]["text"])
    mask: Any = turns[1]["masks"]
    mask = mask[0]
    assert text[mask["start"] : mask["end"]] == "[ИМЯ_1]"
    (path,) = tree.rglob("*ses-01*desc-pairs_transcript.jsonl")
    pairs = lines(path)
    assert len(pairs) == 4
    assert pairs[0]["input"] == text
    assert pairs[0]["output"] == DIALOGUE[2][1]
    assert pairs[0]["input_turns"] == [1]
    (path,) = tree.rglob("*ses-01*desc-deidentified_transcript.json")
    told = json.loads(path.read_text())
    assert told["Review"]["TakenOut"] == 6
    assert told["Paraphrased"] is False
    assert told["ProposedBy"][0].startswith("natasha ")
    events = next(tree.glob("sub-*/ses-01/eeg/*_events.tsv")).read_text("utf-8")
    assert "\tclient\tТяжело. Вчера мне опять звонила [ИМЯ_1]." in events
    check_no_secret(tree)
    # The second session is not signed: its words stay, and that is told.
    assert not list(tree.rglob("*ses-02*transcript*"))
    assert set(report.words) == {taken.session(1)}
    assert "not signed" in report.notes[taken.session(2)][-1]
    validate(tree).check()


def check_no_secret(tree: Path) -> None:
    for path in tree.rglob("*.*"):
        if path.suffix in (".json", ".jsonl", ".tsv", ".md"):
            content = path.read_text("utf-8")
            assert not [word for word in SECRETS if word in content], path


def test_the_open_tree_has_no_words(taken: SpokenBench, tmp_path: Path) -> None:
    sign_all(taken)
    report = export(taken, tmp_path / "tree", "open")
    assert not report.notes
    tree = report.path
    assert not list(tree.rglob("*transcript*"))
    events = next(tree.glob("sub-*/ses-01/eeg/*_events.tsv")).read_text("utf-8")
    assert "said" not in events
    assert "text" not in events.splitlines()[0]


def test_a_release_waits_for_every_signature_and_goes_to_its_recipient_alone(
    taken: SpokenBench, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = Lab.load(taken.lab)

    def release() -> Path:
        with taken.bench_catalogue() as catalogue:
            return make_release(
                lab, catalogue, ORDER, workers=Workers(), tell=lambda _: None
            ).path

    sign_all(taken, 1)
    with pytest.raises(ReviewError, match=r"1 transcript\(s\) are not reviewed"):
        release()
    assert not list((taken.lab / "releases").glob("*/*"))
    sign_all(taken, 2)
    bundle = unseal(release().read_bytes(), [KEY])
    with tarfile.open(fileobj=io.BytesIO(bundle)) as archive:
        names = [
            n for n in archive.getnames() if n.endswith("deidentified_transcript.jsonl")
        ]
        assert len(names) == 2
        for member in archive.getmembers():
            file = archive.extractfile(member)
            content = file.read() if file else b""
            assert not [word for word in SECRETS if word.encode() in content]
    with taken.bench_catalogue() as catalogue:
        (grant,) = catalogue.whereabouts.grants()
        (act,) = catalogue.actions("release")
        acts = catalogue.actions(SIGN_ACT)
    assert grant.recipient == ORDER.who
    told = json.loads(act.details)
    assert told["who"] == ORDER.who
    # Who got exactly which signed text.
    digests = {one.session: json.loads(one.details)["text_sha256"] for one in acts}
    assert told["transcripts"] == digests
    assert len(digests) == 2
    assert exit_code(main, "grants", "--lab", taken.lab) == 0
    assert "2 transcript(s)" in capsys.readouterr().out


def test_a_release_is_refused_when_a_word_was_protected_since(taken: SpokenBench) -> None:
    for number in (1, 2):
        sign_all(taken, number)
    desk(taken).protect(CLIENT, [ProtectedWord("злость", "other")])
    with (
        taken.bench_catalogue() as catalogue,
        pytest.raises(ReviewError, match="as they are now"),
    ):
        make_release(
            Lab.load(taken.lab),
            catalogue,
            ORDER,
            workers=Workers(),
            tell=lambda _: None,
        )


def test_a_withdrawn_client_leaves_no_word_and_no_protected_word(
    taken: SpokenBench,
) -> None:
    sign_all(taken)
    desk(taken).protect(CLIENT, [ProtectedWord("Белка", "name")])
    write_register(Lab.load(taken.lab), LabRegister(serial=2, pool=(CLIENT,)))
    with scratch_folder(taken.lab) as left:  # as a killed run leaves it: nobody holds it
        shutil.copytree(left, taken.lab / f"{left.name}-killed")
    with taken.bench_catalogue() as catalogue:
        withdraw(Lab.load(taken.lab), catalogue, CLIENT, place=None)
    assert not list(taken.lab.rglob("*.transcript*"))
    assert not list(taken.lab.glob(".transcribing-*"))
    assert taken.cases().words(CLIENT).words == ()
