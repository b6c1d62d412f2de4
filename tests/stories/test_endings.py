"""However a recording ends, what was shown as saved opens, and the terminal is sane."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import termios
from typing import TYPE_CHECKING

import pytest

from recorder.clock import NS_PER_S
from recorder.errors import ClientCodeError
from tests.core_limit import leaves_no_core
from tests.recorder_process import RecorderProcess
from tests.story import BIN, FORM, OpenedStory, Place, open_session, run, sessions_of

if TYPE_CHECKING:
    from pathlib import Path

# Samples are stamped when they are taken and saved when they have arrived.
TRANSPORT_NS = 150_000_000


def new_session(place: Place, before: set[Path]) -> Path:
    (session,) = sessions_of(place.box) - before
    return session


def complaints(recorder: RecorderProcess) -> list[str]:
    """Return what it told a person beside news of sessions that were cut off before."""
    lines = recorder.errors.splitlines()
    return [line for line in lines if "was cut off; what was saved" not in line]


def end_ns(opened: OpenedStory) -> int:
    end_s = min(opened.stamps_s("EEG")[-1], opened.heard_s()[-1])
    return round(float(end_s) * NS_PER_S)


def test_a_killed_session_is_signed_by_the_next_start_and_opens_up_to_the_last_tick(
    place: Place, out: Path
) -> None:
    before = sessions_of(place.box)
    with RecorderProcess(place.box, next(place.codes), part_length_s=60) as recorder:
        recorder.wait_for_lines(4)
        promise = recorder.promise()
        recorder.kill()
    session = new_session(place, before)
    assert not (session / "manifest.json.sig").exists()
    after = run(
        *("fieldrec", "record", "--box", place.box, "--client", next(place.codes)),
        *(*FORM, "--headset", "simulated", "--microphone", "none", "--duration", "1"),
    )
    assert after.code == 0
    assert f"session {session.name} was cut off" in after.err
    opened = open_session(place, session, out)
    assert opened.code == 0
    assert opened.integrity["signed"]
    assert not opened.integrity["clean"]
    assert opened.integrity["problems"] == []
    assert opened.integrity["recovered_from_journal_s"] > 2
    assert end_ns(opened) >= promise.saved_host_ns - TRANSPORT_NS


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT]
)
def test_asked_to_stop_it_closes_cleanly(
    place: Place, out: Path, number: signal.Signals
) -> None:
    before = sessions_of(place.box)
    with RecorderProcess(place.box, next(place.codes)) as recorder:
        recorder.wait_for_lines(2)
        promise = recorder.promise()
        recorder.process.send_signal(number)
        assert recorder.wait() == 0
    assert recorder.result is not None
    assert recorder.result["clean"]
    assert not complaints(recorder)
    opened = open_session(place, new_session(place, before), out)
    assert opened.code == 0
    assert opened.integrity["clean"]
    assert opened.integrity["recovered_from_journal_s"] == 0
    assert end_ns(opened) >= promise.saved_host_ns - TRANSPORT_NS


def test_interrupted_twice_it_leaves_at_once_and_what_was_saved_opens(
    place: Place, out: Path
) -> None:
    before = sessions_of(place.box)
    with RecorderProcess(place.box, next(place.codes), part_length_s=60) as recorder:
        terminal = os.dup(recorder._terminal)
        recorder.wait_for_lines(3)
        promise = recorder.promise()
        assert not termios.tcgetattr(terminal)[3] & termios.ECHO
        # Both wait for it when it goes on: no recorder can close in between.
        recorder.freeze()
        recorder.process.send_signal(signal.SIGINT)
        recorder.process.send_signal(signal.SIGTERM)
        recorder.thaw()
        assert recorder.wait() == 130
    assert recorder.result is None
    assert not complaints(recorder)
    assert termios.tcgetattr(terminal)[3] & termios.ECHO
    os.close(terminal)
    session = new_session(place, before)
    assert (session / "0001.open" / "journal").exists()
    opened = open_session(place, session, out)
    assert opened.code == 73  # nothing signed it yet
    assert end_ns(opened) >= promise.saved_host_ns - TRANSPORT_NS


def test_it_never_leaves_a_core_dump(place: Place) -> None:
    with RecorderProcess(place.box, next(place.codes)) as recorder:
        recorder.wait_for_lines(1)
        assert leaves_no_core(recorder.process.pid)
        assert recorder.interrupt() == 0


def test_only_the_client_who_was_cut_off_is_continued(place: Place, out: Path) -> None:
    before = sessions_of(place.box)
    client, other = next(place.codes), next(place.codes)
    with RecorderProcess(place.box, client) as recorder:
        recorder.wait_for_lines(1)
        recorder.kill()
    cut_off = new_session(place, before)
    asked = ("fieldrec", "record", "--box", place.box, *FORM, "--duration", "1")
    devices = ("--headset", "simulated", "--microphone", "none", "--continue")
    refused = run(*asked, *devices, "--client", other)
    assert refused.code == ClientCodeError.code
    assert "the session that was cut off was another client's" in refused.err
    assert not {client, other} & set(re.split(r"\W+", refused.err))
    assert sessions_of(place.box) == before | {cut_off}
    went_on = run(*asked, *devices, "--client", client)
    assert went_on.code == 0, went_on.err
    run_2 = open_session(place, new_session(place, before | {cut_off}), out)
    sheet = json.loads((run_2.folder / "session.json").read_text())
    assert sheet["continues"] == cut_off.name


def test_a_closed_terminal_ends_no_recording(place: Place) -> None:
    with RecorderProcess(place.box, next(place.codes)) as recorder:
        recorder.wait_for_lines(1)
        open_s = _cpu_s_of_two_lines(recorder)
        os.close(recorder._terminal)
        recorder._terminal = os.open(os.devnull, os.O_RDONLY)
        recorder.wait_for_lines(len(recorder.lines) + 1)
        closed_s = _cpu_s_of_two_lines(recorder)
        # A thread that spins would take two seconds more.
        assert closed_s < 2 * open_s + 0.8, (open_s, closed_s)
        assert recorder.interrupt() == 0


def _cpu_s_of_two_lines(recorder: RecorderProcess) -> float:
    """Return the processor's time that it takes for two more seconds of recording."""
    used_s = _cpu_s(recorder.process.pid)
    recorder.wait_for_lines(len(recorder.lines) + 2)
    return _cpu_s(recorder.process.pid) - used_s


