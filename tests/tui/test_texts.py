"""Every word of the screen: the same in both languages, used, complete, and for people."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import pytest
from fluent.syntax import FluentParser, FluentSerializer
from fluent.syntax import ast as ftl

from recorder.eeg.montage import boards
from recorder.eeg.quality import Reason
from recorder.errors import FormatError, LabError, ModelError, ProvisionError
from recorder.protocol import calls, state
from tests.test_docs import all_errors
from tui.claim import Claim
from tui.screens.help import TOPICS
from tui.texts import LANGUAGES, Language, Texts, read_locale
from tui.widgets.letters import can_write

ROOT = Path(__file__).parents[2] / "tui"
# Words of another alphabet that a Russian text may hold: keys, names, what people say.
LATIN_ALLOWED = {
    "Enter",
    "Backspace",
    "Esc",
    "English",
    "EN",
    "Language",
    "Wi",
    "Fi",
    "Fieldrec",
    "Apache",
    "Bluetooth",
    "F1",
    "F2",
    "F3",
    "F4",
    "F5",
    "F6",
    "F7",
    "F8",
    "F9",
    "F10",
    "F12",
    "K7QX3",
}
# Families: what the screen asks for by a name it only knows when it runs.
FAMILIES = {
    "advice": [*(reason.value for reason in Reason), "wait", "fine", "reference"],
    "advice-headset": ["none", "connecting", "lost"],
    "alarm": get_args(state.AlarmId),
    "alarm-title": get_args(state.AlarmId),
    "away": [
        f"{stage}-{which}"
        for stage in ("starting", "lost")
        for which in ("big", "small", "records", "saved", "next")
    ],
    "baseline": ["eyes_open", "eyes_closed"],
    "cap": [
        "enter",
        "escape",
        "space",
        "backspace",
        "left",
        "right",
        "f3",
        "f4",
        "f5",
        "f6",
        "f7",
        "f8",
        "f9",
        "f10",
    ],
    "code": ["too-long", "wrong", "unknown"],
    "devices-line": ["headset", "microphone"],
    "fault": ["0", "1", "other"],
    "faults": ["electrodes", "headset", "microphone"],
    "finish": ["outcome", "reason", "sign"],
    "headset": ["connected", "connecting", "lost"],
    "help": TOPICS,
    "help-title": TOPICS,
    "home": [
        f"{stage}-{which}"
        for stage in ("ready", "asleep", "headless", "blocked")
        for which in ("big", "small")
    ],
    "key-help": ["long", "short"],
    "key-mode": get_args(calls.Mode),
    "level": ["heard", "quiet", "silent", "clipping"],
    "logs": ["ready", "saving", "saved", "no-stick", "failed"],
    "microphone": ["connected", "connecting", "lost"],
    "mode": get_args(calls.Mode),
    "month": [str(n) for n in range(1, 13)],
    "new-wrong": ["scopes", "form", "date"],
    "confirm-room": get_args(calls.Mode),
    "other-language": ["long", "short"],
    "outcome": ["complete", "partial", "skipped"],
    "scope": ["eeg", "audio", "transcript", "sharing"],
    "scope-short": ["eeg", "audio", "transcript", "sharing"],
    "settings": ["language", "devices", "wifi", "brightness", "contrast", "logs", "about"],
    "signal": ["strong", "fair", "weak"],
    "sound": ["no_consent", "no_microphone", "none", "connecting", "lost"],
    "state": [claim.value for claim in Claim],
    "uploads": [f"{stage}-big" for stage in ("signed", "all", "some", "none")]
    + ["waiting", "sent", "verified"],
    "uploads-phase": [*get_args(state.UploadPhase), "rehearsal"],
    "wifi": [
        "searching",
        "found",
        "none",
        "away",
        "password",
        "joining",
        "joined",
        "refused",
    ],
}
FAULT_CODES = {str(error.code) for error in all_errors()}
# No box can meet what only the lab's and the technicians' programs raise.
ELSEWHERE = {str(e.code) for e in all_errors() if issubclass(e, LabError | ProvisionError)}
ELSEWHERE |= {str(code) for code in (*range(61, 75), ModelError.code)}
BOX_ERRORS = FAULT_CODES - ELSEWHERE
PLACES = {f"place-{channel.label}" for board in boards() for channel in board.channels}


def messages(language: Language) -> dict[str, ftl.Message]:
    resource = FluentParser().parse(read_locale(language))
    assert not [entry for entry in resource.body if isinstance(entry, ftl.Junk)]
    return {
        entry.id.name: entry for entry in resource.body if isinstance(entry, ftl.Message)
    }


def plain(language: Language) -> dict[str, str]:
    """Return the words of each text, without its placeables' names."""
    serializer = FluentSerializer()
    texts = {}
    for name, message in messages(language).items():
        source = serializer.serialize_entry(message).partition("=")[2]
        source = re.sub(r"\{ ?(NUMBER\([^)]*\)|\$\w+|\"[^\"]*\") ?\}", " ", source)
        texts[name] = re.sub(r"\{ \$\w+ ->|\*?\[\w+\] ", "", source)
    return texts


