"""What can't be recorded is refused in one line, with its own code, and leaves nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from recorder.errors import (
    BoxError,
    ClientCodeError,
    ConsentError,
    FieldrecError,
    HeadsetError,
    KeyFileError,
    MicrophoneBusyError,
    MicrophoneFormatError,
    NoSuchMicrophoneError,
    PlaybackFileError,
    RecipientsError,
    RegisterError,
    StoreBusyError,
    StoreRightsError,
    StoreSpaceError,
    UnknownHeadsetError,
)
from tests.loop_disk import can_mount
from tests.recorder_process import RecorderProcess
from tests.story import FORM, Ended, Place, run, sessions_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.testcard import TestCards

USAGE = 2
SIMULATED = ("--headset", "simulated", "--microphone", "simulated")


@pytest.fixture
def box(place: Place, tmp_path: Path) -> Path:
    """Return a copy of the box without its sessions, to be spoiled."""
    copy = tmp_path / "BOX"
    shutil.copytree(
        place.box,
        copy,
        ignore=lambda folder, names: names if Path(folder).name == "sessions" else [],
    )
    return copy


@pytest.fixture
def client(place: Place) -> str:
    """Return the code of a client nobody has recorded."""
    return next(place.codes)


def try_to_record(box: Path, client: str, *options: object) -> Ended:
    given = options if "--headset" in options else (*SIMULATED, *options)
    asked = ("record", "--box", box, "--client", client, "--duration", "1", *given)
    return run("fieldrec", *asked)


def check_refusal(ended: Ended, error: type[FieldrecError], box: Path, *words: str) -> None:
    """Check a refusal: its code, one line that says ``words``, and no session."""
    assert ended.code == error.code, ended.err
    assert ended.out == ""
    assert ended.err.startswith("fieldrec: ")
    assert ended.err.count("\n") == 1
    assert "Traceback" not in ended.err
    assert "fault of ours" not in ended.err
    for word in words:
        assert word in ended.err
    if (box / "sessions").is_dir():
        assert sessions_of(box) == set()


# Devices


@pytest.mark.parametrize(
    ("headset", "error"),
    [
        ("nonsense", UnknownHeadsetError),
        ("serial:/dev/no-such-port:CYTON_BOARD", UnknownHeadsetError),
        ("serial:/dev/null:NO_SUCH_BOARD", UnknownHeadsetError),
        ("ble:no-address:MUSE_2_BOARD", UnknownHeadsetError),
        ("serial:/dev/null:CYTON_BOARD", HeadsetError),
        ("playback:/no/such/file.csv:CYTON_BOARD", PlaybackFileError),
        ("playback:/proc/self:CYTON_BOARD", PlaybackFileError),
        ("playback:/dev/null:CYTON_BOARD", PlaybackFileError),
    ],
)
def test_a_headset_that_can_not_be_used(
    box: Path, client: str, headset: str, error: type[FieldrecError]
) -> None:
    options = (*FORM, "--headset", headset, "--microphone", "none")
    check_refusal(try_to_record(box, client, *options), error, box)


@pytest.mark.parametrize("content", [b"\xff\x00 not rows", b"1,2,3\n", b"1\t2\t3\n" * 9])
def test_a_playback_file_that_is_none(
    box: Path, client: str, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(content)
    headset = f"playback:{file}:CYTON_BOARD"
    options = (*FORM, "--headset", headset, "--microphone", "none")
    ended = try_to_record(box, client, *options)
    check_refusal(ended, PlaybackFileError, box, str(file))


@pytest.mark.parametrize(
    "microphone", ["nonsense", "alsa:", "alsa:no_such_pcm", "file:/no/such/file.wav"]
)
def test_a_microphone_that_does_not_exist(box: Path, client: str, microphone: str) -> None:
    options = (*FORM, "--headset", "simulated", "--microphone", microphone)
    check_refusal(try_to_record(box, client, *options), NoSuchMicrophoneError, box)


def test_a_microphone_that_can_not_do_48_khz(
    box: Path, client: str, cards: TestCards
) -> None:
    pcm = cards.add("dictaphone", rate=44_100)
    options = (*FORM, "--headset", "simulated", "--microphone", f"alsa:{pcm}")
    ended = try_to_record(box, client, *options)
    check_refusal(ended, MicrophoneFormatError, box, "48000 Hz", "44100 Hz")


def test_a_width_no_microphone_has(box: Path, client: str) -> None:
    ended = try_to_record(box, client, *FORM, "--bits", 20)
    check_refusal(ended, MicrophoneFormatError, box, "20")


def test_a_microphone_and_a_box_that_another_recorder_holds(
    place: Place, box: Path, client: str, cards: TestCards
) -> None:
    pcm = cards.add_exclusive("only")
    held = ("--headset", "simulated", "--microphone", f"alsa:{pcm}")
    with RecorderProcess(place.box, next(place.codes), held) as recorder:
        recorder.wait_for_lines(1)
        ended = try_to_record(box, client, *FORM, *held)
        check_refusal(ended, MicrophoneBusyError, box, pcm)
        before = sessions_of(place.box)
        ended = try_to_record(place.box, client, *FORM)
        assert ended.code == StoreBusyError.code
        assert ended.err.startswith("fieldrec: another program is recording")
        assert sessions_of(place.box) == before
        assert recorder.interrupt() == 0
    check = try_to_record(box, client, *FORM, *held)
    assert check.code == 0, check.err


# Clients


def spoiled(text: str, others: str = "AB") -> str:
    """Return ``text`` with another last character: one of ``others``."""
    return text[:-1] + (others[0] if text[-1] != others[0] else others[1])


def test_a_client_code_with_a_wrong_check_character(box: Path, client: str) -> None:
    wrong = spoiled(client)
    ended = try_to_record(box, wrong, *FORM)
    check_refusal(ended, ClientCodeError, box)
    assert wrong not in ended.err


def test_a_client_the_lab_does_not_know(box: Path, stock_place: Place) -> None:
    stranger = next(stock_place.codes)
    ended = try_to_record(box, stranger, *FORM)
    check_refusal(ended, ClientCodeError, box, "unknown")
    assert stranger not in ended.err


@pytest.mark.parametrize(
    ("consent", "word"),
    [
        ((), "no consent"),
        (("--consent", "eeg", "--form", "1"), "audio"),
        (("--consent", "audio", "--form", "1"), "eeg"),
        (("--consent", "eeg,audio"), "form"),
        (("--form", "1"), "scopes"),
        (("--consent", "eeg,audio,everything", "--form", "1"), "everything"),
    ],
)
def test_a_client_without_the_consent_it_takes(
    box: Path, client: str, consent: tuple[str, ...], word: str
) -> None:
    ended = try_to_record(box, client, *consent)
    check_refusal(ended, ConsentError, box, word)
    assert client not in ended.err


def test_a_register_of_clients_that_the_lab_did_not_sign(box: Path, client: str) -> None:
    register = box / "lab" / "clients.json"
    register.write_text(register.read_text().replace('"serial":', '"serial": 1'))
    check_refusal(try_to_record(box, client, *FORM), RegisterError, box)


# The box


def test_a_folder_that_is_no_box(tmp_path: Path, client: str) -> None:
    ended = try_to_record(tmp_path / "nothing", client, *FORM)
    check_refusal(ended, BoxError, tmp_path / "nothing", "no box folder")


def test_a_box_without_a_default_headset(box: Path, client: str) -> None:
    ended = try_to_record(box, client, *FORM, "--headset", "")
    check_refusal(ended, BoxError, box, "--headset")


def test_recipients_that_could_not_be_trusted_with_a_session(
    place: Place, stock_place: Place, box: Path, client: str
) -> None:
    file = box / "lab" / "recipients.txt"
    lines = [line for line in file.read_text().splitlines() if line.startswith("age1")]
    old = (stock_place.lab / "public" / "recipients.txt").read_text().splitlines()
    secret = place.recovery.read_text().splitlines()[-1]
    assert secret.startswith("AGE-SECRET-KEY-")
    refused = {
        "none": [],
        "only one": lines[:1],
        "the same twice": lines[:1] * 2,
        "mixed types": [lines[0], *(line for line in old if line.startswith("age1"))],
        "a private key": [*lines, secret],
        "a typing error": [lines[0], spoiled(lines[1], "qp")],
    }
    for what, wrong in refused.items():
        file.write_text("".join(f"{line}\n" for line in wrong))
        ended = try_to_record(box, client, *FORM)
        check_refusal(ended, RecipientsError, box)
        assert "AGE-SECRET-KEY-" not in ended.err.replace("AGE-SECRET-KEY-...", ""), what


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_file_others_can_read(box: Path, client: str, mode: int) -> None:
    (box / "ssh_ed25519").chmod(mode)
    ended = try_to_record(box, client, *FORM)
    check_refusal(ended, KeyFileError, box, "ssh_ed25519", "chmod 600")


def test_a_key_file_that_holds_a_public_key(box: Path, client: str) -> None:
    key = box / "ssh_ed25519"
    made = subprocess.run(
        ["ssh-keygen", "-y", "-f", key], check=True, capture_output=True
    ).stdout
    key.write_bytes(made)
    check_refusal(try_to_record(box, client, *FORM), KeyFileError, box, "ssh_ed25519")


# The store


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """Mount something on ``folder``; skip where that is not allowed."""
    if not can_mount():
        pytest.skip("needs root and the right to mount")
    subprocess.run(["mount", *options, folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_store_without_space(box: Path, client: str) -> None:
    with mounted(box / "sessions", "-t", "tmpfs", "-o", "size=80m", "tmpfs"):
        ended = run(
            *("fieldrec", "record", "--box", box, "--client", client, *FORM),
            *(*SIMULATED, "--duration", 3600),
        )
        check_refusal(ended, StoreSpaceError, box, "60 are needed")


def test_a_store_that_can_not_be_written(box: Path, client: str) -> None:
    sessions = box / "sessions"
    if os.geteuid() != 0:
        sessions.chmod(0o500)
        check_refusal(try_to_record(box, client, *FORM), StoreRightsError, box)
        sessions.chmod(0o700)
        return
    with mounted(sessions, "-t", "tmpfs", "-o", "ro", "tmpfs"):
        check_refusal(try_to_record(box, client, *FORM), StoreRightsError, box)


# Usage


@pytest.mark.parametrize(
    "options",
    [
        ("--sim", "wobble=3"),
        ("--sim", "loss"),
        ("--sim", "loss=much"),
        ("--sim", "loss=2"),
        ("--sim", "seed=-1"),
        ("--sim", "drift_ppm=nan"),
        ("--sim", "mic_drift_ppm=-1000000"),
        ("--sim", "jitter_ms=inf"),
        ("--mode", "by-letter"),
        ("--part-length", "61"),
        ("--duration", "-1"),
        ("--channels", "3"),
        ("--no-such-option",),
    ],
)
def test_wrong_usage(box: Path, client: str, options: tuple[str, ...]) -> None:
    ended = try_to_record(box, client, *FORM, *options)
    assert ended.code == USAGE
    assert "Usage: fieldrec record" in ended.err
    assert options[0] in ended.err
    assert "Traceback" not in ended.err
    assert sessions_of(box) == set()