def _cpu_s(pid: int) -> float:
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:  # noqa: PTH123 - proc(5)
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_in_a_terminal_one_line_tells_how_it_goes(place: Place) -> None:
    master, slave = os.openpty()
    before = termios.tcgetattr(slave)
    process = subprocess.Popen(
        [
            *(BIN / "fieldrec", "record", "--box", place.box),
            *("--client", next(place.codes), *FORM, "--duration", "2.5"),
            *("--headset", "simulated", "--microphone", "simulated"),
        ],
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    assert process.wait(60) == 0
    shown = os.read(master, 100_000).decode()
    assert re.search(r"rec 00:00:\d\d  saved 00:00:\d\d", shown)
    assert "EEG 250.0 Hz" in shown
    assert re.search(r" -\d+ dB  \d+ min free", shown)
    assert "0 samples lost" in shown.splitlines()[-2]
    assert str(place.box / "sessions") in shown.splitlines()[-1]
    assert termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)


def test_a_folder_that_goes_away_ends_with_one_line_and_a_sane_terminal(
    place: Place,
) -> None:
    before = sessions_of(place.box)
    with RecorderProcess(place.box, next(place.codes)) as recorder:
        terminal = os.dup(recorder._terminal)
        recorder.wait_for_lines(1)
        session = new_session(place, before)
        session.rename(place.box / "moved away")
        session.touch()  # so that it can't be made again
        recorder.wait_until(" ")
        assert recorder.interrupt() == 54
    session.unlink()
    (complaint,) = complaints(recorder)
    assert complaint.startswith("fieldrec: ")
    assert termios.tcgetattr(terminal)[3] & termios.ECHO
    os.close(terminal)


def test_the_last_line_of_json_is_the_result(place: Place) -> None:
    ended = run(
        *("fieldrec", "record", "--box", place.box, "--client", next(place.codes)),
        *(*FORM, "--headset", "simulated", "--microphone", "simulated"),
        *("--duration", "1.5", "--json"),
    )
    *status, result = [json.loads(line) for line in ended.out.splitlines()]
    assert set(result) == {
        *("session", "path", "seconds", "parts", "lost_samples", "xruns", "clean"),
    }
    promised = {
        *("elapsed_s", "saved_s", "eeg_rate_hz", "lost_samples", "xruns"),
        *("levels_db", "free_min", "phase"),
    }
    assert promised <= set(status[0])