def asked_for() -> set[str]:
    """Return the ids that stand as they are in the screen's source."""
    found = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


def members() -> set[str]:
    listed = {f"{family}-{one}" for family, all_ in FAMILIES.items() for one in all_}
    return listed | {f"fault-{code}" for code in FAULT_CODES} | PLACES


def test_both_languages_have_the_same_texts() -> None:
    assert list(messages("ru")) == list(messages("en"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_written_twice(language: Language) -> None:
    resource = FluentParser().parse(read_locale(language))
    names = [one.id.name for one in resource.body if isinstance(one, ftl.Message)]
    assert [name for name in set(names) if names.count(name) > 1] == []


def test_every_text_is_used() -> None:
    unused = set(messages("ru")) - asked_for() - members()
    assert not unused


def test_every_text_that_is_asked_for_exists() -> None:
    families = {f"{family}-{one}" for family, all_ in FAMILIES.items() for one in all_}
    missing = families - set(messages("ru"))
    missing |= {f"fault-{code}" for code in BOX_ERRORS} - set(messages("ru"))
    assert not missing


def test_both_languages_put_the_same_values_into_a_text() -> None:
    def values(message: ftl.Message) -> set[str]:
        source = FluentSerializer().serialize_entry(message)
        return set(re.findall(r"\$(\w+)", source))

    russian, english = messages("ru"), messages("en")
    assert [
        name for name in russian if values(russian[name]) != values(english[name])
    ] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_speaks_like_a_program(language: Language) -> None:
    code_words = re.compile(r"\w_\w|\bNone\b|\bnull\b|[<>]|\.toml|https?:")
    assert {n: t for n, t in plain(language).items() if code_words.search(t)} == {}


def test_russian_texts_are_russian() -> None:
    strange = {}
    for name, text in plain("ru").items():
        words = set(re.findall(r"[A-Za-z][A-Za-z0-9]*", text))
        if more := words - LATIN_ALLOWED:
            strange[name] = more
    assert strange == {}


def test_english_texts_are_english() -> None:
    strange = {
        n: t for n, t in plain("en").items() if re.search("[а-яё]", t, re.IGNORECASE)
    }
    assert set(strange) == {"other-language-long", "settings-language"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_huge_words_can_be_drawn(language: Language) -> None:
    texts = Texts(language)
    huge = [name for name in messages(language) if name.endswith("-big")]
    huge += [f"state-{claim}" for claim in Claim]
    huge += ["baseline-eyes_open", "baseline-eyes_closed"]
    assert [name for name in huge if not can_write(texts(name))] == []


@pytest.mark.parametrize(
    ("n", "says"),
    [
        (0, "ждут отправки 0 сессий"),
        (1, "ждёт отправки 1 сессия"),
        (2, "ждут отправки 2 сессии"),
        (4, "ждут отправки 4 сессии"),
        (5, "ждут отправки 5 сессий"),
        (11, "ждут отправки 11 сессий"),
        (12, "ждут отправки 12 сессий"),
        (21, "ждёт отправки 21 сессия"),
        (22, "ждут отправки 22 сессии"),
        (111, "ждут отправки 111 сессий"),
    ],
)
def test_russian_counts_as_russians_do(n: int, says: str) -> None:
    assert Texts("ru")("upload-waiting", n=n) == says


@pytest.mark.parametrize(
    ("n", "says"),
    [(1.0, "в 1 раз"), (1.3, "в 1,3 раза"), (2.0, "в 2 раза"), (5.0, "в 5 раз")],
)
def test_alpha_waves_rise_so_many_times(n: float, says: str) -> None:
    assert f"{says}. " in Texts("ru")("baseline-alpha", n=n)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("alarm", ["headset_lost", "microphone_lost"])
def test_a_lost_device_says_nothing_of_the_other(alarm: str, language: Language) -> None:
    # In a pause, or without consent to sound, the other one is not recorded either.
    says = Texts(language).of("alarm", alarm)
    assert not re.search("пишется дальше|still recorded", says)


def test_numbers_have_the_comma_of_their_language() -> None:
    assert "0,4" in Texts("ru")("live-saved", n=0.4)
    assert "0.4" in Texts("en")("live-saved", n=0.4)


def test_a_missing_text_or_value_is_a_fault_of_ours_and_told() -> None:
    with pytest.raises(FormatError, match="no text 'nothing'"):
        Texts("ru")("nothing")
    with pytest.raises(FormatError, match="upload-waiting"):
        Texts("ru")("upload-waiting")
