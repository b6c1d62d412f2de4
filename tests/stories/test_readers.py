"""Whoever reads what the recorder tells, or stopped reading, never touches a recording."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import termios
import time
from typing import IO, TYPE_CHECKING

from recorder.clock import NS_PER_S, read_host_ns
from recorder.errors import BoxError
from tests.story import BIN, FORM, Place, open_session, sessions_of

if TYPE_CHECKING:
    from pathlib import Path

PAGE_BYTES = 4096
PATIENCE_S = 60.0


def start(
    place: Place, *options: str, stdout: int, stderr: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """Start a recorder; what it tells goes to ``stdout`` and ``stderr``."""
    return subprocess.Popen(
        [
            *(str(BIN / "fieldrec"), "record", *FORM, *options),
            *("--box", str(place.box), "--client", next(place.codes)),
            *("--headset", "simulated", "--microphone", "simulated"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
    )


def full_pipe() -> tuple[int, int]:
    """Return a pipe of one page that nothing more fits into."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PAGE_BYTES)
    os.write(writer, b"\n" * PAGE_BYTES)
    return reader, writer


def wait_for_session(
    recorder: subprocess.Popen[bytes], place: Place, before: set[Path]
) -> Path:
    """Return the folder of the session that begins, once its first part is there."""
    until_ns = read_host_ns() + round(PATIENCE_S * NS_PER_S)
    while read_host_ns() < until_ns:
        assert recorder.poll() is None, f"it ended with {recorder.returncode}"
        for folder in sessions_of(place.box) - before:
            if any(folder.glob("*.open")):
                return folder
        time.sleep(0.02)
    recorder.kill()
    recorder.wait()
    raise AssertionError("no session began")


def ended(recorder: subprocess.Popen[bytes]) -> int:
    """Return its exit code; one that does not end is killed."""
    try:
        return recorder.wait(PATIENCE_S)
    finally:
        recorder.kill()
        recorder.wait()


def check_clean(session: Path) -> None:
    assert (session / "manifest.json.sig").exists()
    assert json.loads((session / "manifest.json").read_text())["clean"]


def read_line(stream: IO[bytes] | None) -> bytes:
    assert stream is not None
    with stream:
        return stream.readline()


def test_a_reader_that_goes_away_ends_no_recording(place: Place, out: Path) -> None:
    before = sessions_of(place.box)
    recorder = start(place, "--json", "--duration", "3.5", stdout=subprocess.PIPE)
    assert "elapsed_s" in json.loads(read_line(recorder.stdout))
    assert ended(recorder) == 0
    (session,) = sessions_of(place.box) - before
    check_clean(session)
    stamps_s = open_session(place, session, out).stamps_s("EEG")
    assert stamps_s[-1] - stamps_s[0] > 3


def test_a_reader_that_stops_reading_keeps_no_recording_from_its_end(place: Place) -> None:
    before = sessions_of(place.box)
    reader, writer = full_pipe()
    recorder = start(place, "--json", "--duration", "2.5", stdout=writer)
    assert ended(recorder) == 0
    (session,) = sessions_of(place.box) - before
    check_clean(session)
    os.close(writer)
    os.close(reader)


def test_a_reader_that_stops_reading_keeps_no_signal_from_it(place: Place) -> None:
    before = sessions_of(place.box)
    reader, writer = full_pipe()
    recorder = start(place, "--json", stdout=writer)
    session = wait_for_session(recorder, place, before)
    time.sleep(2)  # so that a status line was due
    recorder.send_signal(signal.SIGTERM)
    assert ended(recorder) == 0
    check_clean(session)
    os.close(writer)
    os.close(reader)


def test_a_terminal_stopped_by_ctrl_s_stops_no_recording(place: Place) -> None:
    before = sessions_of(place.box)
    master, slave = os.openpty()
    termios.tcflow(slave, termios.TCOOFF)
    recorder = start(place, "--duration", "1.5", stdout=slave, stderr=slave)
    assert ended(recorder) == 0
    (session,) = sessions_of(place.box) - before
    check_clean(session)
    os.close(slave)
    os.close(master)


def test_without_any_stream_it_records_all_the_same(place: Place) -> None:
    before = sessions_of(place.box)
    command = [
        *(BIN / "fieldrec", "record", "--box", place.box, "--client", next(place.codes)),
        *(*FORM, "--headset", "simulated", "--microphone", "none", "--duration", "1"),
    ]
    closed = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *map(str, command)]
    assert subprocess.run(closed, check=False, timeout=PATIENCE_S).returncode == 0
    (session,) = sessions_of(place.box) - before
    check_clean(session)


def test_an_error_that_nobody_reads_keeps_its_code(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    told_nobody = subprocess.run(
        [BIN / "fieldrec", "sessions", "--box", str(tmp_path / "none")],
        check=False,
        stdout=writer,
        stderr=writer,
        timeout=60,
    )
    os.close(writer)
    assert told_nobody.returncode == BoxError.code
