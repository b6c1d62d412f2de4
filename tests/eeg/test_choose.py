"""A headset is what its name says, or is refused with advice before anything starts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from recorder.eeg.choose import open_headset
from recorder.eeg.messages import NO_DRIVER, Refused, Task
from recorder.eeg.montage import board
from recorder.eeg.refusals import refusal
from recorder.errors import (
    HeadsetError,
    PlaybackFileError,
    SetupError,
    UnknownHeadsetError,
)
from recorder.simulation import SimulationOptions, Truth
from tests.cyton_pty import CytonPty

if TYPE_CHECKING:
    from recorder.eeg.source import EegSource


def opened(spec: str) -> EegSource:
    return open_headset(spec, options=SimulationOptions(), truth=Truth(0))


@pytest.mark.parametrize(
    ("spec", "name"), [("simulated", "simulated"), ("synthetic", "SYNTHETIC_BOARD")]
)
def test_no_living_head_says_so(spec: str, name: str) -> None:
    source = opened(spec)
    assert source.board.name == name
    assert source.simulated


def test_a_playback_file_may_have_colons_and_is_no_living_head(tmp_path: Path) -> None:
    file = tmp_path / "12:30.csv"
    file.write_text("0\n")
    source = opened(f"playback:{file}:CYTON_BOARD")
    assert source.simulated
    assert source.board.name == "CYTON_BOARD"
    assert source.description == {"board": "CYTON_BOARD", "address": str(file)}


def test_a_serial_board_is_a_living_head(tmp_path: Path) -> None:
    with CytonPty(tmp_path) as pty:
        source = opened(f"serial:{pty.port}:CYTON_DAISY_BOARD")
    assert not source.simulated
    assert source.board.n_channels == 16


def test_bluetooth_addresses_are_written_as_bluez_does() -> None:
    source = opened("ble:aa:bb:cc:dd:ee:0f:MUSE_2_BOARD")
    assert source.description["address"] == "AA:BB:CC:DD:EE:0F"
    assert opened("ble:UN-2019.05.51:UNICORN_BOARD").board.name == "UNICORN_BOARD"


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "simulated:",
        "Simulated",
        "serial",
        "serial:",
        "serial::",
        "serial:/dev/null",
        "serial:/dev/null:",
        "serial::CYTON_BOARD",
        "serial:/dev/null:NO_BOARD",
        "serial:/dev/null:MUSE_2_BOARD",
        "serial:/dev/null:SYNTHETIC_BOARD",
        "serial:/dev/null:simulated",
        "serial:/dev/none:CYTON_BOARD",
        "serial:/etc/passwd:CYTON_BOARD",
        "ble:AA:BB:CC:DD:EE:MUSE_2_BOARD",
        "ble:AA:BB:CC:DD:EE:FF:CYTON_BOARD",
        "ble:AA:BB:CC:DD:EE:GG:MUSE_2_BOARD",
        "usb:/dev/null:CYTON_BOARD",
        "playback:/etc/passwd:simulated",
    ],
)
def test_what_is_no_headset_is_refused(spec: str) -> None:
    with pytest.raises(UnknownHeadsetError) as refused:
        opened(spec)
    assert refused.value.hint or "no device" in refused.value.message


@pytest.mark.skipif(os.getuid() == 0, reason="root may open every port")
def test_a_port_closed_to_the_user_names_the_group(tmp_path: Path) -> None:
    with CytonPty(tmp_path) as pty:
        pty.port.chmod(0)
        with pytest.raises(HeadsetError, match="dialout"):
            opened(f"serial:{pty.port}:CYTON_BOARD")


def test_a_playback_file_that_can_not_be_read_is_refused(tmp_path: Path) -> None:
    empty, pipe = tmp_path / "empty.csv", tmp_path / "pipe.csv"
    empty.touch()
    os.mkfifo(pipe)
    for file, why in (
        (tmp_path / "none.csv", "No such file"),
        (tmp_path, "Is a directory"),
        (empty, "is empty"),
        (pipe, "no plain file"),
        (Path("/dev/zero"), "no plain file"),
    ):
        with pytest.raises(PlaybackFileError, match=why):
            opened(f"playback:{file}:CYTON_BOARD")


def test_a_library_for_another_machine_is_a_fault_of_the_set_up() -> None:
    wrong = Refused(NO_DRIVER, "libBoardController.so: wrong ELF class")
    error = refusal(board("CYTON_BOARD"), Task("CYTON_BOARD"), wrong)
    assert isinstance(error, SetupError)
    assert "wrong ELF class; its wheel is for x86-64" in str(error)


@pytest.mark.parametrize(
    ("name", "code", "kind", "advice"),
    [
        ("CYTON_BOARD", 1, HeadsetError, "close the other program"),
        ("CYTON_BOARD", 2, HeadsetError, "dialout"),
        ("CYTON_BOARD", 7, HeadsetError, "switch the board on"),
        ("MUSE_2_BOARD", 2, HeadsetError, "no Bluetooth adapter"),
        ("MUSE_2_BOARD", 7, UnknownHeadsetError, "switch the headset on"),
        ("MUSE_2_BOARD", 13, HeadsetError, "check the address"),
        ("PIEEG_BOARD", 14, HeadsetError, "BUILD_PERIPHERY"),
        ("CYTON_BOARD", 17, HeadsetError, "GENERAL_ERROR:17; switch it off and on"),
    ],
)
def test_brainflows_codes_become_sentences_with_advice(
    name: str, code: int, kind: type[HeadsetError], advice: str
) -> None:
    error = refusal(board(name), Task(name), Refused(code, "GENERAL_ERROR:17"))
    assert type(error) is kind
    assert advice in str(error)
    assert str(error).startswith(board(name).model)
